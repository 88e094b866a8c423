import { countBody } from '../../outgoing/body.ts'
import { BODY_BYTES_MAX } from '../http/kit/request.ts'

/**
 * The number of unread bytes of a body that are drained so that the refusal arrives. A client that sends more is
 * disconnected.
 */
const DRAIN_BYTES_MAX = 64 * BODY_BYTES_MAX
/** The same for an unauthenticated client, and the longest time to drain. */
const REFUSED_BYTES_MAX = BODY_BYTES_MAX
const REFUSED_MS = 1_000

/** Statuses of answers to unauthenticated clients. */
const REFUSED_STATUSES: ReadonlySet<number> = new Set([401, 403, 404, 429, 503])

/**
 * Reads and discards the rest of the request's body. A Worker cannot answer and leave a body unread: the platform
 * resets the connection, and the client never sees the answer.
 */
export async function drainBody({ body }: Request, { status }: Response): Promise<void> {
  if (body === null || body.locked) return
  const isRefused = REFUSED_STATUSES.has(status)
  const signal = isRefused ? AbortSignal.timeout(REFUSED_MS) : undefined
  try {
    const isWhole = await countBody(body, isRefused ? REFUSED_BYTES_MAX : DRAIN_BYTES_MAX, () => {}, signal)
    if (!isWhole) await body.cancel()
  } catch {
    // It has been read, or the sender is gone.
  }
}
