import { stringifyExact } from '../core/base/exact.ts'
import type { Page } from '../core/api/view.ts'
import { CasareError, errorOf, parsed } from './errors.ts'
import { problemWithKey } from '../core/base/secret.ts'

export interface ClientOptions {
  /** The address of the orchestrator, for instance `http://127.0.0.1:8766`. */
  readonly url: string
  /** An API key. */
  readonly key?: string | undefined
  /** The fleet, if the orchestrator has more than one. */
  readonly fleet?: string | undefined
  /** Used instead of the platform's `fetch`. */
  readonly fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined
  /** Parses answers; default `JSON.parse`. `parseExact` keeps every digit of every number. */
  readonly parse?: ((text: string) => unknown) | undefined
  /** Timeout of one try in milliseconds; default 30,000. */
  readonly timeoutMs?: number | undefined
  /** Retries of a request that is safe to repeat; default 4. */
  readonly retries?: number | undefined
  /**
   * Submissions made while others are under way share requests; default true, but false on Cloudflare Workers, where the
   * end of one request to the Worker would end the submissions of others.
   */
  readonly shareRequests?: boolean | undefined
}

/** The body of an answer, and the id under which the orchestrator logged the request. */
export interface Answer {
  readonly body: unknown
  readonly requestId: string | null
}

/** Options that every call takes. */
export interface CallOptions {
  /** Aborts the call, which then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

export interface RequestOptions extends CallOptions {
  readonly query?: Query
  readonly body?: object | undefined
  /** The JSON of the body, where the caller has written it already. */
  readonly text?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Sending the request twice has the effect of sending it once. GET, PUT and DELETE always are repeatable. */
  readonly repeatable?: boolean
  /** The orchestrator answered a moment ago, so a restart is likely: try more often than usual. */
  readonly patient?: boolean
  /** A status that is a regular answer as well, not an error. */
  readonly also?: number | undefined
}

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

const TIMEOUT_MS = 30_000
const RETRIES = 4
/** Multiplies the retries of a `patient` request, so that they span about a minute and outlast a restart. */
const PATIENCE = 3
const BACKOFF_MS = 250
const BACKOFF_MS_MAX = 8_000
/** A longer `Retry-After` is not waited for; the error goes to the caller. */
const RETRY_AFTER_SECONDS_MAX = 60
/** Transient statuses: no answer (0), too many requests, and a proxy's answers while the orchestrator restarts. */
const PASSING: ReadonlySet<number> = new Set([0, 429, 502, 503, 504])

/** Sends requests, retries where that is safe, and reads the answers. */
export class Transport {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #fetch: NonNullable<ClientOptions['fetch']>
  readonly #parse: (text: string) => unknown
  readonly #timeoutMs: number
  readonly #retries: number
  readonly sharesRequests: boolean
  #hasAnswered = false

  /** Throws a `TypeError` for an invalid `url`, and for a `key` that cannot stand in a header. */
  constructor({ url, key, fetch = (input, init) => globalThis.fetch(input, init), ...options }: ClientOptions) {
    if (!/^https?:\/\/[^/]/.test(url)) throw new TypeError(`url must start with http:// or https://: ${url}`)
    const problem = key === undefined ? null : problemWithKey(key)
    if (problem !== null) throw new TypeError(`key ${problem}`)
    this.#base = withoutSlashes(url)
    this.#headers = key === undefined ? {} : { Authorization: `Bearer ${key}` }
    this.#fetch = fetch
    this.#parse = options.parse ?? JSON.parse
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS
    this.#retries = options.retries ?? RETRIES
    this.sharesRequests = options.shareRequests ?? globalThis.navigator?.userAgent !== 'Cloudflare-Workers'
  }

  /** True after the first answer. From then on an address that does not answer is not taken for a wrong one. */
  get hasAnswered(): boolean {
    return this.#hasAnswered
  }

  /** Resolves with the body of the answer. Throws a `CasareError` for an error status, and for no answer. */
  async send<T>(method: Method, path: string, options: RequestOptions = {}): Promise<T> {
    const once = (): Promise<Answer | CasareError> => this.try(method, path, options)
    return await this.repeat<T>(once, { ...options, repeatable: method !== 'POST' || options.repeatable === true })
  }

  /** Does it, and again while that is safe and may help. Resolves with the body of the answer. Throws the last error. */
  async repeat<T>(
    once: () => Promise<Answer | CasareError>,
    { repeatable, patient, signal }: Pick<RequestOptions, 'repeatable' | 'patient' | 'signal'>,
  ): Promise<T> {
    const retries = repeatable === true ? this.#retries * (patient === true ? PATIENCE : 1) : 0
    for (let tries = 1;; tries++) {
      const answer = await once()
      if (!(answer instanceof CasareError)) {
        this.#hasAnswered = true
        return answer.body as T
      }
      const waitMs = tries <= retries ? delayBefore(answer, tries) : null
      if (waitMs === null) throw answer
      await pause(waitMs, signal)
    }
  }

  /** Every item of a list. Pages are fetched as the loop needs them. */
  async *list<T>(path: string, query: Query, { signal }: CallOptions): AsyncGenerator<T, void, undefined> {
    let cursor: string | undefined
    do {
      const page: Page<T> = await this.send('GET', path, { query: { ...query, cursor }, signal })
      yield* page.items
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
  }

  /** Sends a request once. Resolves with the answer, or with the error; throws only the reason of its signal. */
  async try(method: Method, path: string, options: RequestOptions): Promise<Answer | CasareError> {
    const late = AbortSignal.timeout(this.#timeoutMs)
    const signal = options.signal === undefined ? late : AbortSignal.any([options.signal, late])
    const headers: Record<string, string> = { Accept: 'application/json', ...this.#headers, ...options.headers }
    const body = options.text ?? (options.body === undefined ? null : stringifyExact(options.body))
    if (body !== null) headers['Content-Type'] = 'application/json'
    options.signal?.throwIfAborted()
    try {
      const response = await this.#fetch(this.#base + path + textOf(options.query), { method, headers, body, signal })
      const text = await response.text()
      const json = response.ok || response.status === options.also ? parsed(text, this.#parse) : undefined
      return json === undefined
        ? errorOf(response, text)
        : { body: json, requestId: response.headers.get('x-request-id') }
    } catch (cause) {
      options.signal?.throwIfAborted()
      if (late.aborted) {
        const message = `${this.#base} did not answer within ${this.#timeoutMs} ms`
        return new CasareError(message, { code: 'TIMEOUT', cause })
      }
      const message = `${this.#base} cannot be reached: ${reasonOf(cause)}`
      return new CasareError(message, { code: 'CONNECTION_ERROR', cause })
    }
  }
}

/** The wait that is requested of the orchestrator at a time. It stays below the timeout of one try. */
const WAIT_SECONDS = 20
/** The pause before the next request, for an orchestrator that stops and lets nobody wait. */
const AGAIN_MS = 250

/** Asks until the answer is the last one. The orchestrator answers as soon as it is, or after `WAIT_SECONDS`. */
export async function waitFor<T>(
  transport: Transport,
  path: string,
  signal: AbortSignal | undefined,
  isLast: (answer: T) => boolean,
): Promise<T> {
  for (;;) {
    const patient = transport.hasAnswered
    const answer = await transport.send<T>('GET', path, { query: { wait_seconds: WAIT_SECONDS }, signal, patient })
    if (isLast(answer)) return answer
    await pause(AGAIN_MS, signal)
  }
}

/** Waits. Throws the signal's reason if it aborts first. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const end = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', aborted)
    }
    const aborted = (): void => {
      end()
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      end()
      resolve()
    }, ms)
    signal?.addEventListener('abort', aborted)
  })
}

/** True for an error that may be over after a while. */
export function isPassing({ status }: CasareError): boolean {
  return PASSING.has(status)
}

/** Milliseconds to wait before the next try; null if there should be none. */
function delayBefore(error: CasareError, tries: number): number | null {
  if (!isPassing(error)) return null
  if (error.retryAfter !== null) return error.retryAfter > RETRY_AFTER_SECONDS_MAX ? null : error.retryAfter * 1_000
  // Jitter: after an outage many clients return at the same time.
  return Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** (tries - 1)) * (0.5 + Math.random() / 2)
}

function textOf(query: Query = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) if (value !== undefined) params.set(name, String(value))
  return params.size === 0 ? '' : `?${params}`
}

/** The message of the cause. fetch often reports only that it failed. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error
  if (!(cause instanceof Error)) return message ?? String(error)
  return cause.message || String((cause as { code?: unknown }).code ?? message)
}

/** The URL without trailing slashes. */
function withoutSlashes(url: string): string {
  let end = url.length
  while (url[end - 1] === '/') end--
  return url.slice(0, end)
}
