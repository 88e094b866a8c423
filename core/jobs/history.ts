import type { JobRow } from '../records/job.ts'
import type { RobotId } from '../base/ids.ts'
import type { State } from '../state.ts'
import type { Turn } from '../turn.ts'
import type { Session } from '../session.ts'
import type { HistoryRow } from '../records/job-history.ts'

/** The content of a history entry. Fields that are left out come from the row. */
export interface HistoryInput extends Pick<HistoryRow, 'event' | 'from_status'> {
  readonly cause: Cause
  readonly offer?: number
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
    attempt: job.attempt,
    offer: entry.offer ?? job.offer,
    robot_id: entry.robot_id === undefined ? job.robot_id : entry.robot_id,
    actor: entry.cause.by,
    detail: entry.cause.detail,
  })
  turn.facts.push({ type: 'job.changed', job, event: entry.event })
}

/** The actor who caused a change of a job, and the reason for people. */
export interface Cause {
  readonly by: string
  readonly detail: string
}

/** The cause of a change that a robot reported. */
export function robotCause(session: Session, detail: string): Cause {
  return { by: `robot:${session.robot}`, detail }
}
