import { access, binary, expr, group, member, nary, parse, skip, token, type Tree, unary, word } from 'subscript/parse'
// These two are imported for what they add to the parser: numbers and texts.
// oxlint-disable-next-line import/no-unassigned-import
import 'subscript/feature/number.js'
// oxlint-disable-next-line import/no-unassigned-import
import 'subscript/feature/string.js'
import { cut } from '../core/base/text.ts'
import { isExact, stringifyExact } from '../core/base/exact.ts'
import { calculate, compareNumeric, double, isNumeric, type Numeric, roundedIn, wholeIn } from './arithmetic.ts'
import { JobError } from './job-error.ts'

/**
 * Expressions as users of CasareRPA write them: Python's operators with Python's precedences, over JSON values. There
 * are no assignments, no attributes of JavaScript objects, and no functions except those in `FUNCTIONS`.
 */

const EXPRESSION_CHARS_MAX = 2_000
/** The longest text or list that an expression may make, which bounds its memory. */
const LENGTH_MAX = 1_000_000

// The grammar. The numbers are precedences: larger binds tighter. Where two operators begin alike, the longer one
// is registered later, since the parser tries the latest first.
parse.string = { '"': true, "'": true }
nary(',', 0.5)
token('if', 1, (value) => {
  const test = value === undefined ? undefined : expr(1)
  parse.space()
  if (test === undefined || !word('else')) return undefined
  skip(4)
  const otherwise = expr(0.9)
  return otherwise === undefined ? undefined : ['if', test, value, otherwise]
})
binary('or', 2)
binary('and', 3)
unary('not', 4)
for (const operator of ['==', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'is', 'is not']) binary(operator, 5)
for (const operator of ['+', '-']) binary(operator, 6)
for (const operator of ['*', '/', '//', '%']) binary(operator, 7)
unary('-', 8)
unary('+', 8)
binary('**', 9, true)
group('()', 20)
group('[]', 20)
access('()', 20)
access('[]', 20)
member('.', 20)

/** Returns the value of a name, or undefined if there is none. */
export type Lookup = (name: string) => unknown

/** The value of an expression. Throws a `JobError` of type `ExpressionError` that quotes it and says what is wrong. */
export function evaluate(expression: string, lookup: Lookup): unknown {
  try {
    if (expression.length > EXPRESSION_CHARS_MAX) {
      throw new Error(`it is longer than ${EXPRESSION_CHARS_MAX} characters`)
    }
    const rounded = roundedIn(expression)
    if (rounded !== undefined) throw new Error(`${rounded} has more digits than can be kept here; int('…') keeps them`)
    const tree: Tree = parse(expression)
    if (tree === '') throw new Error('it is empty')
    return valueOf(tree, lookup)
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error)
    throw new JobError('ExpressionError', `The expression ${JSON.stringify(cut(expression, 200))} fails: ${why}`)
  }
}

/** Python's truth value: false for None, zero and anything empty. */
export function isTruthy(value: unknown): boolean {
  if (typeof value === 'object' && value !== null && !isExact(value)) return Object.keys(value).length > 0
  return Boolean(value)
}

const NAMES: Readonly<Record<string, unknown>> = {
  True: true,
  False: false,
  None: null,
  true: true,
  false: false,
  null: null,
}

const COMPARE: Readonly<Record<string, (a: unknown, b: unknown) => boolean>> = {
  '==': isEqual,
  '!=': (a, b) => !isEqual(a, b),
  'is': isEqual,
  'is not': (a, b) => !isEqual(a, b),
  '<': (a, b) => order('<', a, b) < 0,
  '<=': (a, b) => order('<=', a, b) <= 0,
  '>': (a, b) => order('>', a, b) > 0,
  '>=': (a, b) => order('>=', a, b) >= 0,
  'in': isIn,
  'not in': (a, b) => !isIn(a, b),
}

const ARITHMETIC: ReadonlySet<string> = new Set(['+', '-', '*', '/', '//', '%', '**'])

const FUNCTIONS: Readonly<Record<string, (...args: readonly unknown[]) => unknown>> = {
  len: (value) => typeof value === 'string' || Array.isArray(value) ? value.length : Object.keys(object(value)).length,
  str: (value) => asText(value),
  int: (value) => (typeof value === 'string' ? wholeIn(value) : undefined) ?? truncated(asNumber(value)),
  float: (value) => double(asNumber(value)),
  bool: (value) => isTruthy(value),
  abs: (value) =>
    compareNumeric(number(value), 0) < 0 ? calculate('-', 0, number(value)) : calculate('+', number(value), 0),
  round: (value, digits = 0) => Number(double(number(value)).toFixed(double(number(digits)))),
  min: (...values) => values.length === 1 ? least(list(values[0]), 1) : least(values, 1),
  max: (...values) => values.length === 1 ? least(list(values[0]), -1) : least(values, -1),
  sum: (values) => list(values).reduce<Numeric>((total, value) => calculate('+', total, number(value)), 0),
  any: (values) => list(values).some(isTruthy),
  all: (values) => list(values).every(isTruthy),
  sorted: (values) => [...list(values)].sort((a, b) => order('<', a, b)),
  lower: (value) => text(value).toLowerCase(),
  upper: (value) => text(value).toUpperCase(),
  strip: (value) => text(value).trim(),
}

function valueOf(tree: Tree | null, lookup: Lookup): unknown {
  if (tree === null) throw new Error('something is missing')
  if (typeof tree === 'string') return nameOf(tree, lookup)
  const [operator, a = null, b = null, c = null] = tree as readonly [string | undefined, Tree?, Tree?, Tree?]
  if (operator === undefined) return tree[1]
  if (operator === 'and' || operator === 'or') {
    const left = valueOf(a, lookup)
    return isTruthy(left) === (operator === 'and') ? valueOf(b, lookup) : left
  }
  if (operator === 'not') return !isTruthy(valueOf(a, lookup))
  if (operator === 'if') return isTruthy(valueOf(a, lookup)) ? valueOf(b, lookup) : valueOf(c, lookup)
  if (operator === '()' && tree.length === 2) return valueOf(a, lookup)
  if (operator === '()') return call(a, b, lookup)
  if (operator === '[]' && tree.length === 2) return itemsOf(a).map((item) => valueOf(item, lookup))
  if (operator === '[]') return itemOf(valueOf(a, lookup), valueOf(b, lookup))
  if (operator === '.') return itemOf(valueOf(a, lookup), b)
  const compare = COMPARE[operator]
  if (compare !== undefined) return compareAll(compare, a, b, lookup)
  if (tree.length === 2 && operator === '-') return calculate('-', 0, number(valueOf(a, lookup)))
  if (tree.length === 2 && operator === '+') return number(valueOf(a, lookup))
  if (!ARITHMETIC.has(operator)) throw new Error(`${operator} cannot be used here`)
  const left = valueOf(a, lookup)
  const right = valueOf(b, lookup)
  if (operator === '+') return add(left, right)
  return calculate(operator, number(left), number(right))
}

function nameOf(name: string, lookup: Lookup): unknown {
  const value = lookup(name)
  if (value !== undefined) return value
  if (Object.hasOwn(NAMES, name)) return NAMES[name]
  throw new Error(`${name} is not defined`)
}

/** `a < b < c` means that both comparisons hold, so comparisons are parsed unlike every other operator. */
function compareAll(
  compare: (a: unknown, b: unknown) => boolean,
  a: Tree | null,
  b: Tree | null,
  lookup: Lookup,
): boolean {
  const chained = Array.isArray(a) && typeof a[0] === 'string' && Object.hasOwn(COMPARE, a[0])
  if (!chained) return compare(valueOf(a, lookup), valueOf(b, lookup))
  const middle = (a as readonly Tree[])[2] ?? null
  return valueOf(a, lookup) === true && compare(valueOf(middle, lookup), valueOf(b, lookup))
}

function call(callee: Tree | null, args: Tree | null, lookup: Lookup): unknown {
  if (typeof callee !== 'string' || !Object.hasOwn(FUNCTIONS, callee)) {
    throw new Error(`only these functions can be called: ${Object.keys(FUNCTIONS).join(', ')}`)
  }
  return FUNCTIONS[callee]?.(...itemsOf(args).map((item) => valueOf(item, lookup)))
}

/** The members of a list in the parser's form: null, one tree, or a comma node. */
function itemsOf(tree: Tree | null): readonly (Tree | null)[] {
  if (tree === null) return []
  return Array.isArray(tree) && tree[0] === ',' ? (tree as readonly (Tree | null)[]).slice(1) : [tree]
}

/** A member of a list or an object, by its own keys only: nothing inherited from a prototype can be reached. */
function itemOf(of: unknown, key: unknown): unknown {
  if ((Array.isArray(of) || typeof of === 'string') && typeof key === 'number') return of.at(key) ?? null
  if (isExact(of)) throw new Error(`a number has no ${String(key)}`)
  if (typeof of === 'object' && of !== null && !Array.isArray(of) && Object.hasOwn(of, String(key))) {
    return (of as Readonly<Record<string, unknown>>)[String(key)] ?? null
  }
  if (typeof of === 'object' && of !== null) return null
  throw new Error(`${kindOfValue(of)} has no ${String(key)}`)
}

function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (isExact(a) || isExact(b)) return isNumeric(a) && isNumeric(b) && compareNumeric(a, b) === 0
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && isEqual(Reflect.get(a, key), Reflect.get(b, key)))
}

function isIn(item: unknown, of: unknown): boolean {
  if (typeof of === 'string') return of.includes(text(item))
  if (Array.isArray(of)) return of.some((one) => isEqual(one, item))
  return Object.hasOwn(object(of), String(item))
}

/** Orders numbers among themselves and texts among themselves. Any other pair is an error, for instance "9" < 10. */
function order(operator: string, a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  if (isNumeric(a) && isNumeric(b)) return compareNumeric(a, b)
  const hint = typeof a === 'string' || typeof b === 'string' ? '; float(…) makes a number of a text' : ''
  throw new Error(`${kindOfValue(a)} ${operator} ${kindOfValue(b)} cannot be compared${hint}`)
}

function add(a: unknown, b: unknown): unknown {
  if (typeof a === 'string' && typeof b === 'string') return limited(a + b)
  if (Array.isArray(a) && Array.isArray(b)) return limited([...a, ...b])
  if (isNumeric(a) && isNumeric(b)) return calculate('+', a, b)
  throw new Error(`${kindOfValue(a)} + ${kindOfValue(b)} cannot be added; str(…) and float(…) convert`)
}

function limited<T extends string | readonly unknown[]>(value: T): T {
  if (value.length > LENGTH_MAX) throw new Error(`the result is longer than ${LENGTH_MAX}`)
  return value
}

function least(values: readonly unknown[], sign: 1 | -1): unknown {
  if (values.length === 0) throw new Error('an empty list has no least or greatest member')
  return values.reduce((best, value) => sign * order('<', value, best) < 0 ? value : best)
}

function asNumber(value: unknown): Numeric {
  const converted = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  if (!isNumeric(converted) || Number.isNaN(converted)) throw new Error(`${asText(value)} is not a number`)
  return converted
}

function truncated(value: Numeric): number | bigint {
  return typeof value === 'bigint' ? value : Math.trunc(double(value))
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : stringifyExact(value) ?? ''
}

function number(value: unknown): Numeric {
  if (isNumeric(value)) return value
  throw new Error(`${kindOfValue(value)} is not a number; float(…) makes a number of a text`)
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error(`${kindOfValue(value)} is not a text; str(…) makes one`)
  return value
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${kindOfValue(value)} is not a list`)
  return value
}

function object(value: unknown): object {
  if (typeof value !== 'object' || value === null || isExact(value)) {
    throw new Error(`${kindOfValue(value)} has no members`)
  }
  return value
}

function kindOfValue(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'a text'
  if (isExact(value)) return 'a number'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
