import { createHash, randomBytes } from 'node:crypto'
import type { SecretHash } from '../../core/base/ids.ts'
import { Secret } from '../../core/base/secret.ts'

/**
 * The stored form of a key or secret. They have 256 random bits, so a fast hash suffices: they cannot be guessed. A
 * webhook secret that a person chose must have at least 16 characters.
 */
export function hashOf(secret: string): SecretHash {
  return createHash('sha256').update(secret).digest('hex') as SecretHash
}

/** A secret with its hash. */
export function secretOf(text: string): Secret {
  return new Secret(text, hashOf(text))
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
