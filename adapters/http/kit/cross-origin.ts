import type { MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'

/** The headers that a page of another origin may send besides the standard ones. */
const SENT = ['Authorization', 'Content-Type', 'Idempotency-Key', 'If-None-Match', 'X-Request-Id']

/** The headers that such a page may read besides the standard ones. */
const SHOWN = [
  'ETag',
  'Idempotency-Replayed',
  'Location',
  'Retry-After',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'X-Request-Id',
]

/** For how long a browser need not ask again. */
const SECONDS = 600

/**
 * Lets pages of other origins call routes that need a key in a header. For routes that only the page's location
 * authorises, such as forms and webhooks without a secret, `allowed_origins` decides, and no page may read the answer.
 */
export function crossOrigin(origins: readonly string[]): MiddlewareHandler {
  return cors({
    origin: [...origins],
    allowMethods: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    allowHeaders: SENT,
    exposeHeaders: SHOWN,
    maxAge: SECONDS,
  })
}
