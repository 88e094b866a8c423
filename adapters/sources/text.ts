import type { JsonText } from '../../core/base/ids.ts'

/** JSON text of data from outside, safe for the database: well-formed and without U+0000. */
export function cleanText(json: unknown): JsonText {
  return JSON.stringify(
    json,
    (_key, value: unknown) => typeof value === 'string' ? value.replaceAll('\0', '\ufffd').toWellFormed() : value,
  ) as JsonText
}
