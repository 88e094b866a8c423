import type { Reply } from '../reply.ts'
import { findJob, refuseRequest, reply, type Turn } from '../turn.ts'
import { isOfWorkflow, type JobRow, type JobStatus } from '../records/job.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import { publishedWorkflow, submittedWorkflow } from '../workflows/definitions.ts'
import { submissionWindow, withSubmissionLimit } from '../limiter/rates.ts'
import type { State } from '../state.ts'
import type { IdempotencyRow } from '../records/key.ts'
import type { JobSubmitted } from '../events/jobs.ts'
import { findIdempotent, saveIdempotent } from '../access/idempotency.ts'
import { findDuplicate } from './duplicates.ts'
import { createJob, NEW_JOB, NO_SOURCE } from './create.ts'

/** The definition that a job runs, and the workflow's name. */
/**
 * Submits a job over the API. The answer comes once the job is durable. The same request again, by its idempotency key,
 * gets the same answer, makes no second job, and does not count. Only submissions that make a job count for the limit,
 * so that a restart can count them from the jobs' rows.
 */
export function submitted(state: State, event: JobSubmitted, turn: Turn): void {
  const { idempotency } = event
  const earlier = findIdempotent(state, idempotency, turn)
  if (idempotency !== null && earlier !== undefined) {
    const quota = event.key === null ? null : submissionWindow(state, event.key).quota(turn.now)
    return reply(turn, event.reply, { ...replayReply(state, idempotency.fingerprint, earlier, turn), quota })
  }
  const { job, quota } = withSubmissionLimit(state, event.key, turn, () => createSubmitted(state, event, turn))
  if (isRefusal(job)) return refuseRequest(turn, event.reply, job, quota)
  saveIdempotent(idempotency, job, turn)
  reply(turn, event.reply, { type: 'job', job, quota })
}

/** The first answer to a repeated request; IDEMPOTENCY_MISMATCH for a different request with the same key. */
function replayReply(
  state: State,
  fingerprint: string,
  earlier: IdempotencyRow,
  turn: Turn,
): Extract<Reply, { type: 'job' | 'refusal' }> {
  const job = findJob(state, earlier.job_id, turn)
  if (earlier.fingerprint !== fingerprint) {
    const message = 'This Idempotency-Key was used for a request with another body'
    return { type: 'refusal', refusal: refuse('IDEMPOTENCY_MISMATCH', message, { job_id: earlier.job_id }) }
  }
  if (job === undefined) {
    const message = `The job ${earlier.job_id} that this Idempotency-Key made has been deleted since`
    return { type: 'refusal', refusal: refuse('NOT_FOUND', message, { job_id: earlier.job_id }) }
  }
  return { type: 'job', job: asSubmitted(job, earlier.status), replayed: true }
}

/** A job as it was when it had just been submitted. */
function asSubmitted(job: JobRow, status: JobStatus): JobRow {
  const waits = job.scheduled_time !== null && job.scheduled_time > job.created_at
  const queued_at = status === 'queued' ? job.created_at : null
  return { ...job, ...NEW_JOB, status, queued_at, ready_at: waits ? job.scheduled_time : null }
}

function createSubmitted(state: State, event: JobSubmitted, turn: Turn): JobRow | Refusal {
  const { workflow, check_duplicate } = event
  const ref = typeof workflow === 'string'
    ? publishedWorkflow(state.workflows.get(workflow), workflow, state)
    : submittedWorkflow(state, workflow)
  if (isRefusal(ref)) return ref
  const isPublished = typeof workflow !== 'string' && isOfWorkflow(ref)
  const duplicate_key = isPublished ? workflow.workflow_duplicate_key ?? null : event.duplicate_key
  const first = duplicate_key === null || !check_duplicate ? undefined : findDuplicate(state, duplicate_key, turn)
  if (first !== undefined) {
    const message = `The same job was submitted as ${first.id}, which is ${first.status}`
    return refuse('DUPLICATE_JOB', message, { job_id: first.id, status: first.status })
  }
  return createJob(state, { ...event, duplicate_key }, { ...NO_SOURCE, workflow: ref }, turn)
}
