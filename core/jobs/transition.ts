import { send, type Turn } from '../turn.ts'
import {
  hasExpiredOffer,
  isAssigned,
  isHeld,
  isLive,
  isOffered,
  type JobRow,
  type JobTransition,
  nextStatus,
} from '../records/job.ts'
import { saveJob } from './save.ts'
import { indexRobot } from '../queue/matching.ts'
import type { State } from '../state.ts'
import type { Session } from '../session.ts'
import { type Cause, recordHistory } from './history.ts'
import type { Millis } from '../base/ids.ts'
import { assert } from '../base/assert.ts'

/** The session of the robot that has the job; undefined if there is no robot or it is offline. */
export function sessionOf(state: State, job: JobRow): Session | undefined {
  return job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
}

/**
 * Applies a transition to a job: the row moves along the life table, and the history records it. Every change of a
 * job's status goes through here. `reactions.ts` lists the consequences of its end.
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
  // Before the row is saved, which recomputes whether the robot takes more jobs.
  if (isOffered(job)) session?.offers.delete(job.id)
  saveJob(state, changed, turn)
  if (session !== undefined && isOffered(job) && isHeld(changed)) indexRobot(state, session.robot)
  recordHistory(state, changed, turn, { event: action, from_status: job.status, cause })
  if (!isLive(changed.status)) turn.facts.push({ type: 'job.ended', job: changed })
  return changed
}

/**
 * Ends a job that a robot may be working on. The end is final at once. The robot is asked to stop, again whenever it
 * registers, and its slot stays occupied until it confirms or a grace period is over, because until then the desktop is
 * still in use.
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
  // The robot may not have read the offer yet: a list without the job proves nothing until it has.
  if (session !== undefined && job.status !== 'running') session.excluded.set(job.id, requestStatus(session, turn))
  return changed
}

/** Asks the robot of a job that has ended to stop working on it, if the robot is connected. */
export function sendCancel(state: State, job: JobRow, turn: Turn): void {
  const session = sessionOf(state, job)
  if (session === undefined) return
  send(turn, session.socket, { type: 'job_cancel', payload: { job_id: job.id, reason: job.error_message } })
}

/** Frees the slot: the robot has stopped, or its time to do so is over. */
export function slotReleased(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  const freed = { ...job, stop_until: null }
  const session = sessionOf(state, job)
  if (session !== undefined) session.idleSince = turn.now
  saveJob(state, freed, turn)
  recordHistory(state, freed, turn, { event: 'stopped', from_status: job.status, cause })
}

/**
 * Requests a robot's status. The robot writes its answer, and every later report, after it has read everything sent
 * before. Returns the number of the request.
 */
export function requestStatus(session: Session, turn: Turn): number {
  send(turn, session.socket, { type: 'status_request', payload: { robot_id: session.robot } })
  return ++session.statusRequests
}

/** The error of a job that may have been started, and must not be started again without a request. */
export function unknownOutcome(job: JobRow): { readonly error_type: string; readonly error_message: string } {
  return {
    error_type: 'OUTCOME_UNKNOWN',
    error_message: `${job.robot_name} may have started this job, and did not report what came of it`,
  }
}

/** The fields that a transition may set besides the status. */
type JobFields = Partial<
  Pick<
    JobRow,
    | 'ready_at'
    | 'offered_at'
    | 'stop_until'
    | 'refusals'
    | 'dead_lettered'
    | 'robot_duration_ms'
    | 'result'
    | 'error_message'
    | 'error_type'
    | 'stack_trace'
    | 'failed_node'
  >
>

/**
 * The row after a transition, with every field set as the new status requires. Throws a `Bug` if the table does not
 * allow the transition.
 */
export function applyTransition(job: JobRow, action: JobTransition, now: Millis, fields: JobFields = {}): JobRow {
  const status = nextStatus(job.status, action)
  assert(status !== undefined, `${action} may not happen to a job that is ${job.status}`)
  const ready_at = fields.ready_at ?? null
  const offered_at = action === 'ready' ? job.offered_at : fields.offered_at ?? null
  const next: JobRow = { ...job, ...fields, status, offer_until: null, offered_at, ready_at }
  if (status === 'running') {
    // A robot that accepts late, after its offer has expired, may find the job in back-off.
    return { ...next, queued_at: job.queued_at ?? now, started_at: now, refusals: 0, attempt: job.attempt + 1 }
  }
  if (isLive(status)) {
    // A job that was running starts to wait anew; one that was only offered has been waiting all along.
    const waited = job.status === 'running' ? null : job.queued_at
    const queued_at = waited ?? (status === 'queued' ? now : null)
    return { ...next, queued_at, started_at: null, progress: 0, current_node: '', progress_message: '' }
  }
  // After the clock was set back, a job must not end before it started.
  const completed_at = Math.max(now, job.started_at ?? job.created_at)
  return { ...next, completed_at, progress: status === 'completed' ? 100 : job.progress }
}
