import type { Turn } from './effects.ts'
import type { JobId, Millis, RobotId } from './ids.ts'
import { isOffered, type JobRow, needsProof } from './job.ts'
import { keepJob, remember } from './keep.ts'
import { askStatus, type Cause, halt, move, sessionOf, unknownOutcome } from './move.ts'
import { backoff } from './retry.ts'
import { placeRobot, touch } from './roster.ts'
import type { Session, State } from './state.ts'

/**
 * What follows when a robot does not simply accept an offer. PROTOCOL.md P39 to P42.
 *
 * An offer that may have been read counts as a start until something proves that it was not: robots that stand still,
 * lines that break and results that are dropped while offline all look the same from here. Only a job that says so
 * (`unless_accepted`, `always`) goes to another robot without proof.
 */

/**
 * The robot has not answered in time. A job that needs proof stays with it: the robot is asked what it is running, and
 * its answer, or its loss, settles the offer. Any other job is free again.
 */
export function offerLapsed(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined || !isOffered(job)) return
  const session = sessionOf(state, job)
  if (!needsProof(job)) {
    const cause = { by: 'orchestrator', detail: `${job.robot_name} did not answer the offer` }
    if (session !== undefined && !session.offers.has(id)) undelivered(state, job, turn, cause)
    else lapsed(state, job, turn, cause)
  } else if (waitEndsAt(state, job) > turn.now) wait(state, job, session, turn)
  else {
    const detail = `${job.robot_name} never answered the offer`
    halt(state, job, 'fail', turn, { by: 'orchestrator', detail }, unknownOutcome(job))
  }
}

/** A job with an offer that is not answered ends when it could have waited in the queue no longer. */
function waitEndsAt(state: State, job: JobRow): number {
  return (job.offered_at ?? 0) + Math.max(state.settings.queueTtlMs, state.settings.offerMs + 1)
}

function wait(state: State, job: JobRow, session: Session | undefined, turn: Turn): void {
  const waiting = { ...job, offer_until: waitEndsAt(state, job) }
  keepJob(state, waiting, turn)
  const why = session === undefined ? 'is away' : 'has not answered the offer'
  const detail = `${job.robot_name} ${why}, and may have started the job: waiting for it`
  remember(state, waiting, turn, { event: 'unanswered', from_status: 'queued', cause: { by: 'orchestrator', detail } })
  if (session === undefined || session.offers.get(job.id) !== null) return
  session.offers.set(job.id, askStatus(session, turn))
  placeRobot(state, session.robot)
}

/** The offer lapsed without proof. The job is free for others; this robot is excluded until its list lacks the job. */
function lapsed(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  const session = sessionOf(state, job)
  if (session !== undefined) {
    session.barred.set(job.id, askStatus(session, turn))
    rest(state, session, turn)
  }
  const delay = backoff(job.refusals + 1, state.settings, state.random)
  const { offered_at } = job
  move(state, job, 'back_off', turn, cause, { ready_at: turn.now + delay, refusals: job.refusals + 1, offered_at })
}

/**
 * The robot has refused the offer, or its list proves that it has read the offer and has not started the job. The job
 * backs off, so that other robots come first; this one is excluded for twice as long.
 */
export function declined(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  const delay = backoff(job.refusals + 1, state.settings, state.random)
  const session = sessionOf(state, job)
  if (session !== undefined) {
    exclude(state, session, job.id, turn.now + 2 * delay)
    rest(state, session, turn)
  }
  move(state, job, 'back_off', turn, cause, { ready_at: turn.now + delay, refusals: job.refusals + 1 })
}

/** A robot that has let an offer lapse refuses it after all: it will not report the job any more. */
export function declinedLate(state: State, session: Session, job: JobRow, turn: Turn): void {
  keepJob(state, { ...job, offered_at: null }, turn)
  const delay = backoff(job.refusals, state.settings, state.random)
  exclude(state, session, job.id, turn.now + 2 * delay)
}

/** The robot is not asked for this job before that instant. */
function exclude(state: State, session: Session, job: JobId, until: Millis): void {
  session.barred.set(job, 'refused')
  state.timers.set('robot.barred', barredId(session, job), until)
}

/** The offer never reached the robot: the job is offered anew at once. */
export function undelivered(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  move(state, job, 'back_off', turn, cause, { ready_at: turn.now })
}

/**
 * A person says that the robot has not started the job. It is offered anew; the robot that had the offer is excluded
 * until its list shows the same, and takes the job after all if it says so before another robot is asked.
 */
export function released(state: State, job: JobRow, turn: Turn, cause: Cause): JobRow {
  const session = sessionOf(state, job)
  if (session !== undefined) session.barred.set(job.id, askStatus(session, turn))
  return move(state, job, 'back_off', turn, cause, { ready_at: turn.now, offered_at: job.offered_at })
}

/** A robot may be asked again for a job from which it was excluded. */
export function unbar(state: State, session: Session, id: JobId): void {
  session.barred.delete(id)
  const job = state.jobs.get(id)
  if (job !== undefined) touch(state, job)
}

/** The `robot.barred` timer: its id names the session too, for a later one begins with no exclusions. */
export function barLapsed(state: State, timerId: string): void {
  const [robot, socket, job] = JSON.parse(timerId) as [RobotId, string, JobId]
  const session = state.sessions.get(robot)
  if (session?.socket === socket && session.barred.get(job) === 'refused') unbar(state, session, job)
}

/** `robot.barred` timers name the session's socket too: a new session starts with no exclusions. */
export function barredId(session: Session, job: JobId): string {
  return JSON.stringify([session.robot, session.socket, job])
}

/** A robot that does not take what it is offered is left alone for a while, or it would be asked for the whole queue. */
function rest(state: State, session: Session, turn: Turn): void {
  session.refusals++
  session.resting = true
  const { backoffMs, heartbeatMs } = state.settings
  const delay = backoff(session.refusals, { backoffMs: backoffMs / 5, backoffMsMax: heartbeatMs }, state.random)
  state.timers.set('robot.rest', session.robot, turn.now + delay)
}
