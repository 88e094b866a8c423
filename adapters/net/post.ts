import type { Millis } from '../../core/base/ids.ts'
import { retryAfterSeconds } from '../../core/base/retry-after.ts'
import { countedText, readCounted } from '../../outgoing/body.ts'

/** A request to another system, in the form that every platform can send. */
export interface PostRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Aborts the request. */
  readonly signal: AbortSignal
  /** Private addresses are allowed. */
  readonly allowPrivate: boolean
}

export interface PostResponse {
  readonly status: number
  readonly retryAfter: string | null
  /** The beginning of the body. */
  readonly text: string
}

/** Sends a request, follows no redirect, and reads only the beginning of the answer. Throws if there is none. */
export type SendPost = (post: PostRequest) => Promise<PostResponse>

/** The number of bytes of an answer that are read. */
export const ANSWER_BYTES_MAX = 64 * 1024

/**
 * Sends with `fetch`, on platforms without lower-level access. The platform resolves names itself, so it is responsible
 * for where they lead; the URL has been checked before.
 */
export const fetchPost: SendPost = async ({ url, headers, body, signal }) => {
  const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
  const read = await readCounted(response.body, ANSWER_BYTES_MAX)
  if (!read.isWhole) await response.body?.cancel()
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text: countedText(read) }
}

/** The value of `Retry-After` in milliseconds; null if there is none. */
export function retryAfterMs(header: string | null, now: Millis): Millis | null {
  const seconds = retryAfterSeconds(header, now, Date.parse)
  return seconds === null ? null : Math.round(seconds * 1_000)
}
