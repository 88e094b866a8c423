import { parseDefinition, type Problem, problemText } from '../workflows/definition.ts'
import type { DefinitionHash } from '../core/ids.ts'
import { isObject, type JsonObject, parseJson } from '../core/protocol/json.ts'
import { isRefusal, type Refusal, refuse } from '../core/protocol/refusal.ts'
import type { DefinitionRow } from '../core/state.ts'
import { sha256 } from './secret.ts'

/** A workflow definition as it is stored: by hash, and otherwise untouched. INVALID_PAYLOAD when it is no JSON object. */
export function definitionOf(given: string | object): DefinitionRow | Refusal {
  const json = typeof given === 'string' ? given : JSON.stringify(given)
  const parsed = parseJson(json)
  if (isRefusal(parsed)) {
    return refuse('INVALID_PAYLOAD', `The workflow definition is no JSON: ${parsed.message}`)
  }
  if (!isObject(parsed.json)) return refuse('INVALID_PAYLOAD', 'The workflow definition must be a JSON object')
  return { hash: sha256(json) as DefinitionHash, json }
}

/** The same for a workflow that is kept: INVALID_PAYLOAD with every problem there is in it. */
export function validDefinition(given: string | object): DefinitionRow | Refusal {
  const definition = definitionOf(given)
  if (isRefusal(definition)) return definition
  const problems = problemsIn(definition)
  if (problems.length === 0) return definition
  const message = `The workflow definition is not valid: ${problemText(problems.slice(0, 3))}`
  return refuse('INVALID_PAYLOAD', message, { problems })
}

/**
 * What is wrong with a definition in the canonical shape. Definitions come in other shapes too, for robots that know
 * them; those are taken as they are.
 */
function problemsIn({ json }: DefinitionRow): readonly Problem[] {
  if (!isObject((JSON.parse(json) as JsonObject)['nodes'])) return []
  const parsed = parseDefinition(json)
  return 'problems' in parsed ? parsed.problems : []
}
