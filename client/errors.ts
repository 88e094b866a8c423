import type { RefusalCode } from '../core/base/refusal.ts'
import { retryAfterSeconds } from '../core/base/retry-after.ts'
import type { ErrorBody } from '../core/api/error.ts'
import type { Anything } from '../core/api/view.ts'

/** The fields of an error. */
interface ErrorFields {
  readonly code: CasareError['code']
  readonly status?: number
  readonly details?: Anything
  readonly retryAfter?: number | null
  readonly requestId?: string | null
  readonly cause?: unknown
}

/**
 * The orchestrator refused the request, or could not be reached. `CONNECTION_ERROR` and `TIMEOUT` with the status 0 are
 * made by this client: no answer came, so the request may or may not have taken effect.
 */
export class CasareError extends Error {
  override readonly name = 'CasareError'
  /** Stable, for programs. A newer orchestrator may have further codes. */
  readonly code: RefusalCode | (string & {})
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number
  /** Data that a program needs to act on the error. */
  readonly details: Anything
  /** Seconds after which trying again makes sense, at most a day; null if the answer has no `Retry-After`. */
  readonly retryAfter: number | null
  /** The id under which the orchestrator logged the request. */
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

/** Turns an error response into a `CasareError`. A body in any other form comes from a proxy in between. */
export function errorOf(response: Response, text: string): CasareError {
  const { status } = response
  const after = retryAfterSeconds(response.headers.get('retry-after'), Date.now(), Date.parse)
  const requestId = response.headers.get('x-request-id')
  const retryAfter = after === null ? null : Math.ceil(after)
  const body = parsed(text) as Partial<ErrorBody> | undefined
  if (typeof body?.payload?.error_code !== 'string') {
    const excerpt = text.replace(/\s+/g, ' ').slice(0, 100).toWellFormed()
    const message = `${response.url} answered ${status}, and not as an orchestrator does: ${excerpt}`
    return new CasareError(message, { code: 'CONNECTION_ERROR', status, retryAfter, requestId })
  }
  const { error_code: code, error_message, details } = body.payload
  return new CasareError(error_message, { code, status, details, retryAfter, requestId })
}

/** The value of JSON, or undefined for invalid JSON. */
export function parsed(text: string, parse: (text: string) => unknown = JSON.parse): unknown {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}
