import { JobError } from './job.ts'

const REDIRECTS_MAX = 10

export interface WebAccess {
  /** Whether jobs may call a URL. Asked again for each redirect. */
  readonly allows: (url: URL) => boolean
  /** The largest body that is read, in bytes. */
  readonly bytesMax: number
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

/**
 * Makes one HTTP request and reads the answer. Throws a `JobError` of type `UrlNotAllowed` or `ResponseTooLarge`, and
 * what `fetch` throws when there is no answer. An answer of any status is an answer.
 */
export async function callWeb(access: WebAccess, request: WebRequest): Promise<WebResponse> {
  let { url, method, body } = request
  const headers = new Headers(request.headers)
  for (let redirects = 0;; redirects++) {
    if (!/^https?:$/.test(url.protocol) || !access.allows(url)) {
      throw new JobError('UrlNotAllowed', `The robot may not call ${url.origin}`)
    }
    const response = await fetch(url, {
      method,
      headers,
      body: body ?? null,
      redirect: 'manual',
      signal: request.signal,
    })
    const location = request.follow && response.status >= 300 && response.status < 400
      ? response.headers.get('location')
      : null
    if (location === null) {
      const text = await readText(response, access.bytesMax)
      return { status: response.status, headers: Object.fromEntries(response.headers), text }
    }
    await response.body?.cancel()
    if (redirects === REDIRECTS_MAX) throw new JobError('TooManyRedirects', `${request.url} redirects in circles`)
    const next = new URL(location, url)
    // A secret for one host is not for another; and what moved after a POST is fetched, as browsers do.
    if (next.origin !== url.origin) { for (const name of ['authorization', 'cookie']) headers.delete(name) }
    if (response.status === 303 || (response.status < 303 && method === 'POST')) {
      method = 'GET'
      body = undefined
      headers.delete('content-type')
    }
    url = next
  }
}

async function readText(response: Response, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new JobError('ResponseTooLarge', `The response has more than ${bytesMax} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}
