import type { IncomingMessage } from 'node:http'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip } from 'node:zlib'
import type { Reach } from '../outgoing/reach.ts'
import { portOf, requestAt, type Resolve, resolveAddresses, systemResolve, tryEach } from '../outgoing/request.ts'
import { JobError } from './job-error.ts'

const REDIRECTS_MAX = 10

export interface FetchLimits {
  /** Which hosts jobs may call. Asked again for each redirect, and for each address that a name leads to. */
  readonly reach: Reach
  /** The largest body that is read, in bytes. */
  readonly bytesMax: number
  /** Looks names up; without it, the system does. */
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

/** What a request has unless the workflow says otherwise. */
const HEADERS = { 'accept': '*/*', 'accept-encoding': 'gzip, br', 'user-agent': 'casare-robot' }

/** What says where a message ends and whose it is, which is not up to a workflow. */
const OURS = ['connection', 'content-length', 'expect', 'host', 'keep-alive', 'te', 'transfer-encoding', 'upgrade']

/** These do not ask for an answer, or have our own headers sent back. */
const NO_METHODS = new Set(['CONNECT', 'TRACE', 'TRACK'])

/**
 * Makes one HTTP request and reads the answer. Throws a `JobError` of type `UrlNotAllowed` or `ResponseTooLarge`, and
 * whatever says why there is no answer. An answer of any status is an answer.
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
    // A secret for one host is not for another; and what moved after a POST is fetched, as browsers do.
    if (next.origin !== url.origin) { for (const name of ['authorization', 'cookie']) headers.delete(name) }
    if (status === 303 || (status < 303 && method === 'POST')) {
      method = 'GET'
      body = undefined
      headers.delete('content-type')
    }
    url = next
  }
}

/** The answer, or where it asks us to go. */
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

/** What is packed in such an answer is not there. */
const NO_BODY = new Set([204, 205, 304])

/** Where a URL leads, once it is known that all of it may be called. */
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

/** The body as text. It is counted as it is unpacked: a few bytes may be the packing of very many. */
async function readText(response: IncomingMessage, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of unpacked(response) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new JobError('ResponseTooLarge', `The response has more than ${bytesMax} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function unpacked(response: IncomingMessage): Readable {
  const unpack = UNPACK.get(response.headers['content-encoding']?.toLowerCase() ?? '')
  // What goes wrong with either of them is an error of what is read.
  return unpack === undefined ? response : pipeline(response, unpack(), () => {})
}

const UNPACK = new Map([['gzip', createGunzip], ['x-gzip', createGunzip], ['br', createBrotliDecompress]])
