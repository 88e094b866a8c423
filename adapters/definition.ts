import type { DefinitionHash } from '../core/ids.ts'
import { isObject, parseJson } from '../core/protocol/json.ts'
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
