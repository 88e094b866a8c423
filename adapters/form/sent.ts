import { isRefusal, type Refusal, refuse } from '../../core/protocol/refusal.ts'
import { isPercentUtf8, textOf, utf8Text } from '../charset.ts'

const UNREADABLE = refuse('INVALID_PAYLOAD', 'The body is not valid UTF-8')

/** What a browser sent: for each name what was written there. Files are not read; `files` names the fields they are in. */
export interface Sent {
  readonly written: ReadonlyMap<string, readonly string[]>
  readonly files: readonly string[]
}

/**
 * Reads the body of a form, in either of the ways in which browsers write them. UNSUPPORTED_MEDIA_TYPE for any other,
 * INVALID_PAYLOAD for what is not UTF-8, and for
 * parts that cannot be told apart.
 */
export async function readSent(type: string | undefined, bytes: Uint8Array<ArrayBuffer>): Promise<Sent | Refusal> {
  const kind = type?.split(';')[0]?.trim().toLowerCase()
  if (kind === 'application/x-www-form-urlencoded') {
    const text = textOf(bytes, type)
    if (isRefusal(text)) return text
    return isPercentUtf8(text) ? gathered(new URLSearchParams(text)) : UNREADABLE
  }
  if (kind !== 'multipart/form-data') {
    const known = 'application/x-www-form-urlencoded or multipart/form-data'
    return refuse('UNSUPPORTED_MEDIA_TYPE', `Content-Type must be ${known}`)
  }
  try {
    const sent = gathered(await new Response(bytes, { headers: { 'Content-Type': type ?? '' } }).formData())
    // A file may be any bytes; but then it is not taken anyway.
    return sent.files.length === 0 && utf8Text(bytes) === null ? UNREADABLE : sent
  } catch {
    return refuse('INVALID_PAYLOAD', 'The parts of the body cannot be read')
  }
}

/** What the query of an address writes into a form beforehand. */
export function writtenIn(query: string): Sent['written'] {
  return gathered(new URLSearchParams(query)).written
}

function gathered(entries: Iterable<readonly [string, unknown]>): Sent {
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
