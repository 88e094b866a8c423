import { lookup } from 'node:dns/promises'
import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http'
import { Agent as HttpsAgent, request as requestHttps } from 'node:https'
import { addressIn } from './address.ts'

/**
 * Connections to an address that was checked. A name is resolved once, the caller judges every address, and the
 * connection goes to one of these, not to the name. A name that resolves differently a moment later cannot redirect it.
 */

/** All addresses of a name. */
export type Resolve = (name: string) => Promise<readonly string[]>

/** By the resolver of the system. */
export const systemResolve: Resolve = async (name) =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address)

/**
 * Looks a name up once for all who ask at the same time. The system looks up only a few names at a time, so a name
 * server that does not answer must not get a lookup from each of the requests that wait for it.
 */
export function sharedResolve(resolve: Resolve): Resolve {
  const underWay = new Map<string, Promise<readonly string[]>>()
  return (name) => {
    const known = underWay.get(name)
    if (known !== undefined) return known
    const found = resolve(name).finally(() => underWay.delete(name))
    underWay.set(name, found)
    return found
  }
}

/** Connections that are kept for further requests to the same address and port, with TLS for the same name. */
export interface KeptConnections {
  readonly http: HttpAgent
  readonly https: HttpsAgent
}

/** Keeps idle connections for so long, and at most so many for each address and port. They keep no process alive. */
export function keepConnections(idleMs: number, idleMax: number): KeptConnections {
  const options = { keepAlive: true, timeout: idleMs, maxFreeSockets: idleMax }
  return { http: new HttpAgent(options), https: new HttpsAgent(options) }
}

/** Errors that occur before a byte was sent, so that the next address can be tried. */
const UNREACHED = new Set(['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'])

/** All addresses of a host, which may itself be an address. */
export async function resolveAddresses(
  host: string,
  signal: AbortSignal | null,
  resolve: Resolve = systemResolve,
): Promise<readonly string[]> {
  const literal = addressIn(host)
  if (literal !== null) return [literal]
  const addresses = await orAborted(resolve(host), signal)
  if (addresses.length === 0) throw new Error(`${host} has no address`)
  return addresses
}

/** Calls `work` with the addresses in order until one can be reached. */
export async function tryEach<T>(addresses: readonly string[], work: (address: string) => Promise<T>): Promise<T> {
  for (const [i, address] of addresses.entries()) {
    try {
      return await work(address)
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException
      if (i === addresses.length - 1 || !UNREACHED.has(code)) throw error
    }
  }
  throw new Error('there is no address')
}

/** A request as it is sent. */
export interface PinnedRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly signal: AbortSignal
  /** Absent: the connection is for this request only. */
  readonly connections?: KeptConnections
}

/**
 * Sends a request to an address and reads the answer. Certificate and `Host` are those of the URL. Follows no redirect.
 * A kept connection is used again only for the address that was passed, and once the answer was read to its end. Throws
 * the signal's reason when aborted.
 */
export async function requestAt<T>(
  address: string,
  asked: PinnedRequest,
  read: (response: IncomingMessage) => T | Promise<T>,
): Promise<T> {
  try {
    const response = await answerFrom(address, asked)
    try {
      return await read(response)
    } finally {
      response.destroy()
    }
  } catch (error) {
    // After an abort the request fails with an error of its own, which does not show that the time was up.
    throw asked.signal.aborted ? asked.signal.reason : error
  }
}

function answerFrom(address: string, asked: PinnedRequest): Promise<IncomingMessage> {
  const { method, url, headers, body, signal, connections } = asked
  const secure = url.protocol === 'https:'
  return new Promise((resolve, reject) => {
    const request = (secure ? requestHttps : requestHttp)({
      method,
      host: address,
      port: portOf(url),
      path: url.pathname + url.search,
      headers: {
        ...headers,
        'Host': url.host,
        ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }),
      },
      // Server Name Indication takes names only. For an address the certificate is compared with the address.
      ...(secure && addressIn(url.hostname) === null ? { servername: url.hostname } : {}),
      agent: connections?.[secure ? 'https' : 'http'] ?? false,
      signal,
    }, resolve)
    request.on('error', (error) => isStale(request, error) ? resolve(answerFrom(address, asked)) : reject(error))
    request.end(body)
  })
}

/**
 * True if the other side has closed a kept connection, perhaps while the request was on its way. The request is sent
 * anew: each try takes such a connection out of those that are kept, or opens one.
 */
function isStale(request: ClientRequest, error: NodeJS.ErrnoException): boolean {
  return request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
}

/** The port of an HTTP URL, with the default of its scheme. */
export function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port)
  return url.protocol === 'https:' ? 443 : 80
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal | null): Promise<T> {
  return new Promise((resolve, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    work.then(resolve, reject)
  })
}
