import { createHash, randomBytes } from 'node:crypto'
import type { SecretHash } from '../../core/base/ids.ts'

/**
 * The stored form of a key or secret. They have 256 random bits, so a fast hash suffices: they cannot be guessed. A
 * webhook secret that a person chose must have at least 16 characters.
 */
export function hashOf(secret: string): SecretHash {
  return createHash('sha256').update(secret).digest('hex') as SecretHash
}

/** A new API key of 256 bits, recognisable for secret scanners. */
export function newKey(): string {
  return `crpa_${randomBytes(32).toString('base64url')}`
}

/** A new webhook secret, 192 bits. */
export function newSecret(): string {
  return randomBytes(24).toString('base64url')
}

/** A new secret in the format of Standard Webhooks, 256 bits. */
export function newStandardSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

/** SHA-256 of text or bytes, lower-case hexadecimal. */
export function sha256(given: string | Uint8Array): string {
  return createHash('sha256').update(given).digest('hex')
}

/** The reason why no caller could send this secret, or sign with it; null if one can. */
export function problemWithSecret(secret: string, inHeader: boolean): string | null {
  if (hasControls(secret)) return 'must not contain control characters, as line breaks'
  if (secret.trim() !== secret) return 'must not begin or end with white space'
  if (inHeader && !/^[ -~]*$/.test(secret)) {
    return 'must consist of ASCII letters, digits and signs: a header carries no others'
  }
  return null
}

/** A secret with fewer different characters is easy to guess, however long. Random hexadecimal digits have more. */
const DIFFERENT_MIN = 6

/** The reason why a chosen secret is too easy to guess; null if it is not. */
export function weaknessOf(secret: string): string | null {
  if (new Set(secret).size < DIFFERENT_MIN) {
    return `is too easy to guess: it must have at least ${DIFFERENT_MIN} different characters`
  }
  // A text that repeats itself occurs in its own double before the middle.
  const repeats = (secret + secret).indexOf(secret, 1) < secret.length
  return repeats ? 'is too easy to guess: it must not be a shorter text that is repeated' : null
}

/** True if a text has control characters, or U+FFFD, which replaces a lost character. */
export function hasControls(text: string): boolean {
  return /[\p{Cc}\ufffd]/u.test(text)
}
