import type { JsonText } from './ids.ts'
import { fromText, type Json, NUMBER_CHARS_MAX, numberAs, tokenOf, unmarked } from './json.ts'
import { fitsDouble, isJsonNumber } from './number.ts'

/** JSON for programs that must not lose a digit: what a double cannot keep is a `bigint` or an `ExactNumber`. */

/** A number as JSON writes it that no double has: `1e400`, `0.12345678901234567891`. */
export class ExactNumber {
  /** Digit for digit. */
  readonly text: string

  /** Throws a `TypeError` for what is no number of JSON. */
  constructor(text: string) {
    if (!isJsonNumber(text)) throw new TypeError(`${text} is not a JSON number`)
    this.text = text
  }

  toString(): string {
    return this.text
  }

  /** For writers that do not know of it, a text rather than a number that is nearly right. */
  toJSON(): string {
    return this.text
  }
}

/** Whether it is a number that no double has. */
export function isExact(value: unknown): value is bigint | ExactNumber {
  return typeof value === 'bigint' || value instanceof ExactNumber
}

/**
 * `JSON.parse` without the loss: a whole number of up to 1,000 digits that a double cannot keep is a `bigint`, any other such
 * number an `ExactNumber`, and all others are numbers. Throws a `SyntaxError` as it does.
 */
export function parseExact(text: string): unknown {
  return read(fromText(text as JsonText), exactNumber)
}

/** The same, where what is read is to be written again as it was: each number that would be written in another way is exact. */
export function parseWritten(text: string): unknown {
  return read(fromText(text as JsonText), (token) => new ExactNumber(token))
}

/** `JSON.stringify` that writes `bigint` and `ExactNumber` as the numbers that they are. */
export function stringifyExact(value: unknown, space?: number): string {
  const text = JSON.stringify(value, withExact, space) as string | undefined
  // For a function there is no text, though the type of `JSON.stringify` says so.
  return text === undefined ? text as never : unmarked(text)
}

function exactNumber(token: string): number | bigint | ExactNumber {
  if (fitsDouble(token)) return Number(token)
  // Making a bigint of digits takes longer than in proportion, and nobody here passes on more of them.
  return /^-?\d+$/.test(token) && token.length <= NUMBER_CHARS_MAX ? BigInt(token) : new ExactNumber(token)
}

function read(written: Json, numberOf: (token: string) => unknown): unknown {
  const token = tokenOf(written)
  if (token !== null) return numberOf(token)
  if (typeof written !== 'object' || written === null) return written
  if (Array.isArray(written)) return written.map((item: Json) => read(item, numberOf))
  return Object.fromEntries(Object.entries(written).map(([key, value]) => [key, read(value, numberOf)]))
}

function withExact(this: object, key: string, value: unknown): unknown {
  // What has a `toJSON` comes here as what that has made of it.
  const own: unknown = Reflect.get(this, key)
  if (isExact(own)) return numberAs(String(own))
  // A text that looks like a number in `Parsed.written` is none, and with one more U+0000 it looks like none.
  const token = tokenOf(value)
  return token === null || !isJsonNumber(token) ? value : `\u0000\u0000${token}`
}
