import { cut } from '../base/text.ts'
import { tokenOf, toText } from '../base/json.ts'
import type { MessageId, Outgoing } from './message.ts'
import type { Refusal, RefusalCode } from '../base/refusal.ts'

/**
 * Serialises one frame, with the keys in the order of every implementation. `correlation_id` is absent rather than
 * null. `timestamp` is ISO 8601 with `Z`.
 */
export function encode(message: Outgoing, id: string, timestamp: string): string {
  const { type, payload, correlation_id } = message
  return toText({ type, id, timestamp, payload, correlation_id: echo(correlation_id) })
}

/** The length of echoed text, so that an answer is not longer than the message that it answers. */
const ECHO_CHARS_MAX = 100

/** An id to answer to, cut if it is too long. A number is echoed whole. */
function echo(id: MessageId | undefined): MessageId | undefined {
  return typeof id === 'string' && tokenOf(id) === null ? cut(id, ECHO_CHARS_MAX) : id
}

/** The `error` message that reports a refusal to a peer. */
export function errorMessage(refusal: Refusal, correlation_id: MessageId | undefined): Outgoing<'error'> {
  return { type: 'error', payload: errorPayload(refusal) as Outgoing<'error'>['payload'], correlation_id }
}

/** The `payload` of an error in the reference's format, for frames and HTTP bodies. */
export function errorPayload(refusal: Refusal): {
  readonly error_code: RefusalCode
  readonly error_message: string
  readonly details: Readonly<Record<string, unknown>>
} {
  return { error_code: refusal.refused, error_message: refusal.message, details: refusal.details }
}
