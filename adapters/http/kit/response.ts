import type { Context, MiddlewareHandler } from 'hono'
import { requestId } from 'hono/request-id'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { epochSeconds, type Quota } from '../../../core/base/sliding-window.ts'
import { errorPayload } from '../../../core/protocol/encode.ts'
import { toText } from '../../../core/base/json.ts'
import { type Refusal, REFUSALS, retryAfterOf } from '../../../core/base/refusal.ts'
import type { ErrorBody } from '../../../core/api/error.ts'

/** Set on every answer, so that a browser does not interpret it as another type than it declares. */
export const NOSNIFF = { 'X-Content-Type-Options': 'nosniff' } as const

/**
 * Lets `c.json` write what passes through digit for digit, and with `?pretty` indented. hono's own way to either parses what
 * is written once more, into doubles.
 */
export const writesJson: MiddlewareHandler = async (c, next) => {
  for (const [name, value] of Object.entries(NOSNIFF)) c.header(name, value)
  const space = c.req.query('pretty') === undefined ? undefined : 2
  const json = (body: unknown, status?: ContentfulStatusCode, headers?: Record<string, string>): Response => {
    const text = toText(body, space)
    // Refusals, which have a status, are not kept.
    const tag = status === undefined ? c.get('tagOf')?.(text) : undefined
    return c.body(text, status, {
      ...headers,
      ...(tag === undefined ? {} : { ETag: tag }),
      'Content-Type': 'application/json',
    })
  }
  c.json = json as typeof c.json
  await next()
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

/** Names each request, and says the name on its answer. No name is short enough for hono's own rule, which lacks dots and colons. */
export const namesRequest = requestId({ limitLength: 0, generator: (c) => requestIdIn(c.req.header(REQUEST_ID)) })

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
  c.header('X-RateLimit-Limit', String(quota.limit))
  c.header('X-RateLimit-Remaining', String(quota.remaining))
  c.header('X-RateLimit-Reset', String(epochSeconds(quota.resetAt)))
}
