import { durationOf } from './duration.ts'
import { say, type Turn } from './effects.ts'
import { leaveFamily } from './family.ts'
import { advance, isAssigned, isHeld, isLapsed, isLive, isOffered, type JobRow, type JobVerb } from './job.ts'
import { keepJob, keepSchedule, keepTrigger, keepWorkflow, remember } from './keep.ts'
import { jobEnded } from './chain.ts'
import { closeLog } from './log.ts'
import { isOfWorkflow } from './published.ts'
import { placeRobot } from './roster.ts'
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
 * Something happens to a job: the row moves along the life table, the history says so, and a job that ends is
 * counted with its workflow and its schedule. Whatever changes a job's status comes through here.
 */
export function move(
  state: State,
  job: JobRow,
  verb: JobVerb,
  turn: Turn,
  cause: Cause,
  brought: Parameters<typeof advance>[3] = {},
): JobRow {
  const moved = advance(job, verb, turn.now, brought)
  const session = sessionOf(state, job)
  if (session !== undefined && isHeld(job) && !isHeld(moved)) session.idleSince = turn.now
  // Before the row is kept: whether the robot takes more jobs is worked out then.
  if (isOffered(job)) session?.offers.delete(job.id)
  keepJob(state, moved, turn)
  if (session !== undefined && isOffered(job) && isHeld(moved)) placeRobot(state, session.robot)
  remember(state, moved, turn, { event: verb, from_status: job.status, cause })
  if (!isLive(moved.status)) {
    closeLog(state, moved, turn)
    ended(state, moved, turn)
    leaveFamily(state, moved)
  }
  return moved
}

/**
 * Ends a job that a robot may be working on. The end is final at once. The robot is told to stop, again whenever it
 * registers, and its slot stays held until it says that it has, or until a grace period is over: until then the desktop
 * is still busy.
 */
export function halt(
  state: State,
  job: JobRow,
  verb: 'cancel' | 'expire' | 'fail',
  turn: Turn,
  cause: Cause,
  brought: Parameters<typeof advance>[3] = {},
): JobRow {
  if (!isAssigned(job) && !isLapsed(job)) return move(state, job, verb, turn, cause, brought)
  const stop_until = turn.now + state.settings.graceMs
  const moved = move(state, job, verb, turn, cause, { ...brought, stop_until })
  tellToStop(state, moved, turn)
  const session = sessionOf(state, job)
  // It may not have read the offer yet: a list that lacks the job says nothing until it has.
  if (session !== undefined && job.status !== 'running') session.barred.set(job.id, askStatus(session, turn))
  return moved
}

/** Tells the robot of a job that has ended to stop working on it, if the robot is there. */
export function tellToStop(state: State, job: JobRow, turn: Turn): void {
  const session = sessionOf(state, job)
  if (session === undefined) return
  say(turn, session.socket, { type: 'job_cancel', payload: { job_id: job.id, reason: job.error_message } })
}

/** The robot has stopped, or has had long enough to: its slot is free. */
export function stopped(state: State, job: JobRow, turn: Turn, cause: Cause): void {
  const freed = { ...job, stop_until: null }
  const session = sessionOf(state, job)
  if (session !== undefined) session.idleSince = turn.now
  keepJob(state, freed, turn)
  remember(state, freed, turn, { event: 'stopped', from_status: job.status, cause })
}

/**
 * Asks a robot what it is running. Its answer, and every report after it, was written when it had read all that was
 * sent before. Returns which request this is.
 */
export function askStatus(session: Session, turn: Turn): number {
  say(turn, session.socket, { type: 'status_request', payload: { robot_id: session.robot } })
  return ++session.asked
}

/** What a job fails with that may have been started, and must not be started a second time unasked. */
export function unknownOutcome(job: JobRow): { readonly error_type: string; readonly error_message: string } {
  return {
    error_type: 'OUTCOME_UNKNOWN',
    error_message: `${job.robot_name} may have started this job, and did not report what came of it`,
  }
}

function ended(state: State, job: JobRow, turn: Turn): void {
  const schedule = job.schedule_id === null ? undefined : state.schedules.get(job.schedule_id)
  if (schedule !== undefined && job.status === 'completed') {
    keepSchedule(state, { ...schedule, success_count: schedule.success_count + 1 }, turn)
  }
  countEnd(state, job, turn)
  jobEnded(state, job, turn)
  const workflow = state.workflows.get(job.workflow_id)
  if (workflow === undefined || job.started_at === null || !isOfWorkflow(job)) return
  const completed = job.status === 'completed'
  keepWorkflow(state, {
    ...workflow,
    execution_count: workflow.execution_count + 1,
    success_count: workflow.success_count + (completed ? 1 : 0),
    total_duration_ms: workflow.total_duration_ms + (completed ? durationOf(job) : 0),
  }, turn)
}

/** A trigger counts what became of the jobs that it made; what somebody has run again is his own. */
function countEnd(state: State, job: JobRow, turn: Turn): void {
  const trigger = job.trigger_id === null || job.retry_of !== null ? undefined : state.triggers.get(job.trigger_id)
  if (trigger === undefined || job.status === 'cancelled') return
  const { success_count, error_count } = trigger
  const counts = job.status === 'completed' ? { success_count: success_count + 1 } : { error_count: error_count + 1 }
  keepTrigger(state, { ...trigger, ...counts }, turn)
}
