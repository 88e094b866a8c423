import type { SqlValue } from './row-of.ts'

/**
 * A sum over the values of a row, which is kept beside them: a value that is read and is not what was written does not
 * match it. 32 bits, and quick, because every row that is written and read is counted; it is there against disks that
 * err, not against people who mean to.
 *
 * Each column adds its own part, so the order of the columns does not matter; and a value that a new column has in rows
 * that were there before it (null, or the plainest of its kind) adds nothing, so those rows still match.
 */
export function checksumOf(columns: readonly Summed[], values: readonly SqlValue[]): number {
  let sum = 0
  for (let i = 0; i < columns.length; i++) {
    const { seed, plain } = columns[i] as Summed
    const value = values[i] as SqlValue
    if (value !== plain) sum = (sum + partOf(seed, value)) | 0
  }
  return sum >>> 0
}

/** What a column brings to the sum of its rows. */
export interface Summed {
  /** Of its own, so that two values that have changed places do not add up to the same. */
  readonly seed: number
  /** The value that adds nothing. */
  readonly plain: SqlValue
}

/** The seed of a column. It goes by its name: columns are not renamed without `checksum` being set to null. */
export function seedOf(column: string): number {
  return partOf(BASIS, column)
}

// FNV-1a, by letters or by four bytes at a time. Every step is one to one, so two texts that differ in one place never
// have the same part.
const BASIS = 0x811c9dc5 | 0
const PRIME = 0x01000193

/** From this length on a text is faster looked at as bytes. */
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

/** Puts a text into `words`, and says how many it takes. */
function encoded(text: string): number {
  if (bytes.length < text.length * 3 + 4) {
    bytes = new Uint8Array(Math.ceil(text.length * 3 / 4096 + 1) * 4096)
    words = new Int32Array(bytes.buffer)
  }
  const { written } = UTF8.encodeInto(text, bytes)
  bytes.fill(0, written, written + 4)
  return Math.ceil(written / 4)
}
