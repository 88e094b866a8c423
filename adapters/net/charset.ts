import { cut } from '../../core/base/text.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'

/** Decodes bytes that came from outside. Bytes that are not valid in their charset are refused: U+FFFD would lose them. */

/**
 * Decodes a body in the charset that its Content-Type declares, or in UTF-8.
 * UNSUPPORTED_MEDIA_TYPE for a charset that is not known, INVALID_PAYLOAD for bytes that are not in it.
 */
export function decodeBody(bytes: Uint8Array, contentType: string | undefined): string | Refusal {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType ?? '')?.[1] || 'utf-8'
  const decoder = decoderOf(charset)
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

/** Decodes UTF-8; null for bytes that are not UTF-8. */
export function utf8Text(bytes: Uint8Array | ArrayBuffer): string | null {
  try {
    return UTF_8.decode(bytes)
  } catch {
    return null
  }
}

const UTF_8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })

/** Whether the percent-encoded bytes of a query or a form are UTF-8. */
export function isPercentUtf8(encoded: string): boolean {
  try {
    // A percent sign that begins no escape stands for itself.
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

/** Node 20.18.3, 22.13 and others read windows-1252 as ISO-8859-1 (https://github.com/nodejs/node/issues/56542). */
export const MISREADS_WINDOWS_1252 = new TextDecoder('windows-1252').decode(Uint8Array.of(0x80)) !== '€'

const C1 = /[\u0080-\u009f]/g
/** The characters of the bytes 0x80 to 0x9f. Five of them are unassigned, and stay as they are. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'

function hintFor(encoding: string): string {
  return encoding === 'utf-8' ? ': say which charset it is in Content-Type, or send UTF-8' : ''
}
