import type { IncomingMessage } from 'node:http'
import { problemWithAddress } from '../../outgoing/address.ts'
import { countedText, readCounted } from '../../outgoing/body.ts'
import {
  keepConnections,
  requestAt,
  type Resolve,
  resolveAddresses,
  sharedResolve,
  systemResolve,
  tryEach,
} from '../../outgoing/request.ts'
import { ANSWER_BYTES_MAX, type PostResponse, type SendPost } from '../net/post.ts'

/** The time for which a connection is kept for the next request. Many servers close it after a minute, or sooner. */
const IDLE_MS = 30_000
/** Idle connections that are kept for one receiver. */
const IDLE_MAX = 64

/**
 * Sends a request to an address that was checked: every address of the name must be on the internet. The name is looked
 * up and checked for each request, and a kept connection is used only if it leads to an address that was found.
 */
export function pinnedPost(resolve: Resolve = systemResolve): SendPost {
  const connections = keepConnections(IDLE_MS, IDLE_MAX)
  const lookUp = sharedResolve(resolve)
  return async ({ allowPrivate, ...post }) => {
    const addresses = await resolveAddresses(post.url.hostname, post.signal, lookUp)
    for (const address of allowPrivate ? [] : addresses) {
      const problem = problemWithAddress(address)
      if (problem !== null) throw new Error(`not sent: ${problem}`)
    }
    return tryEach(addresses, (address) => requestAt(address, { method: 'POST', connections, ...post }, readResponse))
  }
}

async function readResponse(response: IncomingMessage): Promise<PostResponse> {
  const { statusCode = 0, headers } = response
  const read = await readCounted(response as AsyncIterable<Buffer>, ANSWER_BYTES_MAX)
  if (!read.isWhole) response.destroy()
  return { status: statusCode, retryAfter: headers['retry-after'] ?? null, text: countedText(read) }
}
