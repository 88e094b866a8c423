import type { JobId } from '../base/ids.ts'
import { isOffered } from '../records/job.ts'
import { ROBOT_SLOTS_MAX } from '../protocol/message.ts'
import type { State } from '../state.ts'
import type { Session } from '../session.ts'

/** Slots that are occupied by other work: an attended desktop, or a job that has ended here. */

interface ReportedLoad {
  readonly status: string
  readonly current_jobs: number
  readonly active_job_ids?: readonly JobId[] | undefined
}

/**
 * Records the work that a robot reports, without the jobs that we know it has. A list is taken literally. A number
 * beyond the list counts too, but an `online` robot has at least one free slot. A robot that is `busy`, lists nothing
 * and has none of our jobs has no free slot. One that is busy with fewer of our jobs than it has slots may be offered
 * more: many robots call themselves busy while they run anything, and a full one refuses.
 */
export function recordForeignWork(state: State, session: Session, reported: ReportedLoad): void {
  const slots = state.robots.get(session.robot)?.max_concurrent_jobs ?? 0
  const held = state.held.get(session.robot)
  const listed = reported.active_job_ids ?? []
  session.foreignJobs = new Set(listed.filter((id) => held?.has(id) !== true).slice(0, ROBOT_SLOTS_MAX))
  const known = reported.active_job_ids === undefined
    ? countStarted(state, session)
    : listed.length - session.foreignJobs.size
  const named = session.foreignJobs.size + known
  const more = Math.max(0, reported.current_jobs - named)
  if (reported.status !== 'busy') session.foreignLoad = Math.max(0, Math.min(more, slots - 1 - named))
  else session.foreignLoad = Math.max(named, reported.current_jobs) === 0 ? slots : more
}

/** A robot has finished a job that was no longer its own. Returns true if that has freed a slot. */
export function foreignJobDone(session: Session, id: JobId): boolean {
  return session.foreignJobs.delete(id)
}

/** True if a connected robot reports that it is offline. */
export function saysOffline(session: Session): boolean {
  return session.reported?.status === 'offline'
}

/** The jobs that it has accepted. An offer may not have reached it yet. */
function countStarted(state: State, session: Session): number {
  let count = 0
  for (const id of state.held.get(session.robot) ?? []) {
    const job = state.jobs.get(id)
    if (job !== undefined && !isOffered(job)) count++
  }
  return count
}
