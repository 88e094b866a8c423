import * as v from 'valibot'
import { assert } from '../base/assert.ts'
import type {
  DefinitionHash,
  JobId,
  JsonText,
  Millis,
  RobotId,
  ScheduleId,
  TriggerId,
  WorkflowId,
} from '../base/ids.ts'
import { count, flag, id, list, number, oneOf, text } from './fields.ts'
import { column, computed, fixed, hidden, instant, key, record, type RowOf } from './record.ts'

/**
 * The life of a job: the transitions of each status, and the status that follows. DESIGN.md 5.1.
 *
 *   pending    not yet eligible: a later `scheduled_time`, or a back-off
 *   queued     eligible; waits for a robot, or for a robot's answer to an offer
 *   running    accepted by a robot
 *
 * A status without transitions is final; there is no second list of those.
 */
export const JOB_TRANSITIONS = {
  pending: { ready: 'queued', accept: 'running', cancel: 'cancelled', expire: 'timeout' },
  queued: { accept: 'running', back_off: 'pending', fail: 'failed', cancel: 'cancelled', expire: 'timeout' },
  running: {
    complete: 'completed',
    fail: 'failed',
    cancel: 'cancelled',
    expire: 'timeout',
    requeue: 'queued',
    back_off: 'pending',
  },
  completed: {},
  failed: {},
  cancelled: {},
  timeout: {},
} as const satisfies Record<string, Record<string, string>>

export type JobStatus = keyof typeof JOB_TRANSITIONS
export type JobTransition = { [S in JobStatus]: keyof (typeof JOB_TRANSITIONS)[S] }[JobStatus]
export const JOB_STATUSES = Object.keys(JOB_TRANSITIONS) as readonly JobStatus[]
export const JOB_TRANSITION_NAMES = [
  ...new Set(Object.values(JOB_TRANSITIONS).flatMap((actions) => Object.keys(actions))),
] as readonly JobTransition[]

/** True if a job in this status has not ended. */
export function isLive(status: JobStatus): boolean {
  return LIVE[status]
}
const LIVE = Object.fromEntries(
  JOB_STATUSES.map((status) => [status, Object.keys(JOB_TRANSITIONS[status]).length > 0]),
) as Record<JobStatus, boolean>

/** The status that a transition leads to, or undefined where it is not allowed. */
export function nextStatus(status: JobStatus, action: JobTransition): JobStatus | undefined {
  return (JOB_TRANSITIONS[status] as Partial<Record<JobTransition, JobStatus>>)[action]
}

/** 0 LOW, 1 NORMAL, 2 HIGH, 3 CRITICAL: larger is more urgent. */
export type Priority = 0 | 1 | 2 | 3
export const PRIORITIES = [0, 1, 2, 3] as const satisfies readonly Priority[]

/**
 * The conditions under which a job may be offered again although a robot may have started it. PROTOCOL.md P39.
 *
 *   never            only after the robot has refused the offer, or proved that it has not read it
 *   unless_started   also after a list of jobs that the robot wrote after reading the offer: the default
 *   unless_accepted  whenever the robot does not accept in time: the job may run twice
 *   always           even after a robot was lost while it ran the job
 */
export const RETRY_SAFETIES = ['never', 'unless_started', 'unless_accepted', 'always'] as const
export type RetrySafety = (typeof RETRY_SAFETIES)[number]

/** True if an offer counts as a start until it is proved that the robot has not started the job. */
export function needsProof({ retry_safety }: Pick<JobRow, 'retry_safety'>): boolean {
  return retry_safety === 'never' || retry_safety === 'unless_started'
}

/** One job, as it stands in memory, in the table `jobs`, and (with times as ISO 8601) in the API. */
export const Job = record('jobs', {
  id: key(id<JobId>()),
  workflow_id: fixed(column('text', id<WorkflowId>())),
  workflow_name: fixed(column('text', text)),
  /** null for a definition that was submitted with the job itself. */
  workflow_version: fixed(column('int?', count)),
  definition: fixed(hidden<DefinitionHash, 'text'>('text')),
  /** The robot that holds the offer or the lease, or held the last one; null before the first offer. */
  robot_id: hidden<RobotId, 'text?'>('text?'),
  robot_name: column('text', text),
  /** The requested robot: this one and no other. */
  pinned_robot_id: fixed(column('text?', id<RobotId>())),
  /** The pool that was asked for: its tags are among `required_tags`. */
  pool: fixed(column('text?', text)),
  status: column('text', oneOf(JOB_STATUSES)),
  priority: fixed(column('int', v.picklist(PRIORITIES))),
  /** Empty where any environment will do. */
  environment: fixed(column('text', text)),
  required_tags: fixed(column('json', list(text))),
  required_capabilities: fixed(column('json', list(text))),
  scheduled_time: fixed(instant('int?')),
  started_at: instant('int?'),
  /** The instant of the end, in any status; null before it. */
  completed_at: instant('int?'),
  /** 0 to 100. */
  progress: column('int', count),
  current_node: column('text', text),
  /** The robot's message about its progress. */
  progress_message: column('text', text),
  error_message: column('text', text),
  error_type: column('text', text),
  failed_node: column('text', text),
  /** The number of times that a robot has started it. */
  attempt: column('int', count),
  /** The number of the last offer, which fences all messages of robots about earlier ones. 0 before the first. */
  offer: column('int', count),
  /**
   * The number of times it may be started: more than once only after a failure that `retry_on` names, or a lost robot.
   */
  max_attempts: fixed(column('int', count)),
  /** Error types after which it is tried again; empty: those that are taken for transient. */
  retry_on: fixed(column('json', list(text))),
  /** The job that this one repeats. */
  retry_of: fixed(column('text?', id<JobId>())),
  /** It failed for good after all its attempts, and has not been requeued since. */
  dead_lettered: column('flag', flag),
  /** Jobs with the same key run at most `concurrency_limit` at a time. */
  concurrency_key: fixed(column('text?', text)),
  concurrency_limit: fixed(column('int', count)),
  retry_safety: fixed(column('text', oneOf(RETRY_SAFETIES))),
  trigger_id: fixed(column('text?', id<TriggerId>())),
  /** The schedule that made it. */
  schedule_id: fixed(column('text?', id<ScheduleId>())),
  /** The instant for which its schedule made it; null for one that was made by hand. */
  due_at: fixed(instant('int?')),
  /** The job that asked for this one, or whose end it follows. */
  parent_job_id: fixed(column('text?', id<JobId>())),
  /** The number of ancestors in such a chain. */
  depth: fixed(column('int', count)),
  created_at: instant('int'),
  /** The name of the key that submitted it, or `trigger:` or `schedule:` and the id. */
  created_by: fixed(column('text', text)),

  /** A number in memory, if they are long: their size in bytes. See `parameters.ts`. */
  parameters: fixed(hidden<JsonText | number, 'text'>('text')),
  result: hidden<JsonText, 'text?'>('text?'),
  stack_trace: hidden<string, 'text'>('text'),
  timeout_ms: fixed(hidden<Millis, 'int'>('int')),
  /** Equal for jobs that would do the same; null for those that a trigger made. */
  duplicate_key: fixed(hidden<string, 'text?'>('text?')),
  /** The root of its family, which was submitted; null if it is the root itself. */
  root_job_id: fixed(hidden<JobId, 'text?'>('text?')),
  /** The order of arrival; within one priority the smaller goes first. Kept when a job returns to the queue. */
  seq: fixed(hidden<number, 'int'>('int')),
  /** Offers in a row that no robot took up: they set the back-off. */
  refusals: hidden<number, 'int'>('int'),
  /** The instant at which it first became eligible, from which aging and the queue timeout count. */
  queued_at: hidden<Millis, 'int?'>('int?'),
  /** pending: when it becomes eligible; null: when a job with the same limit on concurrency makes room. */
  ready_at: hidden<Millis, 'int?'>('int?'),
  /** queued: when `robot_id` must have answered the offer, or, once that has passed, when waiting ends. null: no offer is out. */
  offer_until: hidden<Millis, 'int?'>('int?'),
  /** The instant of the last offer, until it is answered or proved not to have been started. */
  offered_at: hidden<Millis, 'int?'>('int?'),
  /** The name of the memory that the robot had when the last offer was made; empty for a robot that has none. */
  offer_memory: hidden<string, 'text'>('text'),
  /** Ended: `robot_id` was asked to stop, and its slot is occupied until it confirms, or until this instant. */
  stop_until: hidden<Millis, 'int?'>('int?'),
  /** The duration by the robot's clock; null if it did not report one, or an impossible one. */
  robot_duration_ms: hidden<Millis, 'int?'>('int?'),
}, {
  /** The robot that has it or had it last; before the first offer the one that was asked for. */
  robot_id: computed(v.nullable(text), (job: Holder): string | null => job.robot_id ?? job.pinned_robot_id),
  /** By its robot's clock, if the robot reports it; 0 before the end, and if it never started. */
  duration_ms: computed(count, durationOf),
  /** True if it has ended and its robot has not confirmed that it stopped. */
  stopping: computed(flag, ({ stop_until }: { readonly stop_until: Millis | null }) => stop_until !== null),
  timeout_seconds: computed(number, ({ timeout_ms }: { readonly timeout_ms: Millis }) => timeout_ms / 1000),
})
export interface JobRow extends RowOf<typeof Job> {}

interface Holder {
  readonly robot_id: RobotId | null
  readonly pinned_robot_id: RobotId | null
}

/** True if it is offered to a robot that has not answered. */
export function isOffered(job: JobRow): boolean {
  return job.status === 'queued' && job.offer_until !== null
}

/**
 * True if the job is free for other robots although its last offer was never answered. The robot may have started it
 * all the same, and gets the job if it reports that before another robot is asked.
 */
export function hasExpiredOffer(job: JobRow): boolean {
  return job.offered_at !== null && job.offer_until === null
}

/** True if the job waits in the queue for a robot. */
export function isWaiting(job: JobRow): boolean {
  return job.status === 'queued' && job.offer_until === null
}

/** True if a robot has the job: from the offer on, until the job ends or goes back. */
export function isAssigned(job: JobRow): boolean {
  return job.status === 'running' || isOffered(job)
}

/** True if the job has ended and its robot has yet to confirm that it stopped. */
export function isStopping(job: JobRow): boolean {
  return job.stop_until !== null
}

/** True if the job occupies a robot's slot. */
export function isHeld(job: JobRow): boolean {
  return isAssigned(job) || isStopping(job)
}

/** True if the job waits for another to leave a concurrency group. */
export function isBlocked(job: JobRow): boolean {
  return job.status === 'pending' && job.ready_at === null
}

/** Asserts what every job must look like in its status (I9); called when one is kept and when one is loaded. */
export function checkJob(job: JobRow): JobRow {
  const { status } = job
  assert(job.ready_at === null || status === 'pending', 'only a pending job has a time to become ready')
  assert(job.stop_until === null || !isLive(status), 'only a job that has ended is being stopped')
  assert(job.attempt <= job.offer, 'no job is started without an offer')
  assert(job.offer_until === null || status === 'queued', 'only a queued job is on offer')
  assert(job.offer_until === null || job.offered_at !== null, 'an offer was made at some time')
  assert(
    job.offered_at === null || status === 'queued' || status === 'pending',
    'an offer is settled when a job starts',
  )
  assert(!isHeld(job) || (job.robot_id !== null && job.offer >= 1), 'a held job has a robot and an offer')
  assert((job.started_at !== null) || status !== 'running', 'a running job has started')
  assert(job.started_at === null || isLive(status) === (status === 'running'), 'a job that goes back has not started')
  assert((job.completed_at !== null) === !isLive(status), 'a job has an end when it has ended')
  assert(job.progress >= 0 && job.progress <= 100 && Number.isInteger(job.progress), 'progress is a percentage')
  assert(status !== 'completed' || (job.progress === 100 && job.result !== null), 'a completed job has its result')
  assert(status !== 'failed' || job.error_message !== '', 'a failed job says why')
  return job
}

/** The fields of a recent job that rate limits need. */
export type RecentJob = Pick<JobRow, 'created_at' | 'created_by' | 'trigger_id'>

/** The fields of a job that its family is known by. */
export type FamilyMember = Pick<JobRow, 'id' | 'root_job_id' | 'completed_at'>

/**
 * True if the job belongs to the stored workflow with its `workflow_id`. A submitter may give any id beside a
 * definition of their own: the rights, limits, counts and triggers of the workflow do not apply to such jobs.
 */
export function isOfWorkflow({ workflow_version }: Pick<JobRow, 'workflow_version'>): boolean {
  return workflow_version !== null
}

interface Run {
  readonly started_at: Millis | null
  readonly completed_at: Millis | null
  readonly robot_duration_ms: Millis | null
}

/** The duration of a job: by its robot's clock, if known. 0 before the end, and if it never started. */
export function durationOf({ started_at, completed_at, robot_duration_ms }: Run): Millis {
  if (completed_at === null || started_at === null) return 0
  return robot_duration_ms ?? completed_at - started_at
}

/**
 * The duration by the robot's own clock, since ours includes a broken connection. It is implausible if longer than the
 * time since the job could be offered. A robot that does not measure reports 0.
 */
export function reportedDuration(job: JobRow, duration_ms: number | null | undefined, now: Millis): Millis | null {
  const reported = Math.round(duration_ms ?? 0)
  return reported > 0 && reported <= now - (job.queued_at ?? job.created_at) ? reported : null
}
