import type { Turn } from './effects.ts'
import { advance, isHeld, isLive, type JobRow, type JobVerb } from './job.ts'
import { keepJob, keepWorkflow, remember } from './keep.ts'
import { backoff } from './retry.ts'
import type { Session, State } from './state.ts'

/**
 * Something happens to a job: the row moves along the life table, the history says so, and a job that ends is
 * counted with its workflow. Whatever changes a job's status comes through here.
 */
export function move(
  state: State,
  job: JobRow,
  verb: JobVerb,
  turn: Turn,
  detail: string,
  brought: Parameters<typeof advance>[3] = {},
): JobRow {
  const moved = advance(job, verb, turn.now, brought)
  const session = job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
  if (session !== undefined && isHeld(job)) session.idleSince = turn.now
  keepJob(state, moved, turn)
  remember(state, moved, turn, { event: verb, from_status: job.status, detail })
  if (!isLive(moved.status)) ended(state, moved, turn)
  return moved
}

function ended(state: State, job: JobRow, turn: Turn): void {
  const workflow = state.workflows.get(job.workflow_id)
  if (workflow === undefined || job.started_at === null || job.completed_at === null) return
  keepWorkflow(state, {
    ...workflow,
    execution_count: workflow.execution_count + 1,
    success_count: workflow.success_count + (job.status === 'completed' ? 1 : 0),
    total_duration_ms: workflow.total_duration_ms + (job.completed_at - job.started_at),
  }, turn)
}

/**
 * An offer that nobody took up. The job waits for its back-off; then other robots come first, for this one is barred
 * until its own, longer one has passed, or, when it may be running the job, until a report of its shows otherwise.
 */
export function unclaimed(state: State, job: JobRow, turn: Turn, why: 'refused' | 'may_run', detail: string): void {
  const { settings, timers, random } = state
  const wait = backoff(job.refusals + 1, settings, random)
  const session = job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
  if (session !== undefined) {
    session.barred.set(job.id, why)
    if (why === 'refused') timers.set('robot.barred', barredId(session, job), turn.now + 2 * wait)
    rest(state, session, turn)
  }
  if (why === 'may_run' && job.retry_safety === 'never') {
    move(state, job, 'fail', turn, detail, unknownOutcome(job))
    return
  }
  move(state, job, 'back_off', turn, detail, { ready_at: turn.now + wait, refusals: job.refusals + 1 })
}

/** What a job fails with that may have been started, and must not be started a second time unasked. */
export function unknownOutcome(job: JobRow): { readonly error_type: string; readonly error_message: string } {
  return {
    error_type: 'OUTCOME_UNKNOWN',
    error_message: `${job.robot_name} was lost while it may have been running this job; how far it got is unknown`,
  }
}

/** `robot.barred` timers name the session's socket too: a new session starts with no bars. */
function barredId(session: Session, job: JobRow): string {
  return JSON.stringify([session.robot, session.socket, job.id])
}

/** A robot that does not take what it is offered is left alone for a while, lest it be asked for the whole queue. */
function rest(state: State, session: Session, turn: Turn): void {
  session.refusals++
  session.resting = true
  const { backoffMs, heartbeatMs } = state.settings
  const wait = backoff(session.refusals, { backoffMs: backoffMs / 5, backoffMsMax: heartbeatMs }, state.random)
  state.timers.set('robot.rest', session.robot, turn.now + wait)
}
