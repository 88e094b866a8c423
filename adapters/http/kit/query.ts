import type { Context } from 'hono'
import type * as v from 'valibot'
import { unknownName } from '../../../core/base/suggest.ts'
import { cut } from '../../../core/base/text.ts'
import { checkValue, invalidFields } from '../../../core/protocol/problems.ts'
import type { Refusal } from '../../../core/base/refusal.ts'

/** Unknown query parameters are refused: a misspelt filter must not return everything. */

/** Asks for an indented answer, on every address. */
const PRETTY = 'pretty'

/** Refuses a request's query parameters, naming every one that is wrong; null if there is none. */
export function problemWithQuery(c: Context, allowed: readonly string[]): Refusal | null {
  if (searchOf(c) === '') return null
  const { searchParams } = new URL(c.req.url)
  const problems = [...new Set(searchParams.keys())].slice(0, NAMES_MAX).flatMap((name) => {
    const text = name === PRETTY ? null : problemWith(name, searchParams.getAll(name), allowed)
    return text === null ? [] : [{ path: cut(name, NAME_CHARS_MAX), message: text, text }]
  })
  return problems.length === 0 ? null : invalidFields(problems)
}

/** The query of a request's address from its question mark on, as it was written. Most requests have none. */
export function searchOf(c: Context): string {
  const { url } = c.req
  return url.includes('?') ? new URL(url).search : ''
}

/** No address knows as many: what comes after them need not be looked at. */
const NAMES_MAX = 100
/** A longer name is cut in the refusal. */
const NAME_CHARS_MAX = 50

function problemWith(name: string, values: readonly string[], allowed: readonly string[]): string | null {
  if (!allowed.includes(name)) return unknownName('query parameter', name, allowed)
  if (values.length > 1) return `${name} must be given once${name === 'status' ? ', with commas between' : ''}`
  return values[0] === '' ? `${name} must not be empty` : null
}

/** Parses a query by its schema. INVALID_PAYLOAD names the invalid parameters. */
export function readQuery<const S extends v.GenericSchema>(
  query: Readonly<Record<string, string>>,
  schema: S,
): v.InferOutput<S> | Refusal {
  const read = checkValue(schema, query)
  if ('output' in read) return read.output
  // A parameter is named once, whichever of its words is wrong.
  const problems = new Map(read.problems.map(({ path, message }) => [path.split('.')[0] ?? '', message]))
  return invalidFields([...problems].map(([path, message]) => ({ path, message, text: `${path} ${message}` })))
}
