import type { JsonText } from '../ids.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'

/** Caps that keep a hostile text from costing more than it weighs. */
export const JSON_DEPTH_MAX = 64
export const JSON_KEYS_MAX = 100_000

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type JsonObject = { readonly [key: string]: Json }

/**
 * Parses text into JSON that every runtime stores and reads back alike, or refuses it.
 *
 * 1. Bare `NaN` and `Infinity`, which Python writes, are read as `null`.
 * 2. U+0000 is refused: SQLite reads text back only up to it.
 * 3. Lone surrogates become U+FFFD: runtimes disagree on how many they become when stored.
 * 4. Nesting and the number of members are bounded: a value nested deeper than about 4,000 levels can be parsed
 *    but never written again.
 */
export function parseJson(given: string): { readonly json: Json } | Refusal {
  const read = readJson(given)
  if (isRefusal(read)) return read
  const { json } = read
  const budget = { members: JSON_KEYS_MAX }
  const problem = inspect(json, 0, budget)
  if (problem !== null) return refuse('INVALID_PAYLOAD', problem)
  return { json: given.isWellFormed() && !SURROGATE.test(given) ? json : wellFormed(json) }
}

/** Parses text into JSON, with rule 1 alone: it may hold anything, of any size, that JSON can. */
export function readJson(given: string): { readonly json: Json } | Refusal {
  // A byte order mark is gone where bytes were decoded, and still there in a text frame.
  const text = given.startsWith('\ufeff') ? given.slice(1) : given
  try {
    return { json: JSON.parse(text) as Json }
  } catch (error) {
    const refusal = refuse('INVALID_JSON', `Malformed JSON: ${reasonOf(error)}`)
    const repaired = withoutBareNumbers(text)
    if (repaired === null) return refusal
    try {
      return { json: JSON.parse(repaired) as Json }
    } catch {
      return refusal
    }
  }
}

/** The text of a value that came out of `parseJson`, or that our own code built. */
export function toText(json: unknown): JsonText {
  return JSON.stringify(json) as JsonText
}

/** Whether it is a JSON object: no array, and not null. */
export function isObject(json: unknown): json is JsonObject {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

/** An escaped surrogate: where there is none, well-formed text has well-formed strings. */
const SURROGATE = /\\u[dD][89a-fA-F]/

/**
 * The engine's words, less the line and column that only newer engines add: every runtime says the same. They quote the
 * text, and may cut a character in two.
 */
function reasonOf(error: unknown): string {
  const words = error instanceof Error ? error.message : String(error)
  return words.replace(/ \(line \d+ column \d+\)$/, '').toWellFormed()
}

/** Strings are matched only to be stepped over, so that "NaN" inside one stays. Linear in the text. */
function withoutBareNumbers(text: string): string | null {
  if (!/NaN|Infinity/.test(text)) return null
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (token) => token.startsWith('"') ? token : 'null')
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
  // Every frame comes through here, and a list of pairs would be an array for each member.
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
