/**
 * UUIDs and hashes are stored as the 16 or 32 bytes that their digits stand for, in fewer than half of their characters.
 * Any other text in such a column is stored as it is: blobs and texts are never equal in SQLite.
 */

/** The length of the text of a UUID, with its hyphens. */
const UUID_CHARS = 36
const HASH_CHARS = 64
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const HASH = /^[0-9a-f]{64}$/

/** The form in which such a text is a parameter: digits, or the text with a sign before it, which no digit is. */
export function bytesParameter(text: string): string {
  if (text.length === UUID_CHARS && UUID.test(text)) {
    return text.slice(0, 8) + text.slice(9, 13) + text.slice(14, 18) + text.slice(19, 23) + text.slice(24)
  }
  return text.length === HASH_CHARS && HASH.test(text) ? text : `=${text}`
}

/** The stored value of a parameter in this form. The expression is evaluated twice. */
export function bytesSql(parameter: string): string {
  return `ifnull(unhex(${parameter}), substr(${parameter}, 2))`
}

/** The stored value of the first parameter. */
export const BYTES = bytesSql('?1')

/** The stored values of the parameter, a JSON array of parameters in this form. */
export const BYTES_LIST = `(select ${bytesSql('value')} from json_each(?))`

/** The parameter for `BYTES_LIST`. */
export function bytesList(texts: readonly string[]): string {
  return JSON.stringify(texts.map(bytesParameter))
}

/** The expression that reads a column as text: digits with `*` before them, a text with `+`, and for null the third. */
export function bytesPartSql(name: string, absent = "'-'"): string {
  return `case typeof(${name}) when 'blob' then '*' || hex(${name}) when 'null' then ${absent} else '+' || ${name} end`
}

/** Reads a value that is not null of this expression. */
export function textOfPart(part: string): string {
  if (!part.startsWith('*')) return part.slice(1)
  const digits = part.slice(1).toLowerCase()
  if (digits.length !== 32) return digits
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${
    digits.slice(20)
  }`
}
