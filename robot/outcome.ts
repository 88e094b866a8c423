import { exceedsBytes } from '../core/protocol/decode.ts'
import { FIELD_DEPTH, fitJson, roomFor } from '../core/protocol/fit.ts'
import type { Json } from '../core/protocol/json.ts'
import { UNKEPT } from '../core/protocol/unkept.ts'
import type { Outcome, RunningJob } from './job.ts'
import type { Terminal } from './outbox.ts'
import { fit, messageOf } from './text.ts'

const MESSAGE_CHARS_MAX = 10_000
const STACK_CHARS_MAX = 20_000
/** What the envelope around a payload may weigh. */
const ENVELOPE_BYTES = 1_000

/**
 * The message that tells how a job ended. A result that cannot be sent becomes a failure that says why: it must
 * never happen that a job has ended and nobody can be told.
 */
export function terminalOf(job: RunningJob, outcome: Outcome, robotId: string, bytesMax: number): Terminal {
  const { job_id, attempt } = job.assigned
  if (outcome.type === 'cancelled') {
    return { type: 'job_cancelled', payload: { job_id, robot_id: robotId, attempt }, correlation_id: job.cancelId }
  }
  if (outcome.type === 'failed') return failureOf(job, robotId, faultOf(outcome.error))
  const unsendable = whyUnsendable(outcome.result, bytesMax)
  if (unsendable !== null) return failureOf(job, robotId, unsendable)
  const result = outcome.result ?? {}
  const duration_ms = Math.round(performance.now() - job.startedAt)
  return { type: 'job_complete', payload: { job_id, robot_id: robotId, result, duration_ms, attempt } }
}

export interface Fault {
  readonly error_message: string
  readonly error_type: string
  readonly stack_trace?: string
  readonly failed_node?: string
}

/** What an error says of itself, in the protocol's words. Takes whatever can be thrown. */
export function faultOf(error: unknown): Fault {
  const told = typeof error === 'object' && error !== null ? error as Readonly<Record<string, unknown>> : {}
  const name = [told['type'], told['name']].find((value) => typeof value === 'string' && value !== '')
  return {
    error_message: fit(messageOf(error), MESSAGE_CHARS_MAX),
    error_type: fit(String(name ?? 'Error'), 256),
    stack_trace: typeof told['stack'] === 'string' ? fit(told['stack'], STACK_CHARS_MAX) : '',
    failed_node: typeof told['node'] === 'string' ? fit(told['node'], 256) : '',
  }
}

function failureOf(job: RunningJob, robotId: string, fault: Fault): Terminal {
  const { job_id, attempt } = job.assigned
  return { type: 'job_failed', payload: { job_id, robot_id: robotId, ...fault, attempt } }
}

function whyUnsendable(result: unknown, bytesMax: number): Fault | null {
  if (result === undefined) return null
  let text: string | undefined
  try {
    text = JSON.stringify(result)
  } catch (error) {
    return notSerializable(messageOf(error))
  }
  if (text === undefined) return notSerializable(`a ${typeof result} is not JSON`)
  if (exceedsBytes(text, bytesMax - ENVELOPE_BYTES)) {
    const size = new TextEncoder().encode(text).length
    return {
      error_type: 'ResultTooLarge',
      error_message: `The result has ${size} bytes of JSON, and a message may have ${bytesMax}`,
    }
  }
  // The orchestrator reads with the same functions, so what passes here is kept there.
  const room = roomFor(text)
  fitJson(JSON.parse(text) as Json, FIELD_DEPTH, room)
  if (room.deep) return notSerializable(`it ${UNKEPT.deep.why}`)
  return room.many ? notSerializable(`it ${UNKEPT.many.why}`) : null
}

function notSerializable(why: string): Fault {
  return { error_type: 'ResultNotSerializable', error_message: `The result cannot be sent as JSON: ${why}` }
}
