import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import { countedText, readCounted } from '../outgoing/body.ts'
import type { Reach } from '../outgoing/reach.ts'
import { portOf, requestAt, type Resolve, resolveAddresses, systemResolve, tryEach } from '../outgoing/request.ts'
import { JobError } from './job-error.ts'

const REDIRECTS_MAX = 10

export interface FetchLimits {
  /** The hosts that jobs may call. Checked for each redirect, and for each address that a name resolves to. */
  readonly reach: Reach
  /** The largest body that is read, in bytes. */
  readonly bytesMax: number
  /** Resolves names; by default with the system's resolver. */
  readonly resolve?: Resolve | undefined
}

export interface WebRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly follow: boolean
  readonly signal: AbortSignal
}

export interface WebResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** The default headers of a request. */
const HEADERS = { 'accept': '*/*', 'accept-encoding': 'gzip, br', 'user-agent': 'casare-robot' }

/** Headers that frame the message or name its host. A workflow cannot set them. */
const OURS = ['connection', 'content-length', 'expect', 'host', 'keep-alive', 'te', 'transfer-encoding', 'upgrade']

/** Methods without a usual answer, or whose answer would contain our own headers. */
const NO_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK'])

/**
 * Makes one HTTP request and reads the answer. Throws a `JobError` of type `UrlNotAllowed` or `ResponseTooLarge`, or
 * the error that prevented an answer. An answer with any status is returned.
 */
export async function fetchLimited(access: FetchLimits, request: WebRequest): Promise<WebResponse> {
  const { follow, signal } = request
  let { url, method, body } = request
  if (NO_METHODS.has(method)) throw new JobError('MethodNotAllowed', `The robot sends no ${method} requests`)
  const headers = new Headers({ ...HEADERS, ...request.headers })
  for (const name of OURS) headers.delete(name)
  for (let redirects = 0;; redirects++) {
    const asked = { method, url, headers: Object.fromEntries(headers), body, signal }
    const answer = await tryEach(
      await allowedAddresses(access, url, signal),
      (address) => requestAt(address, asked, (response) => readAnswer(response, method, follow, access.bytesMax)),
    )
    if (!('location' in answer)) return answer
    if (redirects === REDIRECTS_MAX) throw new JobError('TooManyRedirects', `${request.url} redirects in circles`)
    const { status, location } = answer
    const next = new URL(location, url)
    // Credentials for one host must not reach another; and a redirect after a POST is fetched with GET, as browsers do.
    if (next.origin !== url.origin) { for (const name of ['authorization', 'cookie']) headers.delete(name) }
    if (status === 303 || (status < 303 && method === 'POST')) {
      method = 'GET'
      body = undefined
      headers.delete('content-type')
    }
    url = next
  }
}

/** The answer, or the URL that it redirects to. */
async function readAnswer(
  response: IncomingMessage,
  method: string,
  follow: boolean,
  bytesMax: number,
): Promise<WebResponse | { readonly status: number; readonly location: string }> {
  const { statusCode: status = 0, headers } = response
  if (follow && status >= 300 && status < 400 && headers.location !== undefined) {
    return { status, location: headers.location }
  }
  const text = method === 'HEAD' || NO_BODY.has(status) ? '' : await readText(response, bytesMax)
  return { status, headers: joined(headers), text }
}

/** Statuses whose answers have no body to unpack. */
const NO_BODY = new Set([204, 205, 304])

/** The addresses of a URL's host, once all of them are known to be allowed. */
async function allowedAddresses(
  { reach, resolve = systemResolve }: FetchLimits,
  url: URL,
  signal: AbortSignal,
): Promise<readonly string[]> {
  signal.throwIfAborted()
  if (!/^https?:$/.test(url.protocol)) throw notAllowed(url, `${url.protocol} is not HTTP`)
  if (url.username !== '' || url.password !== '') throw notAllowed(url, 'it has a user name or a password in it')
  const [host, port] = [url.hostname, portOf(url)]
  const before = reach.problem(host, port)
  if (before !== null) throw notAllowed(url, before)
  const addresses = await resolveAddresses(host, signal, resolve)
  for (const address of addresses) {
    const problem = reach.problem(host, port, address)
    if (problem !== null) throw notAllowed(url, problem)
  }
  return addresses
}

function notAllowed(url: URL, why: string): JobError {
  return new JobError('UrlNotAllowed', `The robot may not call ${url.origin}: ${why} (CASARE_ROBOT_HTTP_HOSTS)`)
}

function joined(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}

/** Reads the body as text. Bytes are counted after unpacking, since a small body may unpack to a huge one. */
async function readText(response: IncomingMessage, bytesMax: number): Promise<string> {
  const body = unpacked(response)
  const read = await readCounted(body as AsyncIterable<Uint8Array>, bytesMax)
  if (read.isWhole) return countedText(read)
  body.destroy()
  throw new JobError('ResponseTooLarge', `The response has more than ${bytesMax} bytes`)
}

function unpacked(response: IncomingMessage): Readable {
  const unpack = UNPACK.get(response.headers['content-encoding']?.toLowerCase() ?? '')
  // An error of either stream arrives as an error of the one that is read.
  return unpack === undefined ? response : pipeline(response, unpack(), () => {})
}

const UNPACK = new Map([['gzip', createGunzip], ['x-gzip', createGunzip], ['br', createBrotliDecompress]])
