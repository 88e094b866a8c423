import type { JobId, Millis, RobotId } from '../base/ids.ts'
import type { JobRow } from './job.ts'

/** Why a job is not running: stable codes, for programs. */
export type ReasonCode =
  | 'NOT_DUE'
  | 'RETRY_BACKOFF'
  | 'WORKFLOW_CONCURRENCY'
  | 'KEY_CONCURRENCY'
  | 'POOL_CONCURRENCY'
  | 'SCHEDULE_OVERLAP'
  | 'QUEUE_TTL_NEAR'
  | 'NO_ROBOTS'
  | 'NO_SUITABLE_ROBOT'
  | 'ROBOT_OFFLINE'
  | 'ROBOT_SAYS_OFFLINE'
  | 'ROBOT_SUSPECT'
  | 'ROBOT_ID_CONFLICT'
  | 'ROBOT_PAUSED'
  | 'ROBOT_MAINTENANCE'
  | 'ROBOT_AT_CAPACITY'
  | 'ROBOT_BUSY_ELSEWHERE'
  | 'ROBOT_ENV_MISMATCH'
  | 'ROBOT_TAG_MISSING'
  | 'ROBOT_CAPABILITY_MISSING'
  | 'ROBOT_CANNOT_RUN'
  | 'ROBOT_NOT_IN_POOL'
  | 'ROBOT_PINNED_OTHER'
  | 'ROBOT_REJECTED_RECENTLY'
  | 'ROBOT_AWAITING_REPORT'
  | 'ROBOT_NOT_ANSWERING'
  | 'LOWER_PRIORITY'
  | 'QUEUED_BEHIND'
  | 'AWAITING_ACCEPT'
  | 'DRAINING'

export interface Verdict {
  readonly robot_id: RobotId
  readonly robot_name: string
  /** Empty: nothing about the robot keeps it from the job. */
  readonly codes: readonly ReasonCode[]
  /** What the codes are about: the tags that are missing, for one. */
  readonly details: Readonly<Record<string, unknown>>
}

export interface Blocker {
  readonly code: ReasonCode
  /** For codes of robots: how many. */
  readonly count?: number
  readonly message: string
}

export interface Explanation {
  readonly job_id: JobId
  readonly status: JobRow['status']
  /** Whether anything but its turn keeps it waiting: false when no robot could take it as things are. */
  readonly eligible: boolean
  readonly summary: string
  readonly blockers: readonly Blocker[]
  readonly robots: readonly Verdict[]
  /** How many robots are not in `robots`. */
  readonly robots_omitted: number
  readonly queue: {
    readonly position: number
    readonly ahead_by_priority: readonly number[]
    readonly effective_priority: number
    readonly aging_at: Millis | null
  } | null
  readonly would_run_if: readonly Suggestion[]
  /** When something happens to the job though nobody does anything. */
  readonly next_check_at: Millis | null
}

/** One thing that, done now and alone, has the job offered to a robot at once. */
export interface Suggestion {
  /** What to do, as a program would: the fields to change, by what they belong to. */
  readonly change: Readonly<Record<string, unknown>>
  /** The same in words. */
  readonly message: string
}

/** Something to know about what was asked for, though it was done. */
export interface SuitabilityWarning {
  readonly code: 'NO_ROBOTS' | 'NO_SUITABLE_ROBOT' | 'ROBOT_CANNOT_RUN'
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}
