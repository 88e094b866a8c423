import * as v from 'valibot'
import { isObject } from '../base/json.ts'
import { type Refusal, refuse } from '../base/refusal.ts'
import { unknownName } from '../base/suggest.ts'
import { cut } from '../base/text.ts'

/**
 * Checks values against schemas, and says what is wrong with them in our own words: none of valibot's reach a user. A schema
 * that checks something of its own says so as a message, which follows the name of the field: "must be …".
 */

/** A field that is wrong. */
export interface Problem {
  /** As in `config.after.workflows`; empty for the whole value. */
  readonly path: string
  /** The problem with it, to stand after its name: "must be a number". */
  readonly message: string
  /** The same as a sentence that names the field. */
  readonly text: string
}

/** The number of problems that are looked at, and of those that a text lists. */
const PROBLEMS_MAX = 100
const SHOWN_MAX = 10
const CHARS_MAX = 300

/**
 * The value as the schema reads it, or everything that is wrong with it, up to a bound. `within`: the field that the value
 * is, where it is part of something.
 */
export function checkValue<const S extends v.GenericSchema>(
  schema: S,
  value: unknown,
  within = '',
): { readonly output: v.InferOutput<S> } | { readonly problems: readonly Problem[] } {
  const parsed = v.safeParse(schema, value, { message: messageOf })
  if (parsed.success) return { output: parsed.output }
  const problems: Problem[] = []
  for (const issue of parsed.issues) {
    if (problems.length < PROBLEMS_MAX) problems.push(...problemsOf(schema, value, issue, within))
  }
  return { problems: problems.slice(0, PROBLEMS_MAX) }
}

/** All problems in one text. */
export function problemText(problems: readonly Problem[]): string {
  const more = problems.length - SHOWN_MAX
  const shown = problems.slice(0, SHOWN_MAX).map(({ text }) => text).join('; ')
  return more > 0 ? `${shown}; and ${more} more` : shown
}

/** INVALID_PAYLOAD, with the paths of all that is wrong as `details.fields`. */
export function invalidFields(problems: readonly Problem[]): Refusal {
  const paths = problems.slice(0, PROBLEMS_MAX).map(({ path }) => cut(path, CHARS_MAX)).filter((path) => path !== '')
  return refuse('INVALID_PAYLOAD', problemText(problems), { fields: [...new Set(paths)] })
}

function problemsOf(schema: v.GenericSchema, value: unknown, issue: v.BaseIssue<unknown>, within: string): Problem[] {
  const keys = (issue.path ?? []).map(({ key }) => String(key))
  if (isUnknownKey(issue)) return unknownKeys(schema, value, keys.slice(0, -1), within)
  const path = pathOf(within, keys)
  if (issue.received === 'undefined' && path !== '') {
    return [{ path, message: 'is required', text: `Missing required field: ${path}` }]
  }
  // What a schema says of its own may show what was received.
  const message = cut(issue.message, CHARS_MAX)
  return [{ path, message, text: path === '' ? message : `Field ${path}: ${message}` }]
}

/** valibot names the first key that an object may not have, and no other. */
function isUnknownKey({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === 'strict_object' && expected === 'never'
}

function unknownKeys(schema: v.GenericSchema, value: unknown, keys: readonly string[], within: string): Problem[] {
  let [shape, object]: [Shape | null, unknown] = [schema as Shape, value]
  for (const key of keys) [shape, object] = [shapeOf(shape, object, key), memberOf(object, key)]
  const known = Object.keys(entriesOf(shape, object))
  const wrong = isObject(object) ? Object.keys(object).filter((key) => !known.includes(key)) : []
  const parent = pathOf(within, keys)
  return wrong.slice(0, PROBLEMS_MAX).map((key) => {
    const text = unknownName('field', key, known, parent === '' ? '' : `${parent}.`)
    return { path: pathOf(parent, [key]), message: 'is not known here', text }
  })
}

function pathOf(within: string, keys: readonly string[]): string {
  return cut((within === '' ? keys : [within, ...keys]).join('.'), CHARS_MAX)
}

/** The parts of a schema that matter here. */
interface Shape {
  readonly type: string
  readonly entries?: Readonly<Record<string, Shape>>
  readonly item?: Shape
  readonly wrapped?: Shape
  readonly options?: readonly Shape[]
  /** Of a variant, the field that tells its options apart. */
  readonly key?: string
  readonly getter?: (value: unknown) => Shape
}

type Entries = NonNullable<Shape['entries']>

/** The schema of a member of a value. */
function shapeOf(shape: Shape | null, value: unknown, key: string): Shape | null {
  const entries = entriesOf(shape, value)
  return Object.hasOwn(entries, key) ? entries[key] ?? null : resolved(shape, value)?.item ?? null
}

/** The fields that an object may have where this schema reads it: of a union, those of all that could be meant. */
function entriesOf(shape: Shape | null, value: unknown): Entries {
  const { entries, options = [], key } = resolved(shape, value) ?? {}
  if (entries !== undefined) return entries
  const all = options.map((option) => entriesOf(option, value))
  if (key === undefined) return Object.assign({}, ...all) as Entries
  return all.find((some) => v.is(some[key] as unknown as v.GenericSchema, memberOf(value, key))) ?? {}
}

/** A schema without what stands around it: what makes it optional, and what decides by the value. */
function resolved(shape: Shape | null, value: unknown): Shape | null {
  if (shape?.wrapped !== undefined) return resolved(shape.wrapped, value)
  return shape?.getter === undefined ? shape : resolved(shape.getter(value), value)
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined
}

/** Said of what a schema finds and has no message for. */
function messageOf({ kind, type, input, expected, requirement }: v.BaseIssue<unknown>): string {
  if (kind === 'schema') return typesText(expected ?? '')
  const things = Array.isArray(input) ? 'item' : 'character'
  const some = (count: unknown): string => `${String(count)} ${things}${count === 1 ? '' : 's'}`
  switch (type) {
    case 'non_empty':
      return 'must not be empty'
    case 'min_length':
      return requirement === 1 ? 'must not be empty' : `must have at least ${some(requirement)}`
    case 'max_length':
      return `must have at most ${some(requirement)}`
    case 'min_value':
      return `must be at least ${String(requirement)}`
    case 'max_value':
      return `must be at most ${String(requirement)}`
    case 'integer':
    case 'safe_integer':
      return 'must be a whole number'
    default:
      return 'is not valid'
  }
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  Array: 'an array',
  Object: 'a JSON object',
}

/** The values that a place may have, as valibot writes them: `string`, or `("a" | "b" | null)`. */
function typesText(expected: string): string {
  const types = expected.replace(/[()]/g, '').split(' | ').filter((type) => type !== 'undefined')
  if (types.some((type) => UNTOLD.has(type))) return 'is not valid'
  const names = types.map((type) => TYPES[type] ?? type.replace(/^"(.*)"$/, '$1'))
  return names.length > 2 ? `must be one of ${names.join(', ')}` : `must be ${names.join(' or ')}`
}

/** Expected by a schema that says nothing: one of its own making, which then has a message. */
const UNTOLD: ReadonlySet<string> = new Set(['', 'unknown', 'never'])
