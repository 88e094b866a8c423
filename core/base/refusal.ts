import { cut } from './text.ts'

/**
 * Every refusal with its HTTP status, and whether trying again makes sense. The first ten codes are the API reference's
 * ("Error Codes"). A refusal is a value, never an exception: the state is unchanged, and the peer gets the reason.
 */
export const REFUSALS = {
  INVALID_JSON: { status: 400, retry: false },
  INVALID_MESSAGE: { status: 400, retry: false },
  INVALID_PAYLOAD: { status: 400, retry: false },
  AUTHENTICATION_FAILED: { status: 401, retry: false },
  FORBIDDEN: { status: 403, retry: false },
  NOT_FOUND: { status: 404, retry: false },
  RATE_LIMITED: { status: 429, retry: true },
  HANDLER_ERROR: { status: 500, retry: true },
  CONNECTION_ERROR: { status: 502, retry: true },
  TIMEOUT: { status: 504, retry: true },
  TRIGGER_NOT_FOUND: { status: 404, retry: false },
  /** The address exists, but does not support the method. `details.allow` lists the methods that it does. */
  METHOD_NOT_ALLOWED: { status: 405, retry: false },
  CONFLICT: { status: 409, retry: false },
  /** The same job is waiting or running, or was submitted recently. `details.job_id` names it. */
  DUPLICATE_JOB: { status: 409, retry: false },
  /** The idempotency key was used before, for a different body. */
  IDEMPOTENCY_MISMATCH: { status: 422, retry: false },
  PAYLOAD_TOO_LARGE: { status: 413, retry: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retry: false },
  /**
   * A chain of jobs, each called by or following from the previous one, has reached the maximum length. It may be a
   * loop.
   */
  CALL_TOO_DEEP: { status: 409, retry: false },
  /** One job has led to the maximum number of jobs, by calls and by their ends. */
  CALL_TOO_WIDE: { status: 409, retry: false },
  /** The number of live jobs has reached its limit. Try again after some have ended. */
  QUEUE_FULL: { status: 429, retry: true },
  /**
   * The orchestrator is draining, or the store cannot write. A request in progress may or may not have taken effect.
   */
  UNAVAILABLE: { status: 503, retry: true },
} as const satisfies Record<string, { readonly status: number; readonly retry: boolean }>

export type RefusalCode = keyof typeof REFUSALS

/** A refusal: `details` for programs, `message` for people. */
export interface Refusal {
  readonly refused: RefusalCode
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/** Makes a refusal. The message names the field or the record, so that the peer can act on it. */
export function refuse(
  refused: RefusalCode,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): Refusal {
  return { refused, message, details }
}

/** Seconds after which the same request makes sense again; null where it does not, or nobody knows. */
export function retryAfterOf({ refused, details }: Refusal): number | null {
  const { cooldown_remaining, retry_after_ms } = details
  if (typeof cooldown_remaining === 'number') return cooldown_remaining
  if (typeof retry_after_ms === 'number') return Math.max(1, Math.ceil(retry_after_ms / 1000))
  return REFUSALS[refused].retry ? RETRY_AFTER_SECONDS : null
}

/** Advised where a refusal passes, and does not say when. */
const RETRY_AFTER_SECONDS = 5

/** NOT_FOUND for a record requested by id. A long id is cut. */
export function notFound(what: string, id: string, details: Refusal['details'] = {}): Refusal {
  return refuse('NOT_FOUND', `${what} with ID ${cut(id, 256)} not found`, details)
}

/** TRIGGER_NOT_FOUND, with the API reference's message. */
export function noTrigger(id: string): Refusal {
  return refuse('TRIGGER_NOT_FOUND', `Trigger with ID ${cut(id, 256)} not found`)
}

/** True if a value is a refusal. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value
}
