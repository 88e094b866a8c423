import { lookup } from 'node:dns/promises'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { addressIn, problemWithAddress } from '../sinks/address.ts'
import { ANSWER_BYTES_MAX, type Post, type Posted, type Poster } from '../sinks/post.ts'

/** All addresses of a name. */
export type Resolve = (name: string) => Promise<readonly string[]>

const system: Resolve = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address)

/** What shows itself before a byte was sent: the next address may do. */
const UNREACHED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'])

/**
 * Sends a request to an address that has been looked at: the name is looked up once, every address of it must be on the
 * internet, and the connection is made to one of these, not to the name. So a name that leads elsewhere a moment later
 * leads nowhere. Certificate and `Host` are those of the name.
 */
export function pinnedPost(resolve: Resolve = system): Poster {
  return async (post) => {
    const addresses = await addressesOf(post, resolve)
    for (const [i, address] of addresses.entries()) {
      try {
        return await sendTo(address, post)
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException
        if (i === addresses.length - 1 || !UNREACHED.has(code)) throw error
      }
    }
    throw new Error(`${post.url.hostname} has no address`)
  }
}

async function addressesOf({ url, signal, allowPrivate }: Post, resolve: Resolve): Promise<readonly string[]> {
  const literal = addressIn(url.hostname)
  const addresses = literal === null ? await orAborted(resolve(url.hostname), signal) : [literal]
  for (const address of allowPrivate ? [] : addresses) {
    const problem = problemWithAddress(address)
    if (problem !== null) throw new Error(`not sent: ${problem}`)
  }
  return addresses
}

function sendTo(address: string, { url, headers, body, signal }: Post): Promise<Posted> {
  const secure = url.protocol === 'https:'
  return new Promise((resolve, reject) => {
    const request = (secure ? requestHttps : requestHttp)({
      method: 'POST',
      host: address,
      port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
      path: url.pathname + url.search,
      headers: { ...headers, 'Host': url.host, 'Content-Length': Buffer.byteLength(body) },
      // An address is no server's name: with one for its host the certificate is compared with the address.
      ...(secure && addressIn(url.hostname) === null ? { servername: url.hostname } : {}),
      agent: false,
      signal,
    }, (response) => {
      answerOf(response).then(resolve, reject)
    })
    // An abort ends the request with an error of its own, which does not say that the time was over.
    request.on('error', (error) => reject(signal.aborted ? signal.reason as Error : error))
    request.end(body)
  })
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

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    work.then(resolve, reject)
  })
}
