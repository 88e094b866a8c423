import { isRefusal, type Refusal, refuse } from '../../core/base/refusal.ts'
import { decodeBody, isPercentUtf8, utf8Text } from '../net/charset.ts'

const UNREADABLE = refuse('INVALID_PAYLOAD', 'The body is not valid UTF-8')

/** Further values: the token, the access code, and attached files. */
const EXTRA = 20

/** The values that a browser sent, by name. Files are not read; `files` lists the fields that contain them. */
export interface FormSubmission {
  readonly written: ReadonlyMap<string, readonly string[]>
  readonly files: readonly string[]
}

/**
 * Parses a submitted form with at most so many values, in either of the two encodings of browsers. Refuses with
 * UNSUPPORTED_MEDIA_TYPE any other encoding; with INVALID_PAYLOAD text that is not UTF-8, parts that cannot be
 * separated, and many more values than the form has, which are counted before they are parsed.
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
  // RFC 2046 limits boundaries to 70 characters. Searching for a longer one could take time proportional to its length
  // times the body's.
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?![^\s;]))/i.exec(type ?? '')
  if (boundary === null) return UNPARTED
  if (countOf(bytes, `--${boundary[1] ?? boundary[2] ?? ''}`) > most + EXTRA) return TOO_MANY
  try {
    const sent = gathered(await new Response(bytes, { headers: { 'Content-Type': type ?? '' } }).formData())
    // A file may have any bytes, but files are not accepted anyway.
    return sent.files.length === 0 && utf8Text(bytes) === null ? UNREADABLE : sent
  } catch {
    return UNPARTED
  }
}

/** The values with which the query of an address prefills a form. */
export function prefilledFrom(query: string): FormSubmission['written'] {
  return gathered(new URLSearchParams(query)).written
}

const UNPARTED = refuse('INVALID_PAYLOAD', 'The parts of the body cannot be read')

const TOO_MANY = refuse('INVALID_PAYLOAD', 'The body has more values than the form has')

/** Counts occurrences of a text in the bytes. The text must not overlap itself, or the count is too high. */
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
