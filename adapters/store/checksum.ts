import type { SqlValue } from './row-of.ts'

/**
 * A checksum over the values of a row, stored beside them, that detects a value which is not what was written. It has
 * 32 bits and is fast, because every row that is read or written is summed; it guards against faulty disks, not against
 * attackers. Each column contributes separately, so the order of columns does not matter. The default of a column that
 * is added later (null, or the plain value of its kind) contributes nothing, so existing rows still match. With `from`
 * and `until` only these columns are summed.
 */
export function checksumOf(
  columns: readonly Summed[],
  values: readonly SqlValue[],
  from = 0,
  until: number = columns.length,
): number {
  let sum = 0
  for (let i = from; i < until; i++) {
    const { seed, plain } = columns[i] as Summed
    const value = values[i] as SqlValue
    if (value !== plain) sum = (sum + partOf(seed, value)) | 0
  }
  return sum >>> 0
}

/** The contribution of a column to the checksum. */
export interface Summed {
  /** Differs between columns, so that exchanging two values changes the sum. */
  readonly seed: number
  /** The value that contributes nothing. */
  readonly plain: SqlValue
}

/** The seed of a column, derived from its name: a migration that renames a column must set `checksum` to null. */
export function seedOf(column: string): number {
  return partOf(BASIS, column)
}

// FNV-1a, by characters or by four bytes at a time. Every step is a bijection, so two texts that differ in one place
// never contribute the same.
const BASIS = 0x811c9dc5 | 0
const PRIME = 0x01000193

/** Texts from this length on are faster to process as bytes. */
const LONG = 128
const UTF8 = new TextEncoder()
let bytes = new Uint8Array(4096)
let words = new Int32Array(bytes.buffer)

function partOf(seed: number, value: SqlValue): number {
  if (value === null) return Math.imul(seed ^ 1, PRIME)
  if (typeof value === 'number') {
    return Math.imul(Math.imul(seed ^ Math.floor(value / 0x1_0000_0000), PRIME) ^ value, PRIME)
  }
  let part = seed
  if (value.length < LONG) {
    for (let i = 0; i < value.length; i++) part = Math.imul(part ^ value.charCodeAt(i), PRIME)
  } else {
    const count = encoded(value)
    for (let i = 0; i < count; i++) part = Math.imul(part ^ words[i]!, PRIME)
  }
  return Math.imul(part ^ value.length, PRIME)
}

/** Encodes a text into `words`, and returns the number of words used. */
function encoded(text: string): number {
  if (bytes.length < text.length * 3 + 4) {
    bytes = new Uint8Array(Math.ceil(text.length * 3 / 4096 + 1) * 4096)
    words = new Int32Array(bytes.buffer)
  }
  const { written } = UTF8.encodeInto(text, bytes)
  bytes.fill(0, written, written + 4)
  return Math.ceil(written / 4)
}
