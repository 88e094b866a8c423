import { etag, RETAINED_304_HEADERS } from 'hono/etag'

/**
 * Gives what is read an `ETag`, and answers 304 without a body where the caller has it as it is. For one thing at a time:
 * of a list a caller wants what is new.
 */
export const unlessUnchanged = etag({
  retainedHeaders: [
    ...RETAINED_304_HEADERS,
    'access-control-allow-origin',
    'access-control-expose-headers',
    'x-content-type-options',
    'x-request-id',
  ],
})
