import { cut } from '../base/text.ts'
import { tokenOf, toText } from '../base/json.ts'
import type { MessageId, Outgoing } from './message.ts'
import type { Refusal, RefusalCode } from '../base/refusal.ts'

/**
 * Writes one frame, with the keys in the order in which every implementation writes them.
 * `correlation_id` is absent where there is none, never null. `timestamp` is ISO 8601 with `Z`.
 */
export function encode(message: Outgoing, id: string, timestamp: string): string {
  const { type, payload, correlation_id } = message
  return toText({ type, id, timestamp, payload, correlation_id: echo(correlation_id) })
}

/** Of what a peer has sent, so much is sent back: an answer must not be longer than what it answers, however that is written. */
const ECHO_CHARS_MAX = 100

/** An id to answer to; of a longer one its beginning. A number is as long as it is. */
function echo(id: MessageId | undefined): MessageId | undefined {
  return typeof id === 'string' && tokenOf(id) === null ? cut(id, ECHO_CHARS_MAX) : id
}

/** The `error` message that tells a peer of a refusal. */
export function errorMessage(refusal: Refusal, correlation_id: MessageId | undefined): Outgoing<'error'> {
  return { type: 'error', payload: errorPayload(refusal) as Outgoing<'error'>['payload'], correlation_id }
}

/** The `payload` of an error as the reference shows it, for frames and for HTTP bodies alike. */
export function errorPayload(refusal: Refusal): {
  readonly error_code: RefusalCode
  readonly error_message: string
  readonly details: Readonly<Record<string, unknown>>
} {
  return { error_code: refusal.refused, error_message: refusal.message, details: refusal.details }
}
