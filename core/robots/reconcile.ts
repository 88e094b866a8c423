import type { Turn } from '../turn.ts'
import type { JobId, RobotId } from '../base/ids.ts'
import { hasExpiredOffer, isHeld, isOffered, isStopping, type JobRow, needsProof } from '../records/job.ts'
import { attemptOf, type Echo } from '../records/offer.ts'
import { slotReleased, transition, unknownOutcome } from '../jobs/transition.ts'
import { offerDeclined, offerLost, readmit } from './offers.ts'
import type { State } from '../state.ts'
import type { Session } from '../session.ts'
import { type Cause, robotCause } from '../jobs/history.ts'

/**
 * Compares a robot's list of its jobs with ours. A job in the list was accepted: the answer to the offer was lost or is
 * late. A job that is missing from the list is not lost yet, since the robot may have written the list just before it
 * accepted, or be about to report the end. Missing from two lists in a row, over one connection or several, it is lost.
 * A list proves that an offer was not accepted only if the robot wrote it after it had read the offer: on the same
 * connection, in answer to a later request.
 */
export function reconcile(state: State, session: Session, active: ReadonlySet<JobId>, turn: Turn): void {
  const missing = new Set<JobId>()
  for (const id of state.held.get(session.robot) ?? []) {
    const job = state.jobs.get(id)
    if (job === undefined) continue
    if (active.has(id)) {
      if (isOffered(job)) adopt(state, session, job, turn)
    } else if (isStopping(job)) {
      const request = session.excluded.get(id)
      if (typeof request === 'number' && session.statusResponses < request) continue
      slotReleased(state, job, turn, robotCause(session, 'it is not among the jobs that its robot is running'))
    } else if (isOffered(job) && session.offers.has(id)) {
      const asking = session.offers.get(id) ?? Infinity
      if (session.statusResponses >= asking) notTaken(state, session, job, turn)
    } else if (isOffered(job) && !needsProof(job)) {
      offerLost(state, job, turn, robotCause(session, 'its robot has come anew and has not got it'))
    } else if (session.missing.has(id)) jobLost(state, job, turn, robotCause(session, NOT_RUNNING))
    else missing.add(id)
  }
  session.missing = missing
  for (const id of active) {
    const job = state.jobs.get(id)
    if (job !== undefined && hasExpiredOffer(job) && job.robot_id === session.robot) adopt(state, session, job, turn)
  }
  for (const [id, why] of session.excluded) {
    if (why !== 'refused' && session.statusResponses >= why && !active.has(id)) readmit(state, session, id)
  }
}

const NOT_RUNNING = 'its robot says that it is not running it'

function adopt(state: State, session: Session, job: JobRow, turn: Turn): void {
  transition(state, job, 'accept', turn, robotCause(session, 'adopted: the robot says that it is running it'))
}

/**
 * The robot has read the offer, has not started the job, and does not answer: the job is freed, unless it is `never`
 * safe to retry.
 */
function notTaken(state: State, session: Session, job: JobRow, turn: Turn): void {
  const cause = robotCause(session, `${job.robot_name} has read the offer and is not running the job`)
  if (job.retry_safety === 'never') transition(state, job, 'fail', turn, cause, unknownOutcome(job))
  else offerDeclined(state, job, turn, cause)
}

/**
 * Compares the memory that a robot registers with to our offers. An offer that was made to that memory and is not in it
 * was never read, so the job can be offered anew.
 */
export function reconcileMemory(state: State, session: Session, offers: readonly ReadOffer[], turn: Turn): void {
  const read = new Map(offers.map((one) => [one.job_id, one]))
  for (const id of state.held.get(session.robot) ?? []) {
    const job = state.jobs.get(id)
    if (job === undefined || !isOffered(job) || job.offer_memory !== session.memory) continue
    const known = read.get(id)
    if (known !== undefined && mayBeLast(job, known)) continue
    offerLost(state, job, turn, robotCause(session, `${job.robot_name} has never read the offer`))
  }
}

/** An offer that a robot has read, as it declares at registration. */
interface ReadOffer extends Echo {
  readonly job_id: JobId
}

/** True if an offer that was read can be the last one: without its number, one of the same attempt can. */
function mayBeLast(job: JobRow, { offer, attempt }: Echo): boolean {
  return offer === undefined ? attempt === undefined || attempt >= attemptOf(job) : offer >= job.offer
}

/**
 * Excludes a robot from jobs that it reports on a new connection, left over from an earlier one, and that are no longer
 * its own: they wait, or another robot has them.
 */
export function excludeLeftOver(state: State, session: Session, active: ReadonlySet<JobId>): void {
  for (const id of active) {
    const job = state.jobs.get(id)
    const itsOwn = job !== undefined && isHeld(job) && job.robot_id === session.robot
    if (job !== undefined && !itsOwn && !session.excluded.has(id)) session.excluded.set(id, 0)
  }
}

/** The grace period is over: the jobs that the robot was running, or may have started, end without it. */
export function robotLost(state: State, robot: RobotId, turn: Turn): void {
  for (const id of state.held.get(robot) ?? []) {
    const job = state.jobs.get(id)
    const cause = { by: 'orchestrator', detail: 'its robot did not come back in time' }
    if (job === undefined || isStopping(job)) continue
    if (job.status === 'running' || needsProof(job)) jobLost(state, job, turn, cause)
  }
}

/**
 * Ends a job that its robot was running, or may have started, after the robot was lost or has forgotten it. Work of
 * robots is not idempotent: unless the job is always safe to retry, it fails with an unknown outcome instead of being
 * run a second time.
 */
function jobLost(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  if (job.retry_safety !== 'always') {
    transition(state, job, 'fail', turn, cause, unknownOutcome(job))
  } else if (job.attempt < Math.max(job.max_attempts, state.settings.lostTriesMax)) {
    transition(state, job, 'requeue', turn, cause)
  } else {
    const error_message = `Its robot was lost ${job.attempt} times while running this job`
    transition(state, job, 'fail', turn, cause, { error_type: 'ROBOT_LOST', error_message, dead_lettered: true })
  }
}
