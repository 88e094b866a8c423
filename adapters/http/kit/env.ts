import type { KeyRow } from '../../../core/records/key.ts'

/** The variables of a request, which the middleware sets and its handler reads. */
export interface HonoEnv {
  Variables: {
    /** The key of the request. */
    key: KeyRow
    /** The prefix of this fleet's paths, before `/api`. */
    base: string
    /** Makes the `ETag` of an answer, where it gets one. */
    tagOf?: (text: string) => string
    /** The caller's id of the request, or a new one. */
    requestId: string
    /** The headers of the answer that were set so far. */
    headers: Record<string, string>
  }
}
