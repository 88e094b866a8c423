import type { MiddlewareHandler } from 'hono'
import { etag, RETAINED_304_HEADERS } from 'hono/etag'
import { sha256 } from '../../crypto/secrets.ts'
import type { HonoEnv } from './request.ts'

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
 * Gives what is read an `ETag`, and answers 304 without a body where the caller has it as it is. For one thing at a time:
 * of a list a caller wants what is new. The tag is made of the text before there is a response: to read it out of one
 * costs more than everything else about a request.
 */
export const unlessUnchanged: MiddlewareHandler<HonoEnv> = (c, next) => {
  c.set('tagOf', (text) => `"${sha256(text).slice(0, 32)}"`)
  return compare(c, next)
}
