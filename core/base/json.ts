import type { JsonText } from './ids.ts'
import { fitsDouble } from './number.ts'
import { closingQuote } from './quote.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'

/** Limits that keep the cost of hostile JSON proportional to its size. */
export const JSON_DEPTH_MAX = 64
export const JSON_KEYS_MAX = 100_000
/** Python, which most robots are written in, parses integers of up to 4,300 digits only. */
export const NUMBER_CHARS_MAX = 1_000

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/** One value in two forms. If every number is written as a double would be, both are the same object. */
export interface Parsed {
  /** For reading: numbers are doubles, and may have lost digits. */
  readonly json: Json
  /**
   * For passing on: `toText` writes each number digit for digit as it came. A number whose notation a double would
   * change is represented by a text that begins with U+0000, which no other text contains.
   */
  readonly written: Json
}

/**
 * Parses text into JSON that every runtime stores and reads back alike, or refuses it.
 *
 * 1. Bare `NaN` and `Infinity`, which Python writes, are read as `null`.
 * 2. U+0000 is refused: SQLite reads text back only up to it.
 * 3. Lone surrogates become U+FFFD: runtimes disagree on how many they become when stored.
 * 4. Nesting, the number of members and the length of a number are bounded: a value nested deeper than about 4,000 levels
 *    can be parsed but never written again.
 */
export function parseJson(given: string): Parsed | Refusal {
  const read = readJson(given)
  if (isRefusal(read)) return read
  const { json, written } = read
  const budget = { members: JSON_KEYS_MAX }
  const problem = inspect(json, 0, budget)
  if (problem !== null) return refuse('INVALID_PAYLOAD', problem)
  if (json !== written && hasLongNumber(given)) {
    return refuse('INVALID_PAYLOAD', `A number must not have more than ${NUMBER_CHARS_MAX} characters`)
  }
  if (given.isWellFormed() && !SURROGATE.test(given)) return read
  const mended = wellFormed(json)
  return { json: mended, written: json === written ? mended : wellFormed(written) }
}

/** Parses text into JSON by rule 1 alone: the JSON may be of any size and content. */
export function readJson(given: string): Parsed | Refusal {
  // Decoding bytes removes a byte order mark; a text frame may still have one.
  const text = given.startsWith('\ufeff') ? given.slice(1) : given
  try {
    return readBoth(text)
  } catch (error) {
    const refusal = refuse('INVALID_JSON', `Malformed JSON: ${reasonOf(error)}`)
    const repaired = withoutBareNumbers(text)
    if (repaired === null) return refusal
    try {
      return readBoth(repaired)
    } catch {
      return refusal
    }
  }
}

function readBoth(text: string): Parsed {
  const json = JSON.parse(text) as Json
  return { json, written: hasUnlikeDouble(text) ? asWritten(text) : json }
}

/** The text of a value from `parseJson`, in either form, or of one that our own code built. */
export function toText(json: unknown, space?: number): JsonText {
  return unmarked(JSON.stringify(json, undefined, space)) as JsonText
}

/** Restores the numbers in text that `JSON.stringify` made of `Parsed.written`. */
export function unmarked(text: string): string {
  return text.includes('"\\u0000') ? text.replace(MARKED, '$1$2') : text
}

/** Parses text that `toText` has written back into `Parsed.written`. Throws a `SyntaxError` for invalid JSON. */
export function fromText(text: JsonText): Json {
  return readBoth(text).written
}

/** The original notation of a marked number; null for every other value of `Parsed.written`. */
export function tokenOf(written: unknown): string | null {
  return typeof written === 'string' && written.startsWith(MARK) ? written.slice(1) : null
}

/** A number in `Parsed.written` with this notation, digit for digit. */
export function numberAs(token: string): Json {
  return isUnlike(token) ? MARK + token : Number(token)
}

/** The path and notation of the first number in `written` that no double can hold; null if there is none. */
export function firstLost(written: Json, path: string): { readonly path: string; readonly token: string } | null {
  const token = tokenOf(written)
  if (token !== null) return fitsDouble(token) ? null : { path, token }
  if (typeof written !== 'object' || written === null) return null
  for (const [key, value] of Object.entries(written)) {
    const lost = firstLost(value as Json, path === '' ? key : `${path}.${key}`)
    if (lost !== null) return lost
  }
  return null
}

/** True for a JSON object, not for an array or null. */
export function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

const MARK = '\u0000'

/**
 * True if a double would write a number of this JSON differently: `1.0`, `1e3`, `-0`, or more digits than it has. Runs
 * for every frame and body, at a fraction of the cost of parsing.
 */
function hasUnlikeDouble(text: string): boolean {
  return someNumber(text, (from, end) => mayBeUnlike(text, from, end) && isUnlike(text.slice(from, end)))
}

/** Calls `found` with the start and end of each number until it returns true. */
function someNumber(text: string, found: (from: number, end: number) => boolean): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = closingQuote(text, i)
    else if (code === MINUS || isDigit(code)) {
      const end = numberEnd(text, i)
      if (found(i, end)) return true
      i = end - 1
    }
  }
  return false
}

const [QUOTE, MINUS, DOT, ZERO] = [34, 45, 46, 48]

function isDigit(code: number): boolean {
  return code >= ZERO && code < ZERO + 10
}

/** The position after the digits, the fraction and the exponent. */
function numberEnd(text: string, from: number): number {
  let at = from + 1
  for (;; at++) {
    const code = text.charCodeAt(at)
    // These characters make up a number, and none of them can follow one: digits, `.`, `e`, `E`, `+` and `-`.
    if (!isDigit(code) && code !== DOT && code !== 101 && code !== 69 && code !== 43 && code !== MINUS) return at
  }
}

/** False for short integers and short fractions, the most common numbers, which need no second look. */
function mayBeUnlike(text: string, from: number, end: number): boolean {
  const last = text.charCodeAt(end - 1)
  if (end - from > 15 || (last === ZERO && text.charCodeAt(end - 2) === MINUS)) return true
  let dot = end
  for (let at = from + 1; at < end; at++) {
    if (text.charCodeAt(at) === DOT) dot = at
    else if (!isDigit(text.charCodeAt(at))) return true
  }
  return dot < end && (last === ZERO || end - dot > 6)
}

function isUnlike(token: string): boolean {
  return String(Number(token)) !== token
}

/** A quote after one of these characters opens a string: inside a string it would follow a backslash. */
const MARKED = /(^|[\s:,[])"\\u0000([-\d.eE+]+)"(?!:)/g

/** JSON that was parsed before, with each number marked whose notation a double would change. */
function asWritten(text: string): Json {
  // Backslashes occur in strings only.
  const plain = text.includes('\\u0000') ? text.replace(/\\(?:u0000|.)/g, unmarkedEscape) : text
  let marked = ''
  let rest = 0
  someNumber(plain, (from, end) => {
    const token = plain.slice(from, end)
    if (isUnlike(token)) {
      marked += `${plain.slice(rest, from)}"\\u0000${token}"`
      rest = end
    }
    return false
  })
  return JSON.parse(marked + plain.slice(rest)) as Json
}

function unmarkedEscape(escape: string): string {
  return escape === '\\u0000' ? '\\ufffd' : escape
}

function hasLongNumber(text: string): boolean {
  return someNumber(text, (from, end) => end - from > NUMBER_CHARS_MAX)
}

/** An escaped surrogate. Without one, well-formed text has well-formed strings. */
const SURROGATE = /\\u[dD][89a-fA-F]/

/**
 * The engine's message without line and column, which only newer engines add, so that it is the same on every runtime.
 * It quotes the text, and may cut a character in two.
 */
function reasonOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error)
  return words.replace(/ \(line \d+ column \d+\)$/, '').toWellFormed()
}

/**
 * Replaces bare `NaN` and `Infinity` by `null`; null if there are none. Strings are skipped by a scanner: a regular
 * expression for strings would retry at each quote when the last one is not closed.
 */
function withoutBareNumbers(text: string): string | null {
  let repaired = ''
  let rest = 0
  const quoteOrBare = /"|-?\b(?:NaN|Infinity)\b/g
  for (let found = quoteOrBare.exec(text); found !== null; found = quoteOrBare.exec(text)) {
    if (found[0] === '"') quoteOrBare.lastIndex = closingQuote(text, found.index) + 1
    else {
      repaired += `${text.slice(rest, found.index)}null`
      rest = quoteOrBare.lastIndex
    }
  }
  return rest === 0 ? null : repaired + text.slice(rest)
}

function inspect(json: Json, depth: number, budget: { members: number }): string | null {
  if (typeof json === 'string') return json.includes('\u0000') ? 'Text must not contain U+0000' : null
  if (typeof json !== 'object' || json === null) return null
  if (depth >= JSON_DEPTH_MAX) return `JSON is nested deeper than ${JSON_DEPTH_MAX} levels`
  if (Array.isArray(json)) {
    budget.members -= json.length
    if (budget.members < 0) return `JSON has more than ${JSON_KEYS_MAX} members`
    for (const item of json as readonly Json[]) {
      const problem = inspect(item, depth + 1, budget)
      if (problem !== null) return problem
    }
    return null
  }
  // Runs for every frame. A list of pairs would allocate an array for each member.
  for (const key of Object.keys(json)) {
    if (--budget.members < 0) return `JSON has more than ${JSON_KEYS_MAX} members`
    if (key.includes('\u0000')) return 'Text must not contain U+0000'
    const problem = inspect((json as JsonObject)[key] as Json, depth + 1, budget)
    if (problem !== null) return problem
  }
  return null
}

function wellFormed(json: Json): Json {
  if (typeof json === 'string') return json.toWellFormed()
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return json.map(wellFormed)
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key.toWellFormed(), wellFormed(value)]))
}
