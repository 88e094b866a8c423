import * as v from 'valibot'
import type { JobId, RobotId, WorkflowId } from '../base/ids.ts'
import * as most from './bounds.ts'
import { newRobotId } from './robot-id.ts'
import { isObject } from '../base/json.ts'
import { mend } from './mend.ts'
import type { Refusal } from '../base/refusal.ts'
import type { ResultProblem } from './unkept.ts'
import { readAs, written, writtenObject } from './written.ts'

/**
 * The 21 messages of the wire: the sender of each, and the schema of its payload. Where the API reference and the two
 * robot clients in the field differ, the schema accepts what the clients really send: fields that either of them omits
 * have the default of the original server. Unknown fields are dropped. Three fields are additions: `attempt` and `offer`,
 * sent with `job_assign`, of which robots that support it echo `offer`; and `memory`. Little is required of a robot: the id of the job
 * and, when it registers, its own. Any other field may be missing, and one of a wrong type is read as far as possible:
 * see `fromRobot`.
 */

const ID_CHARS_MAX = 256
const id = v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(ID_CHARS_MAX))
const jobId = v.pipe(id, v.transform((text) => text as JobId))
const robotId = v.pipe(id, v.transform((text) => text as RobotId))
const workflowId = v.pipe(v.string(), v.transform((text) => text as WorkflowId))
const text = v.string()
/** For sending, any value that can be converted to JSON is accepted. */
const jsonObject = writtenObject as v.GenericSchema<Readonly<Record<string, unknown>>>
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const percent = v.nullish(v.number(), null)
const attempt = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)))
const offer = v.optional(v.pipe(v.number(), v.integer(), v.minValue(1)))
const jobIds: v.GenericSchema<string[], JobId[]> = v.pipe(v.array(jobId), v.maxLength(most.ACTIVE_JOBS_MAX))
const reason = v.nullish(most.textOf(most.REASON_CHARS_MAX), '')
const node = v.nullish(most.textOf(most.NODE_CHARS_MAX), '')

/** The most jobs that one robot may declare to run at a time. */
export const ROBOT_SLOTS_MAX = 1000
export const TAGS_MAX = 100
const tags = v.pipe(v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(100))), v.maxLength(TAGS_MAX))

export const LOG_LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARNING', 'ERROR', 'CRITICAL'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Spellings of log levels: any case, and the short names of other logging libraries. */
const LEVEL_NAMES: Readonly<Record<string, LogLevel>> = {
  WARN: 'WARNING',
  FATAL: 'CRITICAL',
  SUCCESS: 'INFO',
  // The numbers of Python's `logging`.
  10: 'DEBUG',
  30: 'WARNING',
  40: 'ERROR',
  50: 'CRITICAL',
}
const level = v.pipe(
  v.nullish(v.string(), 'INFO'),
  v.transform((name): LogLevel => {
    const upper = name.toUpperCase()
    return LOG_LEVELS.find((known) => known === upper) ?? LEVEL_NAMES[upper] ?? 'INFO'
  }),
)

/** The sender is known from the connection; the field is only compared with it. */
const speaker = v.optional(robotId)

const heartbeat = v.object({
  robot_id: speaker,
  status: v.optional(most.textOf(most.WORD_CHARS_MAX), 'online'),
  current_jobs: v.optional(count, 0),
  cpu_percent: percent,
  memory_percent: percent,
  disk_percent: percent,
  /** Absent means that the robot does not report its jobs, which differs from having none. */
  active_job_ids: v.optional(jobIds),
})

const logEntry = v.object({
  level,
  message: most.textOf(most.LOG_CHARS_MAX),
  node_id: node,
  timestamp: v.optional(v.unknown()),
  extra: v.nullish(v.pipe(written, most.passedOn(most.LOG_CHARS_MAX))),
})

type Offer = { readonly job_id: JobId; readonly offer?: number | undefined; readonly attempt?: number | undefined }
const offers: v.GenericSchema<unknown[], Offer[]> = v.pipe(
  v.array(v.object({ job_id: jobId, offer, attempt })),
  v.maxLength(most.MEMORY_OFFERS_MAX),
)

/**
 * The offers that a robot remembers. An offer that was made while this memory existed and is not in it was never read.
 */
const memory = v.object({
  /** The id of the memory. It changes when anything in the memory may have been forgotten. */
  id,
  /** The number of starts of the robot's process with this memory. */
  start: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Offers that were read, without those that were refused or whose end is confirmed. */
  offers,
})

/** A line of a batch; null if it cannot be read. */
const batchLine = v.pipe(
  v.unknown(),
  v.transform((value): v.InferOutput<typeof logEntry> | null => {
    const read = v.safeParse(logEntry, value)
    if (read.success) return read.output
    if (typeof value === 'string') return v.parse(logEntry, { message: value })
    const mended = v.safeParse(logEntry, isObject(value) ? mend(logEntry.entries, value, () => {}) : value)
    return mended.success ? mended.output : null
  }),
  readAs(logEntry),
)

type From = 'robot' | 'orchestrator' | 'both'
interface MessageKind {
  readonly from: From
  readonly payload: v.GenericSchema
}

export const MESSAGES = {
  register: {
    from: 'robot',
    payload: v.object({
      robot_id: newRobotId,
      robot_name: v.optional(most.textOf(most.NAME_CHARS_MAX)),
      environment: v.optional(v.pipe(text, v.maxLength(100)), 'default'),
      max_concurrent_jobs: v.optional(
        v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(ROBOT_SLOTS_MAX)),
        1,
      ),
      tags: v.optional(tags, []),
      capabilities: v.optional(most.capabilities, {}),
      auth_token: v.nullish(text),
      token: v.nullish(text),
      // An invalid memory is ignored, and proves nothing.
      memory: v.optional(memory),
    }),
  },
  register_ack: {
    from: 'orchestrator',
    payload: v.object({
      robot_id: robotId,
      success: v.boolean(),
      message: v.optional(text, ''),
      config: v.optional(
        v.object({
          heartbeat_interval: v.optional(v.number()),
          log_batch_size: v.optional(v.number()),
          max_message_bytes: v.optional(v.number()),
          lease_seconds: v.optional(v.number()),
          rate_limit: v.optional(v.object({ limit: v.number(), window_seconds: v.number() })),
          progress_min_interval_ms: v.optional(v.number()),
        }),
        {},
      ),
    }),
  },
  heartbeat: { from: 'robot', payload: heartbeat },
  heartbeat_ack: { from: 'orchestrator', payload: v.object({ robot_id: v.nullish(robotId) }) },
  disconnect: { from: 'robot', payload: v.object({ robot_id: speaker, reason }) },
  job_assign: {
    from: 'orchestrator',
    payload: v.object({
      job_id: jobId,
      workflow_id: workflowId,
      workflow_name: text,
      workflow_json: text,
      priority: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(3)),
      timeout_seconds: v.number(),
      parameters: v.optional(jsonObject, {}),
      offer,
      attempt,
    }),
  },
  job_accept: { from: 'robot', payload: v.object({ job_id: jobId, robot_id: speaker, offer, attempt }) },
  job_reject: {
    from: 'robot',
    payload: v.object({ job_id: jobId, robot_id: speaker, reason, offer, attempt }),
  },
  job_progress: {
    from: 'robot',
    payload: v.object({
      job_id: jobId,
      robot_id: speaker,
      progress: percent,
      current_node: node,
      message: v.nullish(most.textOf(most.PROGRESS_CHARS_MAX), ''),
      offer,
      attempt,
    }),
  },
  job_complete: {
    from: 'robot',
    payload: v.object({
      job_id: jobId,
      robot_id: speaker,
      result: v.nullish(written, {}),
      duration_ms: v.nullish(v.number()),
      offer,
      attempt,
    }),
  },
  job_failed: {
    from: 'robot',
    payload: v.object({
      job_id: jobId,
      robot_id: speaker,
      error_message: v.nullish(most.textOf(most.ERROR_CHARS_MAX), 'Unknown error'),
      error_type: v.nullish(most.textOf(most.ERROR_TYPE_CHARS_MAX), 'ExecutionError'),
      stack_trace: v.nullish(most.textOf(most.ERROR_CHARS_MAX), ''),
      failed_node: node,
      offer,
      attempt,
    }),
  },
  job_cancel: { from: 'orchestrator', payload: v.object({ job_id: jobId, reason: v.nullish(text, '') }) },
  job_cancelled: { from: 'robot', payload: v.object({ job_id: jobId, robot_id: speaker, offer, attempt }) },
  status_request: { from: 'orchestrator', payload: v.object({ robot_id: robotId }) },
  status_response: {
    from: 'robot',
    payload: v.object({
      ...heartbeat.entries,
      uptime_seconds: v.nullish(v.number(), 0),
      system_info: v.nullish(v.pipe(jsonObject, most.passedOn(most.SYSTEM_INFO_CHARS_MAX)), {}),
    }),
  },
  log_entry: {
    from: 'robot',
    payload: v.object({ job_id: jobId, robot_id: speaker, ...logEntry.entries }),
  },
  log_batch: {
    from: 'robot',
    payload: v.object({ job_id: jobId, robot_id: speaker, entries: v.array(batchLine) }),
  },
  pause: { from: 'orchestrator', payload: v.object({ robot_id: robotId }) },
  resume: { from: 'orchestrator', payload: v.object({ robot_id: robotId }) },
  shutdown: {
    from: 'orchestrator',
    payload: v.object({ robot_id: robotId, graceful: v.optional(v.boolean(), true) }),
  },
  error: {
    from: 'both',
    payload: v.object({
      error_code: v.nullish(text, ''),
      error_message: v.nullish(text, ''),
      details: v.nullish(jsonObject, {}),
    }),
  },
} as const satisfies Record<string, MessageKind>

export type MessageType = keyof typeof MESSAGES
export type Payload<T extends MessageType> = v.InferOutput<(typeof MESSAGES)[T]['payload']>
export type LogEntry = v.InferOutput<typeof logEntry>

/** The id of a message. A string by the reference; a peer's number is echoed as a number. */
export type MessageId = string | number

/** One message as decoded: its payload is checked, complete and typed. */
export type Message<T extends MessageType = MessageType> = {
  readonly [K in T]: {
    readonly type: K
    readonly id: MessageId | undefined
    readonly correlation_id: MessageId | undefined
    readonly payload: Payload<K>
    /** The flaws of the message; absent if there are none. */
    readonly flaws?: Flaws
  }
}[T]

/** The flaws of a message that is processed nevertheless. */
export interface Flaws {
  /** Descriptions for the log of the job. */
  readonly words: readonly string[]
  /** Set if the frame is not JSON, or exceeds a limit; the sender gets this answer. */
  readonly refusal: Refusal | null
  /** Set if its result could not be read. */
  readonly resultProblem: ResultProblem | null
}

type SentBy<F extends From> = {
  [T in MessageType]: (typeof MESSAGES)[T]['from'] extends F | 'both' ? T : never
}[MessageType]

/** The messages from robots. */
export type RobotMessage = Message<SentBy<'robot'>>
/** The messages to robots. */
export type OrchestratorMessage = Message<SentBy<'orchestrator'>>

/** A message to send; its id and timestamp are added when it leaves. */
export type Outgoing<T extends MessageType = MessageType> = {
  readonly [K in T]: {
    readonly type: K
    readonly payload: v.InferInput<(typeof MESSAGES)[K]['payload']>
    readonly correlation_id?: MessageId | undefined
  }
}[T]
