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

/**
 * The life of a job: what may happen to it in each status, and what it is then. DESIGN.md 5.1.
 *
 * pending    not yet eligible: a later `scheduled_time`, or a back-off
 * queued     eligible; waits for a robot, or for a robot's answer to an offer
 * running    accepted by a robot
 *
 * A status in which nothing may happen is final; there is no second list of those.
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

/** Whether anything may still happen to a job in this status. */
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
 * When a job may be offered again although a robot may have started it. PROTOCOL.md P39.
 *
 * never            only after the robot refused the offer, or proved that it has not read it
 * unless_started   also after a list of jobs that the robot wrote when it had read the offer: the default
 * unless_accepted  whenever the robot does not accept in time: the job may run twice
 * always           even after a robot was lost while it ran the job
 */
export const RETRY_SAFETIES = ['never', 'unless_started', 'unless_accepted', 'always'] as const
export type RetrySafety = (typeof RETRY_SAFETIES)[number]

/** Whether an offer counts as a start until something proves that the robot has not started the job. */
export function needsProof({ retry_safety }: Pick<JobRow, 'retry_safety'>): boolean {
  return retry_safety === 'never' || retry_safety === 'unless_started'
}

/** One job, as it stands in memory, in the table `jobs`, and (with times as ISO 8601) in the API. */
export interface JobRow {
  readonly id: JobId
  readonly workflow_id: WorkflowId
  readonly workflow_name: string
  /** null for a definition that was submitted with the job itself. */
  readonly workflow_version: number | null
  readonly definition: DefinitionHash
  /** What the submitter asked for: this robot and no other. */
  readonly pinned_robot_id: RobotId | null
  /** The pool that was asked for: its tags are among `required_tags`. */
  readonly pool: string | null
  /** Empty where any environment will do. */
  readonly environment: string
  readonly required_tags: readonly string[]
  readonly required_capabilities: readonly string[]
  readonly priority: Priority
  readonly parameters: JsonText
  readonly timeout_ms: Millis
  readonly retry_safety: RetrySafety
  /** How often it may be started: more than once only after a failure that `retry_on` names, or a lost robot. */
  readonly max_attempts: number
  /** Error types after which it is tried again; empty: those that are taken for transient. */
  readonly retry_on: readonly string[]
  /** Jobs with the same key run at most `concurrency_limit` at a time. */
  readonly concurrency_key: string | null
  readonly concurrency_limit: number
  /** Equal for jobs that would do the same; null for those that a trigger made. */
  readonly duplicate_key: string | null
  /** The job that this one repeats. */
  readonly retry_of: JobId | null
  readonly scheduled_time: Millis | null
  readonly created_at: Millis
  /** The name of the key that submitted it, or `trigger:` or `schedule:` and the id. */
  readonly created_by: string
  readonly trigger_id: TriggerId | null
  /** The schedule that made it, and the instant for which it did: null for one that was made by hand. */
  readonly schedule_id: ScheduleId | null
  readonly due_at: Millis | null
  /** The job that asked for this one, or whose end it follows. */
  readonly parent_job_id: JobId | null
  /** The first job above it in such a chain, which somebody asked for; null where that is itself. */
  readonly root_job_id: JobId | null
  /** How many jobs stand above it in such a chain. */
  readonly depth: number
  /** The order of arrival; within one priority the smaller goes first. Kept when a job returns to the queue. */
  readonly seq: number

  readonly status: JobStatus
  /** Grows with each offer, and fences everything that robots say about earlier ones. 0 before the first. */
  readonly attempt: number
  /** Offers in a row that no robot took up: they set the back-off. */
  readonly refusals: number
  /** How often a robot has started it. */
  readonly tries: number
  /** Who holds the offer or the lease, or held the last one; null before the first offer. */
  readonly robot_id: RobotId | null
  readonly robot_name: string
  /** When it first became eligible: ageing and the queue's time limit count from here. */
  readonly queued_at: Millis | null
  /** pending: when it becomes eligible; null: when a job with the same limit on concurrency makes room. */
  readonly ready_at: Millis | null
  /** queued: when `robot_id` must have answered the offer, or, once that has passed, when waiting ends. null: no offer is out. */
  readonly offer_until: Millis | null
  /** When the last offer was made, until it is answered or proved not to have been started. */
  readonly offered_at: Millis | null
  /** The name of the memory that the robot had when the last offer was made; empty for a robot that has none. */
  readonly offer_memory: string
  /** ended: `robot_id` has been told to stop, and its slot is not free until it says so, or until this. */
  readonly stop_until: Millis | null
  readonly started_at: Millis | null
  readonly completed_at: Millis | null
  /** 0 to 100. */
  readonly progress: number
  readonly current_node: string
  /** What the robot says that it is doing. */
  readonly progress_message: string
  /** How long the robot says that it took; null where it has not said it, or it cannot be so. */
  readonly robot_duration_ms: Millis | null
  readonly result: JsonText | null
  readonly error_message: string
  readonly error_type: string
  readonly stack_trace: string
  readonly failed_node: string
  /** It failed for good after all its attempts, and nobody has dealt with it yet. */
  readonly dead_lettered: boolean
}

/** Whether a robot has been asked and has not answered. */
export function isOffered(job: JobRow): boolean {
  return job.status === 'queued' && job.offer_until !== null
}

/**
 * Whether the job is free for other robots although the last offer was never answered: the robot may have started it
 * all the same, and takes the job if it says so before another robot is asked.
 */
export function hasExpiredOffer(job: JobRow): boolean {
  return job.offered_at !== null && job.offer_until === null
}

/** Whether the job waits in the queue for a robot to be found. */
export function isWaiting(job: JobRow): boolean {
  return job.status === 'queued' && job.offer_until === null
}

/** Whether a robot has this job to run: from the offer on, until the job ends or goes back. */
export function isAssigned(job: JobRow): boolean {
  return job.status === 'running' || isOffered(job)
}

/** Whether the job has ended for everybody but its robot, which has yet to say that it has stopped. */
export function isStopping(job: JobRow): boolean {
  return job.stop_until !== null
}

/** Whether a robot's slot belongs to this job. */
export function isHeld(job: JobRow): boolean {
  return isAssigned(job) || isStopping(job)
}

/** Whether the job waits until another makes room under a limit on concurrency. */
export function isBlocked(job: JobRow): boolean {
  return job.status === 'pending' && job.ready_at === null
}

/** Asserts what every job must look like in its status (I9); called when one is kept and when one is loaded. */
export function checkJob(job: JobRow): JobRow {
  const { status } = job
  assert(job.ready_at === null || status === 'pending', 'only a pending job has a time to become ready')
  assert(job.stop_until === null || !isLive(status), 'only a job that has ended is being stopped')
  assert(job.tries <= job.attempt, 'no job is started without an offer')
  assert(job.offer_until === null || status === 'queued', 'only a queued job is on offer')
  assert(job.offer_until === null || job.offered_at !== null, 'an offer was made at some time')
  assert(
    job.offered_at === null || status === 'queued' || status === 'pending',
    'an offer is settled when a job starts',
  )
  assert(!isHeld(job) || (job.robot_id !== null && job.attempt >= 1), 'a held job has a robot and an attempt')
  assert((job.started_at !== null) || status !== 'running', 'a running job has started')
  assert(job.started_at === null || isLive(status) === (status === 'running'), 'a job that goes back has not started')
  assert((job.completed_at !== null) === !isLive(status), 'a job has an end when it has ended')
  assert(job.progress >= 0 && job.progress <= 100 && Number.isInteger(job.progress), 'progress is a percentage')
  assert(status !== 'completed' || (job.progress === 100 && job.result !== null), 'a completed job has its result')
  assert(status !== 'failed' || job.error_message !== '', 'a failed job says why')
  return job
}

/** What happened to a job, append only; never read back into memory. */
export interface HistoryRow {
  readonly seq: number
  readonly job_id: JobId
  readonly at: Millis
  /** A transition of the table, or an event that does not change the status. */
  readonly event:
    | JobTransition
    | 'submit'
    | 'offer'
    | 'unanswered'
    | 'late_result'
    | 'stopped'
    | 'requeued'
    | 'started_job'
    | 'disconnected'
    | 'reconnected'
  readonly from_status: JobStatus | null
  readonly to_status: JobStatus
  readonly attempt: number
  readonly robot_id: RobotId | null
  /** Who made it happen: a key's name, `robot:`, `trigger:` or `schedule:` and the id, or `orchestrator`. */
  readonly actor: string
  /** Why, in words for people. */
  readonly detail: string
}

/** One line of a job's log. */
export interface LogRow {
  readonly seq: number
  readonly job_id: JobId
  readonly robot_id: RobotId
  /** When it reached us. The robot's own clock stands in `logged_at`. */
  readonly at: Millis
  readonly logged_at: string
  readonly level: string
  readonly node_id: string
  readonly message: string
  readonly extra: JsonText | null
}

/** What a limit has to know of a job that was made a moment ago. */
export type RecentJob = Pick<JobRow, 'created_at' | 'created_by' | 'trigger_id'>

/** What rows say of families. */
export type FamilyMember = Pick<JobRow, 'id' | 'root_job_id' | 'completed_at'>

/**
 * Whether it is a job of the workflow that is kept under its `workflow_id`. Anybody may write any id beside a definition
 * of their own: what a workflow may do, what follows from its jobs, its limits and its counts are not for those.
 */
export function isOfWorkflow({ workflow_version }: Pick<JobRow, 'workflow_version'>): boolean {
  return workflow_version !== null
}

/** How long a job ran: by its robot's clock, where that is known. 0 where it has not ended, or never started. */
export function durationOf({ started_at, completed_at, robot_duration_ms }: JobRow): Millis {
  if (completed_at === null || started_at === null) return 0
  return robot_duration_ms ?? completed_at - started_at
}

/**
 * How long its robot says that a job took, by its own clock: ours counts a line that was broken too. It cannot have had
 * longer than the job has been there to be offered. A robot that does not measure says 0.
 */
export function reportedDuration(job: JobRow, duration_ms: number | null | undefined, now: Millis): Millis | null {
  const reported = Math.round(duration_ms ?? 0)
  return reported > 0 && reported <= now - (job.queued_at ?? job.created_at) ? reported : null
}
