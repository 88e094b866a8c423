import { setTimeout } from 'node:timers/promises'
import type { JsonText } from '../core/base/ids.ts'
import { stringifyExact } from '../core/base/exact.ts'
import { fromText, toText } from '../core/base/json.ts'
import { backoffMs } from './backoff.ts'
import { messageOf } from './text.ts'
import { JobError } from './job-error.ts'

/** The HTTP API of the robot's fleet and the robot's own key, for calls of workflows. */
export interface ApiAccess {
  readonly api: string
  readonly key: string | undefined
}

export interface CallOptions {
  /** Wait for the end of the called job; default true. */
  readonly wait?: boolean | undefined
  /** The longest wait; by default as long as the calling job may run. */
  readonly timeoutMs?: number | undefined
}

/** A called job. */
export interface Called {
  readonly jobId: string
  /** The result; `{}` if the call did not wait. */
  readonly result: unknown
  /** The result as JSON, digit for digit. */
  readonly resultText: string
}

/** The calling job, and the number of this call within it: repeating a call yields the same job. */
export interface Caller {
  readonly jobId: string
  readonly offer: number
  readonly number: number
  readonly signal: AbortSignal
}

/** The wait that is requested of the orchestrator at a time. */
const WAIT_SECONDS = 30
/** Timeout of one request: the requested wait with a margin. */
const REQUEST_MS = (WAIT_SECONDS + 15) * 1_000
const BACKOFF_BASE_MS = 500
const BACKOFF_CAP_MS = 15_000
/** Transient statuses: no answer (0), too many requests, and an orchestrator that restarts. */
const TRANSIENT: ReadonlySet<number> = new Set([0, 429, 500, 502, 503, 504])

interface Reply {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/**
 * Calls a workflow by its alias and waits for its end, through restarts of the orchestrator. Throws a `JobError` with
 * the code of a refusal, `CalledJobFailed` if the called job does not complete, and `CallTimeout` when the time is up,
 * while the called job continues. Throws the signal's reason when aborted.
 */
export async function callWorkflow(
  api: ApiAccess,
  caller: Caller,
  alias: string,
  parameters: Readonly<Record<string, unknown>>,
  { wait = true, timeoutMs }: CallOptions = {},
): Promise<Called> {
  const until = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs
  const headers = { 'Idempotency-Key': `${caller.jobId}:${caller.offer}:${caller.number}` }
  const body = stringifyExact({ parameters, parent_job_id: caller.jobId })
  const made = await requestApi(
    api,
    caller,
    `calls/${encodeURIComponent(alias)}`,
    { method: 'POST', headers, body },
    until,
  )
  const jobId = String(made['job_id'])
  if (made['status'] === 'ignored') throw new JobError('CallIgnored', `${alias}: ${String(made['message'])}`)
  if (!wait) return { jobId, result: {}, resultText: '{}' }
  let job = made
  while (job['ended'] !== true) {
    const seconds = Math.min(WAIT_SECONDS, Math.max(0, (until - performance.now()) / 1_000))
    if (seconds === 0) {
      throw new JobError('CallTimeout', `${alias} has not ended after ${timeoutMs} ms: job ${jobId} goes on`)
    }
    job = await requestApi(api, caller, `calls/${jobId}?wait_seconds=${seconds.toFixed(3)}`, { method: 'GET' }, until)
  }
  if (job['status'] === 'completed') {
    const resultText = toText(job['result'])
    return { jobId, result: JSON.parse(resultText) as unknown, resultText }
  }
  const why = String(job['error_message'] ?? '')
  throw new JobError(
    'CalledJobFailed',
    `${alias}: job ${jobId} is ${String(job['status'])}${why === '' ? '' : `: ${why}`}`,
  )
}

interface Problem {
  readonly error_code?: string
  readonly error_message?: string
  /** `retry_after_ms`: milliseconds until the limit lets one more call through. */
  readonly details?: { readonly retry_after_ms?: number }
}

/** Sends a request to the API, and repeats it while no answer comes. */
async function requestApi(
  { api, key }: ApiAccess,
  { signal }: Caller,
  path: string,
  init: RequestInit,
  until: number,
): Promise<Reply['body']> {
  const headers = {
    ...init.headers as Record<string, string>,
    ...(init.body === undefined ? {} : { 'Content-Type': 'application/json' }),
    ...(key === undefined ? {} : { Authorization: `Bearer ${key}` }),
  }
  for (let tries = 1;; tries++) {
    signal.throwIfAborted()
    const { status, body } = await once(`${api}/api/v1/${path}`, { ...init, headers }, signal)
    if (status >= 200 && status < 300) return body
    const payload = body['payload'] as Problem | undefined
    const code = payload?.error_code ?? 'CONNECTION_ERROR'
    const asked = Number(payload?.details?.retry_after_ms) || 0
    const wait = Math.max(asked, backoffMs(tries, BACKOFF_BASE_MS, BACKOFF_CAP_MS, Math.random))
    if (!TRANSIENT.has(status) || performance.now() + wait > until) {
      throw new JobError(code, payload?.error_message ?? `${api} cannot be reached: ${String(body['error'])}`)
    }
    await setTimeout(wait, undefined, { signal })
  }
}

async function once(url: string, init: RequestInit, signal: AbortSignal): Promise<Reply> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]) })
    const text = await response.text()
    return { status: response.status, body: fromText(text as JsonText) as Reply['body'] }
  } catch (error) {
    signal.throwIfAborted()
    const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : ''
    return { status: 0, body: { error: messageOf(error) + cause } }
  }
}

/**
 * The HTTP API that belongs to the robots' address, by default: the same origin if the path is `/ws`, or the next port
 * if the address has the usual one.
 */
export function apiOf(url: string): string {
  const api = new URL(url.replace(/^ws/, 'http'))
  if (/\/ws\/?$/.test(api.pathname)) api.pathname = api.pathname.replace(/\/ws\/?$/, '')
  else if (api.port === '8765') api.port = '8766'
  return `${api.origin}${api.pathname}`.replace(/\/$/, '')
}
