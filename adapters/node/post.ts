import type { IncomingMessage } from 'node:http'
import { problemWithAddress } from '../../outgoing/address.ts'
import { countedText, readCounted } from '../../outgoing/body.ts'
import { requestAt, type Resolve, resolveAddresses, systemResolve, tryEach } from '../../outgoing/request.ts'
import { ANSWER_BYTES_MAX, type PostResponse, type SendPost } from '../net/post.ts'

/** Sends a request to an address that was checked: every address of the name must be on the internet. */
export function pinnedPost(resolve: Resolve = systemResolve): SendPost {
  return async ({ allowPrivate, ...post }) => {
    const addresses = await resolveAddresses(post.url.hostname, post.signal, resolve)
    for (const address of allowPrivate ? [] : addresses) {
      const problem = problemWithAddress(address)
      if (problem !== null) throw new Error(`not sent: ${problem}`)
    }
    return tryEach(addresses, (address) => requestAt(address, { method: 'POST', ...post }, readResponse))
  }
}

async function readResponse(response: IncomingMessage): Promise<PostResponse> {
  const { statusCode = 0, headers } = response
  const read = await readCounted(response as AsyncIterable<Buffer>, ANSWER_BYTES_MAX)
  if (!read.isWhole) response.destroy()
  return { status: statusCode, retryAfter: headers['retry-after'] ?? null, text: countedText(read) }
}
