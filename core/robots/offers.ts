import type { Turn } from '../turn.ts'
import type { JobId, Millis, RobotId } from '../base/ids.ts'
import { isOffered, type JobRow, needsProof } from '../records/job.ts'
import { saveJob } from '../jobs/save.ts'
import { requestStatus, sessionOf, stopJob, transition, unknownOutcome } from '../jobs/transition.ts'
import { backoff } from '../jobs/retry.ts'
import { indexRobot, markDirty } from '../queue/matching.ts'
import type { State } from '../state.ts'
import type { Session } from '../session.ts'
import { type Cause, recordHistory } from '../jobs/history.ts'

/**
 * The outcomes of offers that a robot does not simply accept. PROTOCOL.md P39 to P42. An offer that may have been read
 * counts as a start until it is proved otherwise: a robot that hangs, a broken connection and a result that was dropped
 * while offline cannot be distinguished from here. Only a job that allows it (`unless_accepted`, `always`) goes to
 * another robot without proof.
 */

/**
 * The robot has not answered in time. A job that needs proof stays with it: its status is requested, and the answer, or
 * the loss of the robot, settles the offer. Any other job is freed.
 */
export function offerExpired(state: State, id: JobId, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined || !isOffered(job)) return
  const session = sessionOf(state, job)
  if (!needsProof(job)) {
    const cause = { by: 'orchestrator', detail: `${job.robot_name} did not answer the offer` }
    if (session !== undefined && !session.offers.has(id)) offerLost(state, job, turn, cause)
    else freeUnanswered(state, job, turn, cause)
  } else if (waitEndsAt(state, job) > turn.now) waitForAnswer(state, job, session, turn)
  else {
    const detail = `${job.robot_name} never answered the offer`
    stopJob(state, job, 'fail', turn, { by: 'orchestrator', detail }, unknownOutcome(job))
  }
}

/** The end of a job with an unanswered offer: when its time in the queue would be over. */
function waitEndsAt(state: State, job: JobRow): number {
  return (job.offered_at ?? 0) + Math.max(state.settings.queueTtlMs, state.settings.offerMs + 1)
}

function waitForAnswer(state: State, job: JobRow, session: Session | undefined, turn: Turn): void {
  const waiting = { ...job, offer_until: waitEndsAt(state, job) }
  saveJob(state, waiting, turn)
  const why = session === undefined ? 'is away' : 'has not answered the offer'
  const detail = `${job.robot_name} ${why}, and may have started the job: waiting for it`
  recordHistory(state, waiting, turn, {
    event: 'unanswered',
    from_status: 'queued',
    cause: { by: 'orchestrator', detail },
  })
  if (session === undefined || session.offers.get(job.id) !== null) return
  session.offers.set(job.id, requestStatus(session, turn))
  indexRobot(state, session.robot)
}

/** Frees a job whose offer expired without proof. This robot is excluded until its list lacks the job. */
function freeUnanswered(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  const session = sessionOf(state, job)
  if (session !== undefined) {
    session.excluded.set(job.id, requestStatus(session, turn))
    coolDown(state, session, turn)
  }
  const delay = backoff(job.refusals + 1, state.settings, state.random)
  const { offered_at } = job
  transition(state, job, 'back_off', turn, cause, {
    ready_at: turn.now + delay,
    refusals: job.refusals + 1,
    offered_at,
  })
}

/**
 * The robot has refused the offer, or its list proves that it has read the offer and not started the job. The job backs
 * off, so that other robots come first; this one is excluded for twice as long.
 */
export function offerDeclined(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  const delay = backoff(job.refusals + 1, state.settings, state.random)
  const session = sessionOf(state, job)
  if (session !== undefined) {
    exclude(state, session, job.id, turn.now + 2 * delay)
    coolDown(state, session, turn)
  }
  transition(state, job, 'back_off', turn, cause, { ready_at: turn.now + delay, refusals: job.refusals + 1 })
}

/** A robot that has let an offer expire refuses it later: it will not report the job any more. */
export function offerDeclinedLate(state: State, session: Session, job: JobRow, turn: Turn): void {
  saveJob(state, { ...job, offered_at: null }, turn)
  const delay = backoff(job.refusals, state.settings, state.random)
  exclude(state, session, job.id, turn.now + 2 * delay)
}

/** Excludes a robot from a job until an instant. */
function exclude(state: State, session: Session, job: JobId, until: Millis): void {
  session.excluded.set(job, 'refused')
  state.timers.set('robot.exclusion', exclusionTimer(session, job), until)
}

/** The offer never reached the robot: the job is offered anew at once. */
export function offerLost(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  transition(state, job, 'back_off', turn, cause, { ready_at: turn.now })
}

/** Ends the exclusion of a robot from a job. */
export function readmit(state: State, session: Session, id: JobId): void {
  session.excluded.delete(id)
  const job = state.jobs.get(id)
  if (job !== undefined) markDirty(state, job)
}

/** Ends an exclusion after its time. The timer's id includes the session, because a later session has no exclusions. */
export function exclusionExpired(state: State, timerId: string): void {
  const [robot, socket, job] = JSON.parse(timerId) as [RobotId, string, JobId]
  const session = state.sessions.get(robot)
  if (session?.socket === socket && session.excluded.get(job) === 'refused') readmit(state, session, job)
}

/**
 * The id of a `robot.exclusion` timer. It includes the session's socket, because a new session starts with no
 * exclusions.
 */
export function exclusionTimer(session: Session, job: JobId): string {
  return JSON.stringify([session.robot, session.socket, job])
}

/** Offers nothing to the robot for a while: otherwise one that refuses would be asked for every job in the queue. */
function coolDown(state: State, session: Session, turn: Turn): void {
  session.refusals++
  session.coolingDown = true
  const { backoffMs, heartbeatMs } = state.settings
  const delay = backoff(session.refusals, { backoffMs: backoffMs / 5, backoffMsMax: heartbeatMs }, state.random)
  state.timers.set('robot.cooldown', session.robot, turn.now + delay)
}

/** A robot that refused an offer may be asked again. */
export function cooldownOver(state: State, robot: RobotId): void {
  const session = state.sessions.get(robot)
  if (session === undefined) return
  session.coolingDown = false
  indexRobot(state, robot)
}
