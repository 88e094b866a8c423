import type { MiddlewareHandler } from 'hono'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import { sha256 } from '../../crypto/secrets.ts'
import type { HonoEnv } from './env.ts'

const compare = etag({
  retainedHeaders: [
    ...RETAINED_304_HEADERS,
    'access-control-allow-origin',
    'access-control-expose-headers',
    'x-content-type-options',
    'x-request-id',
  ],
})

/**
 * Adds an `ETag` to answers, and answers 304 without a body if the caller's copy is current. Only for single resources,
 * since callers of a list want its new items. The tag is computed from the text before the response exists: reading it
 * back from a response costs more than the rest of the request.
 */
export const unlessUnchanged: MiddlewareHandler<HonoEnv> = (c, next) => {
  c.set('tagOf', (text) => `"${sha256(text).slice(0, 32)}"`)
  return compare(c, next)
}
