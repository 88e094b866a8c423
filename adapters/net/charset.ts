import { cut } from '../../core/base/text.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'

/** Decodes bytes from outside. Bytes that are invalid in their charset are refused, because U+FFFD would lose them. */

/**
 * Decodes a body in the charset of its Content-Type, by default UTF-8. Refuses with UNSUPPORTED_MEDIA_TYPE an unknown
 * charset, with INVALID_PAYLOAD bytes that are invalid in it.
 */
export function decodeBody(bytes: Uint8Array, contentType: string | undefined): string | Refusal {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType ?? '')?.[1] || 'utf-8'
  const decoder = charset.toLowerCase() === 'utf-8' ? UTF_8 : decoderOf(charset)
  if (decoder === null) {
    return refuse('UNSUPPORTED_MEDIA_TYPE', `The charset ${cut(charset, 50)} is not known: send UTF-8`)
  }
  try {
    const text = decoder.decode(bytes)
    return decoder.encoding === 'windows-1252' ? asWindows1252(text) : text
  } catch {
    return refuse(
      'INVALID_PAYLOAD',
      `The body is not valid ${decoder.encoding.toUpperCase()}${hintFor(decoder.encoding)}`,
    )
  }
}

function decoderOf(charset: string) {
  try {
    return new TextDecoder(charset, { fatal: true, ignoreBOM: false })
  } catch {
    return null
  }
}

/** Decodes UTF-8; null for invalid bytes. */
export function utf8Text(bytes: Uint8Array | ArrayBuffer): string | null {
  try {
    return UTF_8.decode(bytes)
  } catch {
    return null
  }
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** True if the percent-encoded bytes of a query or a form are UTF-8. */
export function isPercentUtf8(encoded: string): boolean {
  try {
    // A percent sign that starts no escape stands for itself.
    decodeURIComponent(encoded.replace(/%(?![0-9a-f]{2})/gi, '%25'))
    return true
  } catch {
    return false
  }
}

/** Corrects text that was decoded as ISO-8859-1: the Encoding Standard reads that label, and US-ASCII, as windows-1252. */
export function asWindows1252(text: string): string {
  return text.replace(C1, (unit) => WINDOWS_1252[unit.charCodeAt(0) - 0x80] ?? unit)
}

/**
 * Some versions of Node, such as 20.18.3 and 22.13, read windows-1252 as ISO-8859-1
 * (https://github.com/nodejs/node/issues/56542).
 */
export const MISREADS_WINDOWS_1252 = new TextDecoder('windows-1252').decode(Uint8Array.of(0x80)) !== '€'

const C1 = /[\u0080-\u009f]/g
/** The characters of the bytes 0x80 to 0x9f. Five of them are unassigned, and stay as they are. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

function hintFor(encoding: string): string {
  return encoding === 'utf-8' ? ': say which charset it is in Content-Type, or send UTF-8' : ''
}
