import type { JsonText } from '../../core/base/ids.ts'

/** JSON text of what the world has sent, of which the database reads every character: without U+0000, and well-formed. */
export function cleanText(json: unknown): JsonText {
  return JSON.stringify(
    json,
    (_key, value: unknown) => typeof value === 'string' ? value.replaceAll('\0', '\ufffd').toWellFormed() : value,
  ) as JsonText
}
