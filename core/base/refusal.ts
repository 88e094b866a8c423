import { cut } from './text.ts'

/**
 * Every way we say no, and what each transport makes of it.
 *
 * The first ten are the API reference's ("Error Codes"); the others are ours. A refusal is a value, never an
 * exception: the state is untouched, and the peer is told why.
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
  /** Something is at the address, and takes other methods. `details.allow` lists them. */
  METHOD_NOT_ALLOWED: { status: 405, retry: false },
  CONFLICT: { status: 409, retry: false },
  /** The same job is waiting or running, or was submitted a moment ago. `details.job_id` is that one. */
  DUPLICATE_JOB: { status: 409, retry: false },
  /** An idempotency key was used before, for another body. */
  IDEMPOTENCY_MISMATCH: { status: 422, retry: false },
  PAYLOAD_TOO_LARGE: { status: 413, retry: false },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, retry: false },
  /** A chain of jobs, each called by or following from the one before, is as long as one may be: it may be a loop. */
  CALL_TOO_DEEP: { status: 409, retry: false },
  /** One job, by what it and its followers call and start, has led to as many jobs as one may. */
  CALL_TOO_WIDE: { status: 409, retry: false },
  /** The queue holds as many live jobs as it may. Try again when some have ended. */
  QUEUE_FULL: { status: 429, retry: true },
  /** Draining, or the store cannot take writes. Whether the request took effect is unknown if it was under way. */
  UNAVAILABLE: { status: 503, retry: true },
} as const satisfies Record<string, { readonly status: number; readonly retry: boolean }>

export type RefusalCode = keyof typeof REFUSALS

/** One refusal, ready to be told. `details` holds what a program needs, `message` what a person needs. */
export interface Refusal {
  readonly refused: RefusalCode
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/** Makes a refusal. The message names the field or the thing, so that the peer can act on it. */
export function refuse(
  refused: RefusalCode,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): Refusal {
  return { refused, message, details }
}

/** NOT_FOUND for something that is asked for by its id, which is told up to a length. */
export function notFound(what: string, id: string, details: Refusal['details'] = {}): Refusal {
  return refuse('NOT_FOUND', `${what} with ID ${cut(id, 256)} not found`, details)
}

/** TRIGGER_NOT_FOUND, in the words of the API reference. */
export function noTrigger(id: string): Refusal {
  return refuse('TRIGGER_NOT_FOUND', `Trigger with ID ${cut(id, 256)} not found`)
}

/** Tells a refusal from any other value. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value
}
