import { cut } from '../core/base/text.ts'
import type { RefusalCode } from '../core/base/refusal.ts'
import { retryAfterSeconds } from '../core/base/retry-after.ts'
import type { Anything, ErrorBody } from '../core/api/view.ts'

/** What an error is made of. */
interface ErrorFields {
  readonly code: CasareError['code']
  readonly status?: number
  readonly details?: Anything
  readonly retryAfter?: number | null
  readonly requestId?: string | null
  readonly cause?: unknown
}

/**
 * The orchestrator said no, or could not be reached. `CONNECTION_ERROR` and `TIMEOUT` with the status 0 are ours: no
 * answer came, and whether the request took effect is not known.
 */
export class CasareError extends Error {
  override readonly name = 'CasareError'
  /** Stable, for programs. A newer orchestrator may have more of them. */
  readonly code: RefusalCode | (string & {})
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number
  /** What a program needs to act on it. */
  readonly details: Anything
  /** In how many seconds trying again makes sense, at most a day; null where nothing was said of that. */
  readonly retryAfter: number | null
  /** By which the request is found in the orchestrator's own log. */
  readonly requestId: string | null

  constructor(
    message: string,
    { code, status = 0, details = {}, retryAfter = null, requestId = null, cause }: ErrorFields,
  ) {
    super(message, cause === undefined ? {} : { cause })
    this.code = code
    this.status = status
    this.details = details
    this.retryAfter = retryAfter
    this.requestId = requestId
  }
}

/** The error that an answer tells of. What is not in our form comes from something that stands between. */
export function errorOf(response: Response, text: string): CasareError {
  const { status } = response
  const after = retryAfterSeconds(response.headers.get('retry-after'), Date.now(), Date.parse)
  const requestId = response.headers.get('x-request-id')
  const retryAfter = after === null ? null : Math.ceil(after)
  const body = parsed(text) as Partial<ErrorBody> | undefined
  if (typeof body?.payload?.error_code !== 'string') {
    const excerpt = cut(text.replace(/\s+/g, ' '), 100)
    const message = `${response.url} answered ${status}, and not as an orchestrator does: ${excerpt}`
    return new CasareError(message, { code: 'CONNECTION_ERROR', status, retryAfter, requestId })
  }
  const { error_code: code, error_message, details } = body.payload
  return new CasareError(error_message, { code, status, details, retryAfter, requestId })
}

/** The value of JSON, or undefined for what is none. */
export function parsed(text: string, parse: (text: string) => unknown = JSON.parse): unknown {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}
