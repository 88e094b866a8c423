import type { JobId, Millis } from './ids.ts'

/**
 * A 128-bit non-cryptographic hash as four numbers, stable across machines and restarts. Do not use it where an
 * attacker chooses the text and gains from a collision.
 */
export function hash128(text: string): readonly [number, number, number, number] {
  let [a, b, c, d] = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = b ^ Math.imul(a ^ code, 0x239b961b)
    b = c ^ Math.imul(b ^ code, 0xab0e9789)
    c = d ^ Math.imul(c ^ code, 0x38b34ae5)
    d = a ^ Math.imul(d ^ code, 0xa1e38b93)
  }
  a = Math.imul(c ^ (a >>> 18), 0x239b961b)
  b = Math.imul(d ^ (b >>> 22), 0xab0e9789)
  c = Math.imul(a ^ (c >>> 17), 0x38b34ae5)
  d = Math.imul(b ^ (d >>> 19), 0xa1e38b93)
  a ^= b ^ c ^ d
  return [a >>> 0, (b ^ a) >>> 0, (c ^ a) >>> 0, (d ^ a) >>> 0]
}

/** A deterministic job id from a cause and an instant, which orders it. */
export function derivedId(cause: string, at: Millis): JobId {
  const hex = (number: number, digits: number): string => number.toString(16).padStart(digits, '0').slice(-digits)
  const [a, b, c] = hash128(cause)
  const time = hex(Math.max(0, at), 12)
  const variant = hex(0x8000 | (b & 0x3fff), 4)
  return `${time.slice(0, 8)}-${time.slice(8)}-8${hex(a, 3)}-${variant}-${hex(c, 8)}${hex(a >>> 12, 4)}` as JobId
}
