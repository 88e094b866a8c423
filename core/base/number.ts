/** JSON numbers by their exact value, with any number of digits. */

/** True if a double holds exactly this value: true for `1.0`, `1e2` and `0.1`, false for `9007199254740993`. */
export function fitsDouble(token: string): boolean {
  const double = Number(token)
  return Number.isFinite(double) && compareNumbers(token, String(double)) === 0
}

/** True if the text is a JSON number. */
export function isJsonNumber(text: string): boolean {
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text)
}

/** The canonical notation of a value: a double's if it can hold the value, otherwise digits and a power of ten. */
export function canonicalNumber(token: string): string {
  if (fitsDouble(token)) return String(Number(token) + 0)
  const { sign, digits, exponent } = decimal(token)
  return `${sign < 0 ? '-' : ''}0.${digits}e${exponent}`
}

/** Compares two values. Returns a negative number, 0 or a positive number. */
export function compareNumbers(a: string, b: string): number {
  const [one, other] = [decimal(a), decimal(b)]
  if (one.sign !== other.sign || one.sign === 0) return one.sign - other.sign
  if (one.exponent !== other.exponent) return one.exponent < other.exponent ? -one.sign : one.sign
  return one.digits === other.digits ? 0 : one.digits < other.digits ? -one.sign : one.sign
}

/** True if the number is an integer. */
export function isWhole(token: string): boolean {
  const { digits, exponent } = decimal(token)
  return BigInt(digits.length) <= exponent
}

/** 0.`digits` times ten to the power of `exponent`. The digits neither begin nor end with a zero. */
interface Decimal {
  readonly sign: -1 | 0 | 1
  readonly digits: string
  readonly exponent: bigint
}

function decimal(token: string): Decimal {
  const [, minus = '', whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? []
  const all = whole + fraction
  const zeros = all.length - all.replace(/^0+/, '').length
  const digits = withoutZeros(all.slice(zeros))
  if (digits === '') return { sign: 0, digits, exponent: 0n }
  const exponent = BigInt(power.replace('+', '')) + BigInt(whole.length - zeros)
  return { sign: minus === '' ? 1 : -1, digits, exponent }
}

/** Without a regular expression, which would search for the end from each zero. */
function withoutZeros(digits: string): string {
  let end = digits.length
  while (digits.charCodeAt(end - 1) === 48) end--
  return digits.slice(0, end)
}
