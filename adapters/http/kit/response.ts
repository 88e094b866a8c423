import type { Context, MiddlewareHandler } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { epochSeconds, type Quota } from '../../../core/base/sliding-window.ts'
import { errorPayload } from '../../../core/protocol/encode.ts'
import { toText } from '../../../core/base/json.ts'
import { type Refusal, REFUSALS, retryAfterOf } from '../../../core/base/refusal.ts'
import type { ErrorBody } from '../../../core/api/error.ts'
import type { HonoEnv } from './env.ts'

/** Set on every answer, so that a browser does not interpret it as another type than it declares. */
export const NOSNIFF = { 'X-Content-Type-Options': 'nosniff' } as const

/**
 * Headers of the answer to come. They are collected as plain values, since hono's `c.header` makes a `Headers` object of
 * them, which costs a short request a tenth of its time.
 */
export function setHeader(c: Context, name: string, value: string): void {
  headersOfAnswer(c)[name] = value
}

function headersOfAnswer(c: Context): Record<string, string> {
  const headers = c.get('headers') as Record<string, string> | undefined
  if (headers !== undefined) return headers
  const first: Record<string, string> = { ...NOSNIFF }
  c.set('headers', first)
  return first
}

/** The answer with this text as its body, and the headers that were set. */
export function respond(
  c: Context,
  text: string | null,
  status: number,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(text, { status, headers: { ...headersOfAnswer(c), ...headers } })
}

/** Gives the headers that were set to hono, for answers that it makes: pages and redirections. */
export function passHeaders(c: Context): void {
  for (const [name, value] of Object.entries(headersOfAnswer(c))) c.header(name, value)
}

/**
 * Lets `c.json` write what passes through digit for digit, and with `?pretty` indented. hono's own way to either parses what
 * is written once more, into doubles.
 */
export const writesJson: MiddlewareHandler = (c, next) => {
  const json = (body: unknown, status?: ContentfulStatusCode, headers?: Record<string, string>): Response => {
    const text = toText(body, c.req.query('pretty') === undefined ? undefined : 2)
    // Refusals, which have a status, are not kept.
    const tag = status === undefined ? c.get('tagOf')?.(text) : undefined
    return respond(c, text, status ?? 200, {
      ...headers,
      ...(tag === undefined ? {} : { ETag: tag }),
      'Content-Type': 'application/json',
    })
  }
  c.json = json as typeof c.json
  return next()
}

/** A refusal as the API reference shows errors, with the status from the one table. */
export function refused(c: Context, refusal: Refusal): Response {
  const body: ErrorBody = {
    type: 'error',
    payload: errorPayload(refusal),
    correlation_id: c.get('requestId'),
  }
  return c.json(body, REFUSALS[refusal.refused].status as ContentfulStatusCode, headersOf(refusal))
}

const REQUEST_ID = 'X-Request-Id'

/** The caller's id of a request, or a new one, so that it can be found in the log. */
export function requestIdIn(given: string | null | undefined): string {
  return given !== null && given !== undefined && /^[\w.:=-]{1,128}$/.test(given) ? given : crypto.randomUUID()
}

/** The header that says it, for what is answered outside of hono. */
export function requestIdHeader(given: string | null | undefined): { readonly [REQUEST_ID]: string } {
  return { [REQUEST_ID]: requestIdIn(given) }
}

/** Names each request, and says the name on its answer. hono's own middleware for this allows no dots and colons. */
export const namesRequest: MiddlewareHandler<HonoEnv> = (c, next) => {
  const id = requestIdIn(c.req.header(REQUEST_ID))
  c.set('requestId', id)
  setHeader(c, REQUEST_ID, id)
  return next()
}

/** Headers that a refusal comes with: whom to ask for, what is read, and when to come back. */
export function headersOf(refusal: Refusal): Record<string, string> {
  const { accept_encoding, allow } = refusal.details
  if (refusal.refused === 'AUTHENTICATION_FAILED') return { 'WWW-Authenticate': 'Bearer' }
  if (refusal.refused === 'METHOD_NOT_ALLOWED' && Array.isArray(allow)) return { Allow: allow.join(', ') }
  if (typeof accept_encoding === 'string') return { 'Accept-Encoding': accept_encoding }
  const seconds = retryAfterOf(refusal)
  return seconds === null ? {} : { 'Retry-After': String(seconds) }
}

/** Names the address of something, below the base of its fleet. */
export function locationIn(base: string, list: string, id: string): { readonly Location: string } {
  return { Location: `${base}/api/v1/${list}/${encodeURIComponent(id)}` }
}

/** Sets the limit's state as headers of the answer. */
export function setQuotaHeaders(c: Context, quota: Quota | null | undefined): void {
  if (quota === null || quota === undefined) return
  setHeader(c, 'X-RateLimit-Limit', String(quota.limit))
  setHeader(c, 'X-RateLimit-Remaining', String(quota.remaining))
  setHeader(c, 'X-RateLimit-Reset', String(epochSeconds(quota.resetAt)))
}
