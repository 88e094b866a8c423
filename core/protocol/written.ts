import * as v from 'valibot'
import { firstLost, isObject, type Json, type JsonObject, type Parsed } from '../base/json.ts'

/**
 * Values that a schema does not examine pass through in their original notation, with every digit: `grafted` inserts
 * them where the schema says `written` or `writtenObject`. Values that a schema reads are doubles.
 */

/** Any value that is only passed on. Only `toText` can interpret its numbers. */
export const written = v.unknown()
/** The same for an object. Not valibot's own object schema, which drops members named like those of a prototype. */
export const writtenObject = v.custom<JsonObject>(isObject, 'must be a JSON object')

/** Marks a schema that reads its value with another schema, whose parts may be passed on. */
export function readAs<T>(schema: v.GenericSchema): v.MetadataAction<T, { readonly [READ_AS]: v.GenericSchema }> {
  return v.metadata({ [READ_AS]: schema })
}

const READ_AS = 'readAs'

/** A number that is read and that no double can hold. */
export interface LostNumber {
  readonly path: string
  readonly token: string
}

/**
 * The input for `schema` from a parsed value. Calls `found` with each number that the schema would read and a double
 * cannot hold. Only for values of bounded depth, since it visits everything that is read.
 */
export function grafted(
  schema: v.GenericSchema,
  { json, written: tokens }: Parsed,
  found: LostNumber[] | null = null,
): Json {
  return json === tokens ? json : graft(schema as Shape, json, tokens, '', found)
}

/** The parts of schemas that matter here. */
interface Shape {
  readonly entries?: Readonly<Record<string, Shape>>
  readonly item?: Shape
  readonly wrapped?: Shape
  readonly options?: readonly unknown[]
  readonly pipe?: readonly { readonly metadata?: { readonly [READ_AS]?: unknown } }[]
}

const PASSES: ReadonlySet<unknown> = new Set([written, writtenObject])

function graft(shape: Shape | undefined, json: Json, as: Json, path: string, found: LostNumber[] | null): Json {
  if (shape !== undefined && passes(shape, json)) return as
  const { entries, item } = unwrapped(shape) ?? {}
  const below = (key: string): string => path === '' ? key : `${path}.${key}`
  if (entries !== undefined && isObject(json)) {
    const members = Object.entries(json).map(([key, value]): [string, Json] => {
      const entry = Object.hasOwn(entries, key) ? entries[key] : undefined
      return [key, graft(entry, value, (as as JsonObject)[key] as Json, below(key), found)]
    })
    return Object.fromEntries(members)
  }
  if (item !== undefined && Array.isArray(json)) {
    return json.map((value: Json, i) => graft(item, value, (as as readonly Json[])[i] as Json, below(String(i)), found))
  }
  const lost = found === null ? null : firstLost(as, path)
  if (lost !== null) found?.push(lost)
  return json
}

/** True if the schema passes the value on. A union of a text and an object passes either. */
function passes(shape: Shape, json: Json): boolean {
  return PASSES.has(shape) || PASSES.has(shape.pipe?.[0]) ||
    (shape.wrapped !== undefined && passes(shape.wrapped, json)) ||
    (isObject(json) && shape.options?.some((option) => PASSES.has(option)) === true)
}

function unwrapped(shape: Shape | undefined): Shape | undefined {
  if (shape?.wrapped !== undefined) return unwrapped(shape.wrapped)
  const other = shape?.pipe?.find(({ metadata }) => metadata?.[READ_AS] !== undefined)?.metadata?.[READ_AS]
  return other === undefined ? shape : unwrapped(other as Shape)
}
