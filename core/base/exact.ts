import type { JsonText } from './ids.ts'
import { fromText, type Json, NUMBER_CHARS_MAX, numberAs, tokenOf, unmarked } from './json.ts'
import { fitsDouble, isJsonNumber } from './number.ts'

/** JSON for programs that must not lose digits: a number that no double can hold is a `bigint` or an `ExactNumber`. */

/** A JSON number that no double can hold, for instance `1e400` or `0.12345678901234567891`. */
export class ExactNumber {
  /** The number, digit for digit. */
  readonly text: string

  /** Throws a `TypeError` for text that is not a JSON number. */
  constructor(text: string) {
    if (!isJsonNumber(text)) throw new TypeError(`${text} is not a JSON number`)
    this.text = text
  }

  toString(): string {
    return this.text
  }

  /** For serialisers that do not know this class: a text rather than a rounded number. */
  toJSON(): string {
    return this.text
  }
}

/** True for a number that no double can hold. */
export function isExact(value: unknown): value is bigint | ExactNumber {
  return typeof value === 'bigint' || value instanceof ExactNumber
}

/**
 * `JSON.parse` without loss: an integer of up to 1,000 digits that no double can hold becomes a `bigint`, any other
 * such number an `ExactNumber`, and all others numbers. Throws the same `SyntaxError`.
 */
export function parseExact(text: string): unknown {
  return read(fromText(text as JsonText), exactNumber)
}

/**
 * The same, for values that will be written again unchanged: each number whose notation a double would change is exact.
 */
export function parseWritten(text: string): unknown {
  return read(fromText(text as JsonText), (token) => new ExactNumber(token))
}

/** `JSON.stringify`, with `bigint` and `ExactNumber` written as numbers. */
export function stringifyExact(value: unknown, space?: number): string {
  const text = JSON.stringify(value, withExact, space) as string | undefined
  // `JSON.stringify` returns undefined for a function, though its type does not say so.
  return text === undefined ? text as never : unmarked(text)
}

function exactNumber(token: string): number | bigint | ExactNumber {
  if (fitsDouble(token)) return Number(token)
  // Converting digits to a bigint takes more than linear time, and no more digits than this are accepted anyway.
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
  // A value with a `toJSON` arrives here after its conversion.
  const own: unknown = Reflect.get(this, key)
  if (isExact(own)) return numberAs(String(own))
  // A text that looks like a marked number in `Parsed.written` is not one; a further U+0000 shows that.
  const token = tokenOf(value)
  return token === null || !isJsonNumber(token) ? value : `\u0000\u0000${token}`
}
