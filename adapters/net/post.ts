import type { Millis } from '../../core/base/ids.ts'
import { cut } from '../../core/base/text.ts'
import { retryAfterSeconds } from '../../core/base/retry-after.ts'

/** A request to another system, and all that a platform has to be able to send. */
export interface PostRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** It is given up when this says so. */
  readonly signal: AbortSignal
  /** Addresses are not looked at. */
  readonly allowPrivate: boolean
}

export interface PostResponse {
  readonly status: number
  readonly retryAfter: string | null
  /** The beginning of the body. */
  readonly text: string
}

/** Sends a request, follows no redirect, and reads only the beginning of the answer. Throws when none comes. */
export type SendPost = (post: PostRequest) => Promise<PostResponse>

/** How much of an answer is read. */
export const ANSWER_BYTES_MAX = 64 * 1024

/**
 * By `fetch`, where there is nothing nearer to the wire. The platform itself looks up names here, so it is the platform's
 * affair where they lead; the URL has been looked at before.
 */
export const fetchPost: SendPost = async ({ url, headers, body, signal }) => {
  const response = await fetch(url, { method: 'POST', headers, body, signal, redirect: 'manual' })
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    text: await beginning(response.body),
  }
}

/** How long an answer asks to be left alone; null: it does not say. */
export function retryAfterMs(header: string | null, now: Millis): Millis | null {
  const seconds = retryAfterSeconds(header, now, Date.parse)
  return seconds === null ? null : Math.round(seconds * 1_000)
}

async function beginning(body: ReadableStream<Uint8Array> | null): Promise<string> {
  const reader = body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  for (let bytes = 0; bytes < ANSWER_BYTES_MAX;) {
    const part = await reader?.read()
    if (part?.value === undefined) return text + decoder.decode()
    bytes += part.value.length
    text += decoder.decode(part.value, { stream: true })
  }
  await reader?.cancel()
  return cut(text, ANSWER_BYTES_MAX)
}
