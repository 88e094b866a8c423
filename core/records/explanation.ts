import * as v from 'valibot'
import type { JobId, Millis, RobotId } from '../base/ids.ts'
import { anyObject, count, flag, id, list, number, oneOf, text } from './fields.ts'
import { JOB_STATUSES } from './job.ts'
import { time } from './record.ts'

/** The reasons why a job is not running: stable codes, for programs. */
const REASON_CODES = [
  'NOT_DUE',
  'RETRY_BACKOFF',
  'WORKFLOW_CONCURRENCY',
  'KEY_CONCURRENCY',
  'POOL_CONCURRENCY',
  'SCHEDULE_OVERLAP',
  'QUEUE_TTL_NEAR',
  'NO_ROBOTS',
  'NO_SUITABLE_ROBOT',
  'ROBOT_OFFLINE',
  'ROBOT_SAYS_OFFLINE',
  'ROBOT_SUSPECT',
  'ROBOT_ID_CONFLICT',
  'ROBOT_PAUSED',
  'ROBOT_MAINTENANCE',
  'ROBOT_AT_CAPACITY',
  'ROBOT_BUSY_ELSEWHERE',
  'ROBOT_ENV_MISMATCH',
  'ROBOT_TAG_MISSING',
  'ROBOT_CAPABILITY_MISSING',
  'ROBOT_CANNOT_RUN',
  'ROBOT_NOT_IN_POOL',
  'ROBOT_PINNED_OTHER',
  'ROBOT_REJECTED_RECENTLY',
  'ROBOT_AWAITING_REPORT',
  'ROBOT_NOT_ANSWERING',
  'LOWER_PRIORITY',
  'QUEUED_BEHIND',
  'AWAITING_ACCEPT',
  'DRAINING',
] as const
export type ReasonCode = (typeof REASON_CODES)[number]

const verdict = v.strictObject({
  robot_id: id<RobotId>(),
  robot_name: text,
  /** Empty: nothing about the robot keeps it from the job. */
  codes: list(oneOf(REASON_CODES)),
  /** Data of the codes, for instance the missing tags. */
  details: anyObject,
})
export interface Verdict extends Readonly<v.InferOutput<typeof verdict>> {}

const blocker = v.strictObject({
  code: oneOf(REASON_CODES),
  /** For codes of robots: how many. */
  count: v.exactOptional(count),
  message: text,
})
export interface Blocker extends Readonly<v.InferOutput<typeof blocker>> {}

const suggestion = v.strictObject({
  /** The change for a program: fields with their new values, by the record that they belong to. */
  change: anyObject,
  /** The same in words. */
  message: text,
})
/** One thing that, done now and alone, has the job offered to a robot at once. */
export interface Suggestion extends Readonly<v.InferOutput<typeof suggestion>> {}

const queuePosition = v.strictObject({
  position: count,
  ahead_by_priority: list(count),
  effective_priority: number,
})

const explanation = v.strictObject({
  job_id: id<JobId>(),
  status: oneOf(JOB_STATUSES),
  /** False if no robot could take the job under the present conditions, so that more than its turn keeps it waiting. */
  eligible: flag,
  summary: text,
  blockers: list(blocker),
  robots: list(verdict),
  /** The number of robots left out of `robots`. */
  robots_omitted: count,
  would_run_if: list(suggestion),
})

/** Explains why a job is not running, and which single change would let it run now. */
export interface Explanation extends Readonly<v.InferOutput<typeof explanation>> {
  readonly queue: Readonly<v.InferOutput<typeof queuePosition>> & { readonly aging_at: Millis | null } | null
  readonly next_check_at: Millis | null
}

/** The same as the API shows it. */
export const ExplanationView = v.strictObject({
  ...explanation.entries,
  /** Null for a job that does not wait for a robot. */
  queue: v.nullable(v.strictObject({ ...queuePosition.entries, aging_at: v.nullable(time) })),
  /** The next instant at which something happens to the job without a request or message. */
  next_check_at: v.nullable(time),
  as_of: time,
})
export type ExplanationView = Readonly<v.InferOutput<typeof ExplanationView>>

/** Something to know about what was asked for, though it was done. */
export const WarningView = v.strictObject({
  code: oneOf(['NO_ROBOTS', 'NO_SUITABLE_ROBOT', 'ROBOT_CANNOT_RUN']),
  message: text,
  details: anyObject,
})
export interface SuitabilityWarning extends Readonly<v.InferOutput<typeof WarningView>> {}
