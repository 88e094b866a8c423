import { BODY_BYTES_MAX } from '../http/kit/request.ts'

/** Of a body that was left unread, so much is read for the refusal to arrive; a client that sends more is cut off. */
const DRAIN_BYTES_MAX = 64 * BODY_BYTES_MAX
/** The same where it is not known who asks, and for how long it is read then. */
const STRANGER_BYTES_MAX = BODY_BYTES_MAX
const STRANGER_MS = 1_000

/** Answers to those who have not shown that they may ask. */
const STRANGER_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 429, 503])

/**
 * Reads what an answer has left unread of the request's body, and keeps nothing of it. A Worker cannot answer and leave the
 * rest of a body unread: the platform resets the connection, and the client never sees the answer.
 */
export async function drainBody({ body }: Request, { status }: Response): Promise<void> {
  if (body === null || body.locked) return
  const isStranger = STRANGER_STATUSES.has(status)
  let left = isStranger ? STRANGER_BYTES_MAX : DRAIN_BYTES_MAX
  try {
    const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader()
    const timer = isStranger ? setTimeout(() => reader.cancel().catch(() => {}), STRANGER_MS) : undefined
    for (let part = await reader.read(); part.value !== undefined && left > 0; part = await reader.read()) {
      left -= part.value.length
    }
    clearTimeout(timer)
    if (left <= 0) await reader.cancel()
  } catch {
    // It has been read, or its sender is gone.
  }
}
