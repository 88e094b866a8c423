import { parseDefinition, problemText } from '../../workflows/definition.ts'
import { definitionIn } from '../../workflows/shape.ts'
import type { DefinitionHash } from '../../core/base/ids.ts'
import { isObject, parseJson, toText } from '../../core/base/json.ts'
import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import { definitionNeeds, NODE_GRAPH } from '../../core/protocol/repertoire.ts'
import { sha256 } from '../crypto/secrets.ts'
import type { DefinitionRow } from '../../core/records/workflow.ts'

/**
 * The stored form of a workflow definition: its text, unchanged, with its hash. A wrapper around it is removed.
 * INVALID_PAYLOAD when it is not a JSON object, or neither a graph of nodes nor an object that names its format.
 */
export function definitionOf(given: string | object): DefinitionRow | Refusal {
  const json = typeof given === 'string' ? given : toText(given)
  const parsed = parseJson(json)
  if (isRefusal(parsed)) {
    return refuse('INVALID_PAYLOAD', `The workflow definition is not valid JSON: ${parsed.message}`)
  }
  if (!isObject(parsed.json)) return refuse('INVALID_PAYLOAD', 'The workflow definition must be a JSON object')
  const found = definitionIn(json, parsed.json)
  if ('problem' in found) return refuse('INVALID_PAYLOAD', `The workflow definition ${found.problem}`)
  return { hash: sha256(found.json) as DefinitionHash, json: found.json }
}

/** The same for a workflow that is kept: INVALID_PAYLOAD with every problem there is in its nodes. */
export function validDefinition(given: string | object): DefinitionRow | Refusal {
  const definition = definitionOf(given)
  if (isRefusal(definition) || definitionNeeds(definition.json).format !== NODE_GRAPH) return definition
  const parsed = parseDefinition(definition.json)
  if (!('problems' in parsed)) return definition
  const { problems } = parsed
  const message = `The workflow definition is not valid: ${problemText(problems.slice(0, 3))}`
  return refuse('INVALID_PAYLOAD', message, { problems })
}
