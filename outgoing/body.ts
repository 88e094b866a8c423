/** A body as a platform gives it: of a request that comes in, or of the answer to one that goes out. */
export type Body = ReadableStream<Uint8Array> | AsyncIterable<Uint8Array> | null

/** A body that was read up to a limit. */
export interface CountedBody {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** False where the body goes on after these bytes. */
  readonly isWhole: boolean
}

/**
 * Reads a body, but no more than the limit. A body that goes on stays open, and the rest unread: whether to cancel it is for
 * the caller to decide, for that may reset the connection before an answer is on its way.
 */
export async function readCounted(body: Body, bytesMax: number): Promise<CountedBody> {
  const parts: Uint8Array[] = []
  const isWhole = await countBody(body, bytesMax, (part) => void parts.push(part))
  const bytes = new Uint8Array(Math.min(bytesMax, parts.reduce((sum, { length }) => sum + length, 0)))
  let at = 0
  for (const part of parts) {
    const fits = part.subarray(0, bytes.length - at)
    bytes.set(fits, at)
    at += fits.length
  }
  return { bytes, isWhole }
}

/** Reads a body part by part until it ends or exceeds the limit. True if it has ended. An abort cancels it. */
export async function countBody(
  body: Body,
  bytesMax: number,
  take: (part: Uint8Array) => void,
  signal?: AbortSignal,
): Promise<boolean> {
  if (body === null) return true
  // By its own reader and not by `for await`, which at an early end cancels the body.
  const reader = 'getReader' in body ? body.getReader() : null
  const parts = reader === null ? (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]() : null
  const cancel = (): void => void reader?.cancel().catch(() => {})
  signal?.addEventListener('abort', cancel)
  try {
    for (let bytes = 0; bytes <= bytesMax;) {
      const part = await (reader?.read() ?? parts?.next())
      if (part?.value === undefined) return true
      bytes += part.value.length
      take(part.value)
    }
    return false
  } finally {
    signal?.removeEventListener('abort', cancel)
    reader?.releaseLock()
  }
}

/** The body as UTF-8 text, without a character of which only the first bytes were read. */
export function countedText({ bytes, isWhole }: CountedBody): string {
  return new TextDecoder().decode(bytes, { stream: !isWhole })
}
