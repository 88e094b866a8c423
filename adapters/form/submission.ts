import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import { decodeBody, isPercentUtf8, utf8Text } from '../net/charset.ts'

const UNREADABLE = refuse('INVALID_PAYLOAD', 'The body is not valid UTF-8')

/** Beside the fields of a form there are the token and the access code, and files that somebody attached. */
const EXTRA = 20

/** What a browser sent: for each name what was written there. Files are not read; `files` names the fields they are in. */
export interface FormSubmission {
  readonly written: ReadonlyMap<string, readonly string[]>
  readonly files: readonly string[]
}

/**
 * Reads the body of a form that has so many values at the most, in either of the ways in which browsers write them.
 * UNSUPPORTED_MEDIA_TYPE for any other, INVALID_PAYLOAD for what is not UTF-8, for parts that cannot be told apart, and for
 * many more values than there can be, which are counted before they are read.
 */
export async function readSubmission(
  type: string | undefined,
  bytes: Uint8Array<ArrayBuffer>,
  most: number,
): Promise<FormSubmission | Refusal> {
  const kind = type?.split(';')[0]?.trim().toLowerCase()
  if (kind === 'application/x-www-form-urlencoded') {
    const text = decodeBody(bytes, type)
    if (isRefusal(text)) return text
    if (countOf(bytes, '&') > most + EXTRA) return TOO_MANY
    return isPercentUtf8(text) ? gathered(new URLSearchParams(text)) : UNREADABLE
  }
  if (kind !== 'multipart/form-data') {
    const known = 'application/x-www-form-urlencoded or multipart/form-data'
    return refuse('UNSUPPORTED_MEDIA_TYPE', `Content-Type must be ${known}`)
  }
  // RFC 2046 has no longer ones. What would look for one takes its length times that of the body.
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?![^\s;]))/i.exec(type ?? '')
  if (boundary === null) return UNPARTED
  if (countOf(bytes, `--${boundary[1] ?? boundary[2] ?? ''}`) > most + EXTRA) return TOO_MANY
  try {
    const sent = gathered(await new Response(bytes, { headers: { 'Content-Type': type ?? '' } }).formData())
    // A file may be any bytes; but then it is not taken anyway.
    return sent.files.length === 0 && utf8Text(bytes) === null ? UNREADABLE : sent
  } catch {
    return UNPARTED
  }
}

/** What the query of an address writes into a form beforehand. */
export function prefilledFrom(query: string): FormSubmission['written'] {
  return gathered(new URLSearchParams(query)).written
}

const UNPARTED = refuse('INVALID_PAYLOAD', 'The parts of the body cannot be read')

const TOO_MANY = refuse('INVALID_PAYLOAD', 'The body has more values than the form has')

/** How often a text is in the bytes; it is one that cannot overlap itself, or one too many counts. */
function countOf(bytes: Uint8Array<ArrayBuffer>, text: string): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let count = 0
  for (let at = buffer.indexOf(text); at !== -1; at = buffer.indexOf(text, at + text.length)) count++
  return count
}

function gathered(entries: Iterable<readonly [string, unknown]>): FormSubmission {
  const written = new Map<string, string[]>()
  const files: string[] = []
  for (const [name, value] of entries) {
    if (typeof value !== 'string') {
      files.push(name)
      continue
    }
    const all = written.get(name)
    if (all === undefined) written.set(name, [value])
    else all.push(value)
  }
  return { written, files }
}
