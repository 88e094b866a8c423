import { findJob, findParameters, refuseRequest, reply, type Turn } from '../turn.ts'
import type { JobId, JsonText, Millis, ReplyId } from '../base/ids.ts'
import { isLive, isOffered, type JobRow } from '../records/job.ts'
import { saveJob } from './save.ts'
import { requestStatus, sessionOf, stopJob, transition } from './transition.ts'
import { assert } from '../base/assert.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../base/refusal.ts'
import { withSubmissionLimit } from '../limiter/rates.ts'
import type { State } from '../state.ts'
import type { CancelRequested, ReleaseRequested, RetryRequested } from '../events/jobs.ts'
import { type Cause, recordHistory } from './history.ts'
import { createJob, type JobSpec, NO_SOURCE } from './create.ts'

/** Commands of users about existing jobs. */

/** Cancels a job. It ends at once; one that has already ended stays as it is. */
export function cancelRequested(state: State, event: CancelRequested, turn: Turn): void {
  const job = findOrRefuse(state, event.job, turn)
  if (isRefusal(job)) return refuseCommand(event.reply, job, turn)
  if (!isLive(job.status)) {
    const refusal = refuse('CONFLICT', `Job ${job.id} has ended already: it is ${job.status}`, { status: job.status })
    return refuseCommand(event.reply, refusal, turn)
  }
  const cancelled = stopJob(state, job, 'cancel', turn, { by: event.by, detail: event.reason }, {
    error_type: 'Cancelled',
    error_message: event.reason,
  })
  reply(turn, event.reply, { type: 'job', job: cancelled })
}

/**
 * Offers a job anew after a user has declared that its robot has not started it. Refused while the robot still has time
 * to answer, and once it has accepted.
 */
export function releaseRequested(state: State, event: ReleaseRequested, turn: Turn): void {
  const job = findOrRefuse(state, event.job, turn)
  if (isRefusal(job)) return refuseCommand(event.reply, job, turn)
  const why = notReleasable(state, job, turn.now)
  if (why !== null) {
    return refuseCommand(event.reply, refuse('CONFLICT', `Job ${job.id} ${why}`, { status: job.status }), turn)
  }
  const reason = event.reason === '' ? '' : `: ${event.reason}`
  const detail = `released: ${job.robot_name} has not started it${reason}`
  reply(turn, event.reply, { type: 'job', job: offerReleased(state, job, turn, { by: event.by, detail }) })
}

function notReleasable(state: State, job: JobRow, now: Millis): string | null {
  if (!isLive(job.status)) return `has ended already: it is ${job.status}`
  if (job.status === 'running') return `is running: ${job.robot_name} has accepted it. Cancel it, and retry it`
  if (!isOffered(job)) return `is not held by a robot: it is ${job.status}, and is offered when its turn comes`
  const session = job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
  const mayAnswer = session?.offers.has(job.id) === true && now < (job.offered_at ?? 0) + state.settings.offerMs
  return mayAnswer ? `was offered to ${job.robot_name} a moment ago, which may still answer` : null
}

/**
 * Runs a job that has ended again, as a new job that refers to it. With `requeue` it must be a dead letter, and ceases
 * to be one. The new job runs the same definition, even if another one was published since.
 */
export function retryRequested(state: State, event: RetryRequested, turn: Turn): void {
  const job = findOrRefuse(state, event.job, turn)
  if (isRefusal(job)) return refuseCommand(event.reply, job, turn)
  if (isLive(job.status)) {
    const refusal = refuse('CONFLICT', `Job ${job.id} has not ended yet: it is ${job.status}`, { status: job.status })
    return refuseCommand(event.reply, refusal, turn)
  }
  if (event.mode === 'requeue' && !job.dead_lettered) {
    return refuseCommand(event.reply, refuse('CONFLICT', `Job ${job.id} is not in the dead letter list`), turn)
  }
  const workflow = {
    workflow_id: job.workflow_id,
    workflow_name: job.workflow_name,
    workflow_version: job.workflow_version,
    definition: event.definition,
  }
  // The schedule is not inherited: a job that a user runs again must not be counted twice, nor be held back by the next
  // run.
  const parent = job.parent_job_id === null ? null : { id: job.parent_job_id, depth: job.depth - 1 }
  const source = { ...NO_SOURCE, trigger: job.trigger_id, retry_of: job.id, parent, workflow }
  const { job: again, quota } = withSubmissionLimit(state, event.key, turn, () => {
    const parameters = findParameters(job, turn)
    assert(parameters !== null, 'the parameters of a job to retry are fetched')
    return createJob(state, specOf(job, parameters, event.new_job, event.by), source, turn)
  })
  if (isRefusal(again)) return refuseRequest(turn, event.reply, again, quota)
  if (job.dead_lettered) {
    const dealtWith = { ...job, dead_lettered: false }
    saveJob(state, dealtWith, turn)
    recordHistory(state, dealtWith, turn, {
      event: 'requeued',
      from_status: job.status,
      cause: { by: event.by, detail: `run again as ${again.id}` },
    })
  }
  reply(turn, event.reply, { type: 'job', job: again, quota })
}

/** The request of a job, to be submitted again. */
function specOf(job: JobRow, parameters: JsonText, id: JobId, by: string): JobSpec {
  return {
    job: id,
    by,
    parameters,
    priority: job.priority,
    robot: job.pinned_robot_id,
    environment: job.environment,
    pool: job.pool,
    required_tags: job.required_tags,
    required_capabilities: job.required_capabilities,
    scheduled_time: null,
    timeout_ms: job.timeout_ms,
    retry_safety: job.retry_safety,
    max_attempts: job.max_attempts,
    retry_on: job.retry_on,
    concurrency_key: job.concurrency_key,
    concurrency_limit: job.concurrency_limit,
    duplicate_key: job.duplicate_key,
  }
}

function findOrRefuse(state: State, id: JobId, turn: Turn): JobRow | Refusal {
  return findJob(state, id, turn) ?? notFound('Job', id)
}

function refuseCommand(to: ReplyId, refusal: Refusal, turn: Turn): void {
  refuseRequest(turn, to, refusal)
}

/**
 * Offers a job anew after a user has declared that the robot has not started it. The robot with the previous offer is
 * excluded until its list shows the same; if it reports the job before another robot was asked, it gets the job after
 * all.
 */
function offerReleased(state: State, job: JobRow, turn: Turn, cause: Cause): JobRow {
  const session = sessionOf(state, job)
  if (session !== undefined) session.excluded.set(job.id, requestStatus(session, turn))
  return transition(state, job, 'back_off', turn, cause, { ready_at: turn.now, offered_at: job.offered_at })
}
