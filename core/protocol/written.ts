import * as v from 'valibot'
import { firstLost, isObject, type Json, type JsonObject, type Parsed } from '../base/json.ts'

/**
 * What a schema does not look into passes through as it was written, numbers digit for digit: `grafted` puts it where the
 * schema says `written` or `writtenObject`. What a schema reads are doubles.
 */

/** Any value, to be passed on. Only `toText` knows how its numbers are to be read. */
export const written = v.unknown()
/** The same for an object. Taken as it is: valibot's own objects drop members named like those of a prototype. */
export const writtenObject = v.custom<JsonObject>(isObject, 'must be a JSON object')

/** For a schema that reads its value by another one, of which its parts that are passed on are. */
export function readAs<T>(schema: v.GenericSchema): v.MetadataAction<T, { readonly [READ_AS]: v.GenericSchema }> {
  return v.metadata({ [READ_AS]: schema })
}

const READ_AS = 'readAs'

/** A number that is read and that no double has. */
export interface LostNumber {
  readonly path: string
  readonly token: string
}

/**
 * What `schema` is to check of a value that was parsed. `found` gets the numbers that it would not read exactly: for values
 * of bounded depth, since all that is read is gone through.
 */
export function grafted(
  schema: v.GenericSchema,
  { json, written: tokens }: Parsed,
  found: LostNumber[] | null = null,
): Json {
  return json === tokens ? json : graft(schema as Shape, json, tokens, '', found)
}

/** What schemas are made of, as far as it matters here. */
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

/** A union of a text and an object is for either to be passed on. */
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
