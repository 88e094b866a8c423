import * as v from 'valibot'
import type { AnyId } from '../base/ids.ts'

/** Schemas of record fields as the API shows them. Values in requests are checked in `api/`. */

/** An id of any record. */
export function id<T extends AnyId>(): v.GenericSchema<T> {
  return v.string() as unknown as v.GenericSchema<T>
}

export const text: v.GenericSchema<string> = v.string()
export const flag: v.GenericSchema<boolean> = v.boolean()
/** A whole number from 0 on. */
export const count: v.GenericSchema<number> = v.pipe(v.number(), v.integer(), v.minValue(0))
export const number: v.GenericSchema<number> = v.number()

/** Any JSON object. */
export const anyObject: v.GenericSchema<Readonly<Record<string, unknown>>> = v.record(v.string(), v.unknown())

/** Any number of these, in order. */
export function list<T>(item: v.GenericSchema<T>): v.GenericSchema<readonly T[]> {
  return v.array(item)
}

/** One of these words. */
export function oneOf<const T extends readonly string[]>(words: T): v.GenericSchema<T[number]> {
  return v.picklist(words)
}
