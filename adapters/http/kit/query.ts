import type { Context } from 'hono'
import * as v from 'valibot'
import { cut } from '../../../core/base/text.ts'
import { type Refusal, refuse } from '../../../core/base/refusal.ts'

/** The query parameters of each address. Others are refused: a misspelt filter must not return everything. */

const PAGE = ['limit', 'cursor'] as const
/** By the path, for GET. Addresses that are not here take `pretty` only. */
const ALLOWED: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^\/triggers$/, PAGE],
  [/^\/\w+\/[^/]+\/events$/, PAGE],
  [/^\/calls\/[^/]+$/, ['wait_seconds']],
]

/** Asks for an indented answer, on every address. */
const PRETTY = 'pretty'

/** The problem with a request's query parameters; null if there is none. */
export function problemWithQuery(c: Context, allowed: readonly string[]): Refusal | null {
  const { search, searchParams } = new URL(c.req.url)
  if (search === '') return null
  for (const name of new Set(searchParams.keys())) {
    const wrong = name === PRETTY ? null : problemWith(name, searchParams.getAll(name), allowed)
    if (wrong !== null) return refuse('INVALID_PAYLOAD', wrong, { fields: [cut(name, NAME_CHARS_MAX)] })
  }
  return null
}

/** The query parameters of an address that is not in a contract. */
export function namesByPath(c: Context): readonly string[] {
  const path = c.req.path.replace(/^.*?\/api\/v1/, '')
  return c.req.method === 'GET' ? ALLOWED.find(([route]) => route.test(path))?.[1] ?? [] : []
}

/** A longer name is cut in the refusal. */
const NAME_CHARS_MAX = 50

function problemWith(name: string, values: readonly string[], allowed: readonly string[]): string | null {
  if (!allowed.includes(name)) return unknown(cut(name, NAME_CHARS_MAX), allowed)
  if (values.length > 1) return `${name} must be given once${name === 'status' ? ', with commas between' : ''}`
  return values[0] === '' ? `${name} must not be empty` : null
}

function unknown(name: string, allowed: readonly string[]): string {
  const near = allowed.map((other) => ({ other, apart: editsBetween(name.toLowerCase(), other) }))
    .filter(({ other, apart }) => apart <= Math.max(2, Math.floor(other.length * 0.4)))
    .toSorted((a, b) => a.apart - b.apart)[0]
  if (near !== undefined) return `Unknown query parameter ${name}; did you mean ${near.other}?`
  return `Unknown query parameter ${name}: ${
    allowed.length === 0 ? 'there are none here' : `use ${allowed.join(', ')}`
  }`
}

/** A query as its schema reads it. INVALID_PAYLOAD names what is wrong with it. */
export function readQuery<const S extends v.GenericSchema>(
  query: Readonly<Record<string, string>>,
  schema: S,
): v.InferOutput<S> | Refusal {
  const read = v.safeParse(schema, query)
  if (read.success) return read.output
  const fields = read.issues.map((issue) => String(issue.path?.[0]?.key ?? ''))
  return refuse('INVALID_PAYLOAD', read.issues.map(({ message }, i) => `${fields[i]} ${message}`).join('; '), {
    fields,
  })
}

/** The Levenshtein distance: how many letters have to be added, left out or changed to turn one into the other. */
function editsBetween(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const now = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (before[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      now.push(Math.min(changed, (before[j] ?? 0) + 1, (now[j - 1] ?? 0) + 1))
    }
    before = now
  }
  return before[b.length] ?? 0
}

/** A decimal number in a query, with a point only where `fraction` allows one; NaN for anything else. */
export function queryNumber(text: string, fraction = false): number {
  return (fraction ? /^\d{1,15}(?:\.\d{1,15})?$/ : /^\d{1,15}$/).test(text) ? Number(text) : NaN
}
