import { createHash, randomBytes } from 'node:crypto'
import type { SecretHash } from '../core/ids.ts'

/**
 * What is kept of a key or a secret. They have 256 random bits, so a fast hash is the right one: there is nothing to
 * guess. A webhook secret that a person chose is held to at least 16 characters where it is set.
 */
export function hashOf(secret: string): SecretHash {
  return createHash('sha256').update(secret).digest('hex') as SecretHash
}

/** A new API key: recognisable for secret scanners, 256 bits. */
export function newKey(): string {
  return `crpa_${randomBytes(32).toString('base64url')}`
}

/** A new webhook secret, 192 bits. */
export function newSecret(): string {
  return randomBytes(24).toString('base64url')
}

/** A new secret as the Standard Webhooks write it, 256 bits. */
export function newStandardSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}

/** SHA-256 of text or bytes, lower-case hexadecimal. */
export function sha256(given: string | Uint8Array): string {
  return createHash('sha256').update(given).digest('hex')
}

/** Why nobody could ever show this secret, or sign with what they take for it; null when they can. */
export function problemWithSecret(secret: string, inHeader: boolean): string | null {
  if (hasControls(secret)) return 'must not contain control characters, as line breaks'
  if (secret.trim() !== secret) return 'must not begin or end with white space'
  if (inHeader && !/^[ -~]*$/.test(secret)) {
    return 'must be of ASCII letters, digits and signs: a header carries no others'
  }
  return null
}

/** Why no request could come with this key; null when one can. */
export function problemWithKey(key: string): string | null {
  return /^[!-~]*$/.test(key) ? null : 'must be of ASCII letters, digits and signs, without white space'
}

/** Whether there is anything in a text that nobody can type, or U+FFFD, which stands where a character has been lost. */
export function hasControls(text: string): boolean {
  return /[\p{Cc}\ufffd]/u.test(text)
}
