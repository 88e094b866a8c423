import type { IncomingMessage } from 'node:http'
import { problemWithAddress } from '../../outgoing/address.ts'
import { addressesOf, atFirst, requestAt, type Resolve, systemResolve } from '../../outgoing/request.ts'
import { ANSWER_BYTES_MAX, type Posted, type Poster } from '../sinks/post.ts'

/** Sends a request to an address that has been looked at: every address of the name must be on the internet. */
export function pinnedPost(resolve: Resolve = systemResolve): Poster {
  return async ({ allowPrivate, ...post }) => {
    const addresses = await addressesOf(post.url.hostname, post.signal, resolve)
    for (const address of allowPrivate ? [] : addresses) {
      const problem = problemWithAddress(address)
      if (problem !== null) throw new Error(`not sent: ${problem}`)
    }
    return atFirst(addresses, (address) => requestAt(address, { method: 'POST', ...post }, answerOf))
  }
}

async function answerOf(response: IncomingMessage): Promise<Posted> {
  const { statusCode = 0, headers } = response
  return { status: statusCode, retryAfter: headers['retry-after'] ?? null, text: await beginning(response) }
}

async function beginning(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part)
    bytes += part.length
    if (bytes >= ANSWER_BYTES_MAX) break
  }
  return Buffer.concat(parts).subarray(0, ANSWER_BYTES_MAX).toString()
}
