import type { SecretHash } from './ids.ts'

/**
 * A secret in plain text, with its hash. Its text shows neither in JSON nor when it is printed: an event that carries one can
 * be written down.
 */
export class Secret {
  readonly #text: string
  readonly hash: SecretHash

  constructor(text: string, hash: SecretHash) {
    this.#text = text
    this.hash = hash
  }

  reveal(): string {
    return this.#text
  }

  toJSON(): string {
    return '[secret]'
  }
}

/** The reason why no caller could send this secret, or sign with it; null if one can. */
export function problemWithSecret(text: string, inHeader: boolean): string | null {
  if (hasControls(text)) return 'must not contain control characters, as line breaks'
  if (text.trim() !== text) return 'must not begin or end with white space'
  if (inHeader && !/^[ -~]*$/.test(text)) {
    return 'must consist of ASCII letters, digits and signs: a header carries no others'
  }
  return null
}

/** A secret with fewer different characters is easy to guess, however long. Random hexadecimal digits have more. */
const DIFFERENT_MIN = 6

/** The reason why a chosen secret is too easy to guess; null if it is not. */
export function weaknessOf(text: string): string | null {
  if (new Set(text).size < DIFFERENT_MIN) {
    return `is too easy to guess: it must have at least ${DIFFERENT_MIN} different characters`
  }
  // A text that repeats itself occurs in its own double before the middle.
  const repeats = (text + text).indexOf(text, 1) < text.length
  return repeats ? 'is too easy to guess: it must not be a shorter text that is repeated' : null
}

/** True if a text has control characters, or U+FFFD, which replaces a lost character. */
export function hasControls(text: string): boolean {
  return /[\p{Cc}\ufffd]/u.test(text)
}

/** True if the text is a secret in the format of Standard Webhooks: `whsec_`, and 24 to 64 bytes in base64. */
export function isStandardSecret(text: string): boolean {
  const [, digits = '', padding = ''] = /^whsec_([A-Za-z0-9+/]+)(={0,2})$/.exec(text) ?? []
  const bytes = Math.floor(digits.length * 3 / 4)
  const padded = padding === '' ? digits.length % 4 !== 1 : (digits.length + padding.length) % 4 === 0
  return padded && bytes >= 24 && bytes <= 64
}

/** The reason why no request could carry this key, in a header after a space; null if one can. */
export function problemWithKey(secret: string): string | null {
  return /^[!-~]+$/.test(secret) ? null : 'must consist of ASCII letters, digits and signs, without white space'
}
