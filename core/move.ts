import { send, type Turn } from './effects.ts'
import {
  applyTransition,
  hasExpiredOffer,
  isAssigned,
  isHeld,
  isLive,
  isOffered,
  type JobRow,
  type JobTransition,
} from './job.ts'
import { recordHistory, saveJob } from './keep.ts'
import { indexRobot } from './roster.ts'
import type { Session, State } from './state.ts'

/** Who made something happen to a job, and why, in words for people. */
export interface Cause {
  readonly by: string
  readonly detail: string
}

/** The connection of the robot that has the job; undefined when no robot has it, or the robot is away. */
export function sessionOf(state: State, job: JobRow): Session | undefined {
  return job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
}

/**
 * Something happens to a job: the row moves along the life table, and the history says so. Whatever changes a job's
 * status comes through here. What follows from its end is in `reactions.ts`.
 */
export function transition(
  state: State,
  job: JobRow,
  action: JobTransition,
  turn: Turn,
  cause: Cause,
  fields: Parameters<typeof applyTransition>[3] = {},
): JobRow {
  const changed = applyTransition(job, action, turn.now, fields)
  const session = sessionOf(state, job)
  if (session !== undefined && isHeld(job) && !isHeld(changed)) session.idleSince = turn.now
  // Before the row is kept: whether the robot takes more jobs is worked out then.
  if (isOffered(job)) session?.offers.delete(job.id)
  saveJob(state, changed, turn)
  if (session !== undefined && isOffered(job) && isHeld(changed)) indexRobot(state, session.robot)
  recordHistory(state, changed, turn, { event: action, from_status: job.status, cause })
  if (!isLive(changed.status)) turn.facts.push({ type: 'job.ended', job: changed })
  return changed
}

/**
 * Ends a job that a robot may be working on. The end is final at once. The robot is told to stop, again whenever it
 * registers, and its slot stays held until it says that it has, or until a grace period is over: until then the desktop
 * is still busy.
 */
export function stopJob(
  state: State,
  job: JobRow,
  action: 'cancel' | 'expire' | 'fail',
  turn: Turn,
  cause: Cause,
  fields: Parameters<typeof applyTransition>[3] = {},
): JobRow {
  if (!isAssigned(job) && !hasExpiredOffer(job)) return transition(state, job, action, turn, cause, fields)
  const stop_until = turn.now + state.settings.graceMs
  const changed = transition(state, job, action, turn, cause, { ...fields, stop_until })
  sendCancel(state, changed, turn)
  const session = sessionOf(state, job)
  // It may not have read the offer yet: a list that lacks the job says nothing until it has.
  if (session !== undefined && job.status !== 'running') session.excluded.set(job.id, requestStatus(session, turn))
  return changed
}

/** Tells the robot of a job that has ended to stop working on it, if the robot is there. */
export function sendCancel(state: State, job: JobRow, turn: Turn): void {
  const session = sessionOf(state, job)
  if (session === undefined) return
  send(turn, session.socket, { type: 'job_cancel', payload: { job_id: job.id, reason: job.error_message } })
}

/** The robot has stopped, or has had long enough to: its slot is free. */
export function slotReleased(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  const freed = { ...job, stop_until: null }
  const session = sessionOf(state, job)
  if (session !== undefined) session.idleSince = turn.now
  saveJob(state, freed, turn)
  recordHistory(state, freed, turn, { event: 'stopped', from_status: job.status, cause })
}

/**
 * Asks a robot what it is running. Its answer, and every report after it, was written when it had read all that was
 * sent before. Returns which request this is.
 */
export function requestStatus(session: Session, turn: Turn): number {
  send(turn, session.socket, { type: 'status_request', payload: { robot_id: session.robot } })
  return ++session.statusRequests
}

/** What a job fails with that may have been started, and must not be started a second time unasked. */
export function unknownOutcome(job: JobRow): { readonly error_type: string; readonly error_message: string } {
  return {
    error_type: 'OUTCOME_UNKNOWN',
    error_message: `${job.robot_name} may have started this job, and did not report what came of it`,
  }
}
