import * as v from 'valibot'
import type { AnyId } from '../base/ids.ts'

/** Schemas for query parameters, each of which arrives as text. */

const PAGE_MAX = 200
const PAGE_DEFAULT = 50

/** A whole number in decimal digits, within bounds. */
export function wholeNumber(low: number, high: number, otherwise: number) {
  const message = `must be a whole number from ${low} to ${high}`
  return v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,15}$/, message),
      v.transform(Number),
      v.minValue(low, message),
      v.maxValue(high, message),
    ),
    String(otherwise),
  )
}

/** The page of a list: `cursor` is the `next_cursor` of the previous page. */
export const page = { limit: wholeNumber(1, PAGE_MAX, PAGE_DEFAULT), cursor: v.optional(v.string()) }

/** The query of a list that has no other. */
export const PageQuery = v.strictObject(page)

/** Several of these words, with commas between. */
export function oneOrMoreOf<const T extends string>(words: readonly T[]) {
  const message = `must be of ${words.join(', ')}, with commas between`
  return v.pipe(v.string(), v.transform((given) => given.split(',')), v.array(v.picklist(words, message)))
}

/** An id of any record. */
export function idParameter<T extends AnyId>() {
  return v.optional(v.pipe(v.string(), v.transform((given) => given as T)))
}

/** `true` or `false`. */
export const trueOrFalse = v.optional(
  v.pipe(v.picklist(['true', 'false'], 'must be true or false'), v.transform((given) => given === 'true')),
)

/** One of these words. */
export function oneOfWords<const T extends readonly string[]>(words: T) {
  return v.picklist(words, `must be one of ${words.join(', ')}`)
}

/** The longest wait for the end of a job at a time, in seconds: proxies give up on longer ones. */
export const WAIT_SECONDS_MAX = 60
const WAIT_BOUNDS = `must be from 0 to ${WAIT_SECONDS_MAX}`

/** The wait in seconds, which may be a fraction. */
export const WaitQuery = v.strictObject({
  wait_seconds: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,15}(?:\.\d{1,15})?$/, WAIT_BOUNDS),
      v.transform(Number),
      v.maxValue(WAIT_SECONDS_MAX, WAIT_BOUNDS),
    ),
    '0',
  ),
})
