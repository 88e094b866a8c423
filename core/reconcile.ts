import type { Turn } from './effects.ts'
import type { JobId, RobotId } from './ids.ts'
import { isOffered, type JobRow } from './job.ts'
import { move, unclaimed, unknownOutcome } from './move.ts'
import { touch } from './roster.ts'
import type { Session, State } from './state.ts'

/**
 * A robot's own list of its jobs against ours.
 *
 * A running job that the list lacks is not lost yet: the robot may have written the list just before it accepted, or
 * be about to report the end. Missing from two lists in a row, it is. A job on offer that the list names has been
 * accepted, and the answer was lost with an earlier connection: it is adopted.
 */
export function reconcile(state: State, session: Session, active: ReadonlySet<JobId>, turn: Turn): void {
  const missing = new Set<JobId>()
  for (const id of state.held.get(session.robot) ?? []) {
    const job = state.jobs.get(id)
    if (job === undefined) continue
    if (active.has(id)) {
      if (isOffered(job)) move(state, job, 'accept', turn, 'adopted: the robot says that it is running it')
    } else if (job.status === 'running') {
      if (session.missing.has(id)) lose(state, job, turn, `${job.robot_name} says that it is not running it`)
      else missing.add(id)
    }
  }
  session.missing = missing
  for (const [id, why] of session.barred) {
    if (why === 'may_run' && !active.has(id)) unbar(state, session, id)
  }
}

/** The grace is over and the robot has not come back: what it was running is settled without it. */
export function robotLost(state: State, robot: RobotId, turn: Turn): void {
  for (const id of state.held.get(robot) ?? []) {
    const job = state.jobs.get(id)
    if (job !== undefined && job.status === 'running') lose(state, job, turn, 'its robot did not come back in time')
  }
}

/** The robot let the offer pass. It may have started all the same, so it is not asked again for this job. */
export function offerLapsed(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job !== undefined && isOffered(job)) {
    unclaimed(state, job, turn, 'may_run', `${job.robot_name} did not answer the offer`)
  }
}

/** A robot may be asked for a job again that it was barred from. */
export function unbar(state: State, session: Session, id: JobId): void {
  session.barred.delete(id)
  const job = state.jobs.get(id)
  if (job !== undefined) touch(state.roster, job)
}

/** The `robot.barred` timer: its id names the session too, for a later one begins with no bars. */
export function barLapsed(state: State, timerId: string): void {
  const [robot, socket, job] = JSON.parse(timerId) as [RobotId, string, JobId]
  const session = state.sessions.get(robot)
  if (session?.socket === socket && session.barred.get(job) === 'refused') unbar(state, session, job)
}

/**
 * A running job whose robot is gone, or has forgotten it. Work of robots is not idempotent: unless the job says that
 * it may always be run again, it fails with its outcome unknown rather than being run a second time.
 */
function lose(state: State, job: JobRow, turn: Turn, detail: string): void {
  if (job.retry_safety === 'always') move(state, job, 'requeue', turn, detail)
  else move(state, job, 'fail', turn, detail, unknownOutcome(job))
}
