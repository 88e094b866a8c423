import { ExactNumber, isExact } from '../core/base/exact.ts'
import { compareNumbers, fitsDouble } from '../core/base/number.ts'
import { closingQuote } from '../core/base/quote.ts'

/**
 * Numbers in expressions, with Python's semantics: integers of any length are exact, fractions are doubles. A number
 * that a double would round is refused, and the error names it.
 */

/** The numeric values. Booleans count as 1 and 0, as in Python. */
export type Numeric = number | bigint | ExactNumber | boolean

/** Digits of the longest integer that is calculated with. */
const DIGITS_MAX = 1_000

/** True for numbers, and for booleans, which count as numbers. */
export function isNumeric(value: unknown): value is Numeric {
  return typeof value === 'number' || typeof value === 'boolean' || isExact(value)
}

/** Compares exact values. Returns a negative number, 0 or a positive number. */
export function compareNumeric(a: Numeric, b: Numeric): number {
  return isExact(a) || isExact(b) ? compareNumbers(tokenOf(a), tokenOf(b)) : Number(a) - Number(b)
}

/** The value as a double, for operations that need one. Throws if a double would lose digits. */
export function double(value: Numeric): number {
  if (isExact(value)) throw new Error(`${value} has more digits than can be kept here`)
  return Number(value)
}

/** `+`, `-`, `*`, `/`, `//`, `%` and `**`. Throws if the exact result cannot be computed. */
export function calculate(operator: string, a: Numeric, b: Numeric): number | bigint {
  const [one, other] = [plain(a), plain(b)]
  if (typeof one === 'number' && typeof other === 'number') {
    const result = IN_DOUBLES[operator]?.(one, other) ?? NaN
    const isWhole = Number.isInteger(one) && Number.isInteger(other) && operator !== '/'
    if (!isWhole || Number.isSafeInteger(result) || (operator === '**' && other < 0)) return result
  }
  if (operator === '/') throw new Error(`${one} / ${other} would be rounded; // divides whole numbers`)
  return shortest(whole(operator, wholeOf(one), wholeOf(other)))
}

/** The number in its written form. */
function tokenOf(value: Numeric): string {
  return typeof value === 'boolean' ? String(Number(value)) : String(value)
}

/** The integer in a text, exactly, by the rules of Python's `int`. Undefined for any other text. */
export function wholeIn(text: string): number | bigint | undefined {
  const digits = /^\s*([+-]?\d+)\s*$/.exec(text)?.[1]
  if (digits === undefined || digits.length > DIGITS_MAX) return undefined
  return shortest(BigInt(digits.replace('+', '')))
}

/**
 * The first number literal of an expression that a double would round, skipping string literals; undefined if there is
 * none.
 */
export function roundedIn(expression: string): string | undefined {
  const tokens = /["']|[A-Za-z_]\w*|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g
  for (let found = tokens.exec(expression); found !== null; found = tokens.exec(expression)) {
    const [token] = found
    if (token === '"' || token === "'") tokens.lastIndex = closingQuote(expression, found.index) + 1
    else if (/^\d/.test(token) && !fitsDouble(token)) return token
  }
  return undefined
}

const IN_DOUBLES: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / nonZero(b),
  '//': (a, b) => Math.floor(a / nonZero(b)),
  // As in Python, the remainder has the sign of the divisor.
  '%': (a, b) => a - b * Math.floor(a / nonZero(b)),
  '**': (a, b) => a ** b,
}

function whole(operator: string, a: bigint, b: bigint): bigint {
  switch (operator) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '//':
      return (a - modulo(a, b)) / b
    case '%':
      return modulo(a, b)
    default:
      return power(a, b)
  }
}

function modulo(a: bigint, b: bigint): bigint {
  const rest = a % nonZero(b)
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest
}

function power(a: bigint, b: bigint): bigint {
  if (b < 0n) throw new Error(`${a} ** ${b} would be rounded`)
  const digits = String(a).length
  if (digits > 0 && BigInt(digits) * b > BigInt(DIGITS_MAX * 10)) throw new Error('the result has too many digits')
  return a ** b
}

function plain(value: Numeric): number | bigint {
  if (value instanceof ExactNumber) return double(value)
  return typeof value === 'boolean' ? Number(value) : value
}

function wholeOf(value: number | bigint): bigint {
  if (typeof value === 'bigint') return value
  if (!Number.isInteger(value)) throw new Error(`${value} is not a whole number, and the result would be rounded`)
  return BigInt(value)
}

/** A number if it holds the value exactly, otherwise a bigint. */
function shortest(value: bigint): number | bigint {
  const text = String(value)
  if (text.length > DIGITS_MAX) throw new Error('the result has too many digits')
  return fitsDouble(text) ? Number(value) : value
}

function nonZero<T extends number | bigint>(value: T): T {
  if (Number(value) === 0) throw new Error('division by zero')
  return value
}
