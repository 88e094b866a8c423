import type { JobId } from '../base/ids.ts'
import { isOffered } from '../records/job.ts'
import { ROBOT_SLOTS_MAX } from '../protocol/message.ts'
import type { State } from '../state.ts'
import type { Session } from '../session.ts'

/** Slots of robots that are taken by work that is not ours: an attended desktop, or a job that we know as ended. */

interface ReportedLoad {
  readonly status: string
  readonly current_jobs: number
  readonly active_job_ids?: readonly JobId[] | undefined
}

/**
 * What a robot says that it is running, less the jobs that we know it has. A list is taken by its word. A number beyond
 * it is taken too, but a robot that is `online` has a slot free. One that is `busy` and names nothing, while we know of
 * nothing either, has none. Busy with fewer of our jobs than it has slots, it may be offered more: many a robot calls
 * itself so while it runs anything, and one that is full refuses.
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

/** A robot is done with a job that was not its own any more. Whether that has freed a slot. */
export function foreignJobDone(session: Session, id: JobId): boolean {
  return session.foreignJobs.delete(id)
}

/** Whether a robot calls itself offline, though it is there. */
export function saysOffline(session: Session): boolean {
  return session.reported?.status === 'offline'
}

/** The jobs that it has taken on: an offer may not have reached it yet. */
function countStarted(state: State, session: Session): number {
  let count = 0
  for (const id of state.held.get(session.robot) ?? []) {
    const job = state.jobs.get(id)
    if (job !== undefined && !isOffered(job)) count++
  }
  return count
}
