import { BODY_BYTES_MAX } from '../http/request.ts'

/** Of a body that is refused as too large, so much is read for the refusal to arrive; a client that sends more is cut off. */
const DRAIN_BYTES_MAX = 64 * BODY_BYTES_MAX

/**
 * The request with its body in memory, and of a body that is too large as much as shows that it is. A Worker cannot answer
 * and leave the rest of a body unread: the platform resets the connection, and the client never sees the answer.
 */
export async function withBody(request: Request): Promise<Request> {
  if (request.body === null) return request
  const parts: Uint8Array[] = []
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader()
  let bytes = 0
  for (let part = await reader.read(); part.value !== undefined; part = await reader.read()) {
    if (bytes <= BODY_BYTES_MAX) parts.push(part.value)
    bytes += part.value.length
    if (bytes > DRAIN_BYTES_MAX) {
      await reader.cancel()
      break
    }
  }
  return new Request(request, { method: request.method, body: new Blob(parts) })
}
