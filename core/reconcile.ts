import type { Turn } from './effects.ts'
import type { JobId, RobotId } from './ids.ts'
import { isHeld, isOffered, isStopping, type JobRow } from './job.ts'
import { type Cause, move, sessionOf, stopped, unclaimed, undelivered, unknownOutcome } from './move.ts'
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
      if (isOffered(job)) move(state, job, 'accept', turn, by(session, 'adopted: the robot says that it is running it'))
    } else if (isOffered(job) && cameAfter(state, session, job)) {
      undelivered(state, job, turn, by(session, 'its robot has come anew and has not got it'))
    } else if (isStopping(job)) {
      const request = session.barred.get(id)
      if (typeof request === 'number' && session.answered < request) continue
      stopped(state, job, turn, by(session, 'it is not among the jobs that its robot is running'))
    } else if (job.status === 'running') {
      if (session.missing.has(id)) lose(state, job, turn, by(session, 'its robot says that it is not running it'))
      else missing.add(id)
    }
  }
  session.missing = missing
  for (const [id, why] of session.barred) {
    if (why !== 'refused' && session.answered >= why && !active.has(id)) unbar(state, session, id)
  }
}

/**
 * What a robot says on a new connection that it is running: jobs that an earlier connection left it with. Those that are
 * not its own any more, whether they wait or are with another robot, are not for this robot.
 */
export function leftOver(state: State, session: Session, active: ReadonlySet<JobId>): void {
  for (const id of active) {
    const job = state.jobs.get(id)
    const itsOwn = job !== undefined && isHeld(job) && job.robot_id === session.robot
    if (job !== undefined && !itsOwn && !session.barred.has(id)) session.barred.set(id, 0)
  }
}

/** The grace is over and the robot has not come back: what it was running is settled without it. */
export function robotLost(state: State, robot: RobotId, turn: Turn): void {
  for (const id of state.held.get(robot) ?? []) {
    const job = state.jobs.get(id)
    const cause = { by: 'orchestrator', detail: 'its robot did not come back in time' }
    if (job !== undefined && job.status === 'running') lose(state, job, turn, cause)
  }
}

/** The robot let the offer pass. It may have started all the same, so it is not asked again for this job. */
export function offerLapsed(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job !== undefined && isOffered(job)) {
    const cause = { by: 'orchestrator', detail: `${job.robot_name} did not answer the offer` }
    const session = sessionOf(state, job)
    if (session !== undefined && cameAfter(state, session, job)) undelivered(state, job, turn, cause)
    else unclaimed(state, job, turn, 'may_run', cause)
  }
}

/** Whether the robot has registered since the job was offered to it: the offer went to an earlier connection. */
function cameAfter(state: State, session: Session, job: JobRow): boolean {
  return session.since > (job.offer_until ?? 0) - state.settings.offerMs
}

/** A robot may be asked for a job again that it was barred from. */
export function unbar(state: State, session: Session, id: JobId): void {
  session.barred.delete(id)
  const job = state.jobs.get(id)
  if (job !== undefined) touch(state, job)
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
function lose(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  if (job.retry_safety !== 'always') {
    move(state, job, 'fail', turn, cause, unknownOutcome(job))
  } else if (job.tries < Math.max(job.max_attempts, state.settings.lostTriesMax)) {
    move(state, job, 'requeue', turn, cause)
  } else {
    const error_message = `Its robot was lost ${job.tries} times while running this job`
    move(state, job, 'fail', turn, cause, { error_type: 'ROBOT_LOST', error_message, dead_lettered: true })
  }
}

/** What a robot says is the cause. */
export function by(session: Session, detail: string): Cause {
  return { by: `robot:${session.robot}`, detail }
}
