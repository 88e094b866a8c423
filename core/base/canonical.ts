import { isObject, type JsonObject, tokenOf } from './json.ts'
import { canonicalNumber } from './number.ts'

/**
 * Writes JSON with the members of each object in order, so that equal values are equal texts. Numbers are compared by
 * their exact value, however they are written: 1, 1.0 and 1e0 are equal, 9007199254740992 and 9007199254740993 are not.
 */
export function canonicalJson(json: unknown): string {
  const token = tokenOf(json)
  if (token !== null) return canonicalNumber(token)
  if (Array.isArray(json)) return `[${json.map(canonicalJson).join()}]`
  if (!isObject(json)) return JSON.stringify(json)
  const members = Object.keys(json).toSorted().map((key) =>
    `${JSON.stringify(key)}:${canonicalJson((json as JsonObject)[key])}`
  )
  return `{${members.join()}}`
}
