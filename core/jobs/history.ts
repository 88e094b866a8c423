import type { JobRow } from '../records/job.ts'
import type { RobotId } from '../base/ids.ts'
import type { State } from '../state.ts'
import type { Turn } from '../turn.ts'
import type { Session } from '../session.ts'
import type { HistoryRow } from '../records/job-history.ts'

/** What is to be remembered of something that happened to a job. What is not said is as it stands in the row. */
export interface HistoryInput extends Pick<HistoryRow, 'event' | 'from_status'> {
  readonly cause: Cause
  readonly attempt?: number
  readonly robot_id?: RobotId | null
}

/** Adds an entry to a job's history. */
export function recordHistory(state: State, job: JobRow, turn: Turn, entry: HistoryInput): void {
  turn.out.history.push({
    seq: ++state.seq,
    job_id: job.id,
    at: turn.now,
    event: entry.event,
    from_status: entry.from_status,
    to_status: job.status,
    attempt: entry.attempt ?? job.attempt,
    robot_id: entry.robot_id === undefined ? job.robot_id : entry.robot_id,
    actor: entry.cause.by,
    detail: entry.cause.detail,
  })
  turn.facts.push({ type: 'job.changed', job, event: entry.event })
}

/** Who made something happen to a job, and why, in words for people. */
export interface Cause {
  readonly by: string
  readonly detail: string
}

/** What a robot says is the cause. */
export function robotCause(session: Session, detail: string): Cause {
  return { by: `robot:${session.robot}`, detail }
}
