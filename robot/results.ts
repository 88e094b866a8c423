import { stringifyExact } from '../core/base/exact.ts'
import { FIELD_DEPTH, fitJson, roomFor } from '../core/protocol/fit.ts'
import type { JsonText } from '../core/base/ids.ts'
import { fromText, type Json } from '../core/base/json.ts'
import { resultProblemOf } from '../core/protocol/unkept.ts'
import type { Outcome, RunningJob } from './job.ts'
import type { ResultMessage } from './outbox.ts'
import { messageOf, truncate } from './text.ts'
import { exceedsBytes } from '../core/base/text.ts'

const MESSAGE_CHARS_MAX = 10_000
const STACK_CHARS_MAX = 20_000
/** Bytes reserved for the envelope around a payload. */
const ENVELOPE_BYTES = 1_000

/**
 * The message that reports how a job ended. A result that cannot be sent becomes a failure that says why, because every
 * end must be reportable.
 */
export function resultOf(job: RunningJob, outcome: Outcome, robotId: string, bytesMax: number): ResultMessage {
  const { job_id, offer } = job.assigned
  if (outcome.type === 'cancelled') {
    return { type: 'job_cancelled', payload: { job_id, robot_id: robotId, offer }, correlation_id: job.cancelId }
  }
  if (outcome.type === 'failed') return failureOf(job, robotId, faultOf(outcome.error))
  const result = sendable(outcome.result, bytesMax)
  if ('fault' in result) return failureOf(job, robotId, result.fault)
  const duration_ms = Math.round(performance.now() - job.startedAt)
  return { type: 'job_complete', payload: { job_id, robot_id: robotId, result: result.written, duration_ms, offer } }
}

export interface Fault {
  readonly error_message: string
  readonly error_type: string
  readonly stack_trace?: string
  readonly failed_node?: string
}

/** The error in the protocol's form. Takes any thrown value. */
export function faultOf(error: unknown): Fault {
  const fields = typeof error === 'object' && error !== null ? error as Readonly<Record<string, unknown>> : {}
  const name = [fields['type'], fields['name']].find((value) => typeof value === 'string' && value !== '')
  return {
    error_message: truncate(messageOf(error), MESSAGE_CHARS_MAX),
    error_type: truncate(String(name ?? 'Error'), 256),
    stack_trace: typeof fields['stack'] === 'string' ? truncate(fields['stack'], STACK_CHARS_MAX) : '',
    failed_node: typeof fields['node'] === 'string' ? truncate(fields['node'], 256) : '',
  }
}

function failureOf(job: RunningJob, robotId: string, fault: Fault): ResultMessage {
  const { job_id, offer } = job.assigned
  return { type: 'job_failed', payload: { job_id, robot_id: robotId, ...fault, offer } }
}

/** The result in its written form, or the error that prevents sending it. */
function sendable(given: unknown, bytesMax: number): { readonly written: Json } | { readonly fault: Fault } {
  const result = given ?? {}
  let text: string | undefined
  try {
    text = stringifyExact(result)
  } catch (error) {
    return notSerializable(messageOf(error))
  }
  if (text === undefined) return notSerializable(`a ${typeof result} is not JSON`)
  if (exceedsBytes(text, bytesMax - ENVELOPE_BYTES)) {
    const size = new TextEncoder().encode(text).length
    const error_message = `The result has ${size} bytes of JSON, and a message may have ${bytesMax}`
    return { fault: { error_type: 'ResultTooLarge', error_message } }
  }
  // The orchestrator checks with the same functions, so a result that passes here is stored there.
  const room = { ...roomFor(text), numbers: true }
  const written = fitJson(fromText(text as JsonText), FIELD_DEPTH, room)
  const why = resultProblemOf(room)
  return why === null ? { written } : notSerializable(`it ${why.why}`)
}

function notSerializable(why: string): { readonly fault: Fault } {
  const error_message = `The result cannot be sent as JSON: ${why}`
  return { fault: { error_type: 'ResultNotSerializable', error_message } }
}
