import type { SubmissionReply } from '../reply.ts'
import { findJob, refuseRequest, reply, type Turn } from '../turn.ts'
import { isOfWorkflow, type JobRow, type JobStatus } from '../records/job.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import { publishedWorkflow, submittedWorkflow } from '../workflows/definitions.ts'
import { submissionWindow, withSubmissionLimit } from '../limiter/rates.ts'
import type { State } from '../state.ts'
import type { IdempotencyRow } from '../records/key.ts'
import type { BatchSubmitted, JobSubmission, JobSubmitted } from '../events/jobs.ts'
import { findIdempotent, saveIdempotent } from '../access/idempotency.ts'
import { findDuplicate } from './duplicates.ts'
import { createJob, DRAINING, NEW_JOB, NO_SOURCE } from './create.ts'

/** Submits a job over the API. The answer comes once the job is durable. */
export function submitted(state: State, event: JobSubmitted, turn: Turn): void {
  reply(turn, event.reply, submit(state, event, turn))
}

/**
 * Submits several jobs in one turn, in order: an item sees those before it, as if each had come by itself. Refused as a
 * whole while draining, so that the caller repeats all of it elsewhere or later.
 */
export function batchSubmitted(state: State, { reply: to, submissions }: BatchSubmitted, turn: Turn): void {
  if (state.draining) return refuseRequest(turn, to, DRAINING)
  const answers = submissions.map((submission) => submit(state, submission, turn))
  reply(turn, to, { type: 'batch', answers, quota: answers.at(-1)?.quota ?? null })
}

/**
 * Submits one job. The same request again, by its idempotency key, gets the same answer, makes no second job, and does not
 * count. Only submissions that make a job count for the limit, so that a restart can count them from the jobs' rows.
 */
function submit(state: State, submission: JobSubmission, turn: Turn): SubmissionReply {
  const { idempotency, key } = submission
  const earlier = findIdempotent(state, idempotency, turn)
  if (idempotency !== null && earlier !== undefined) {
    const quota = key === null ? null : submissionWindow(state, key).quota(turn.now)
    return { ...replayReply(state, idempotency.fingerprint, earlier, turn), quota }
  }
  const { job, quota } = withSubmissionLimit(state, key, turn, () => createSubmitted(state, submission, turn))
  if (isRefusal(job)) return { type: 'refusal', refusal: job, quota }
  saveIdempotent(idempotency, job, turn)
  return { type: 'job', job, quota }
}

/** The first answer to a repeated request; IDEMPOTENCY_MISMATCH for a different request with the same key. */
function replayReply(
  state: State,
  fingerprint: string,
  earlier: IdempotencyRow,
  turn: Turn,
): SubmissionReply {
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

function createSubmitted(state: State, submission: JobSubmission, turn: Turn): JobRow | Refusal {
  const { workflow, check_duplicate } = submission
  const ref = typeof workflow === 'string'
    ? publishedWorkflow(state.workflows.get(workflow), workflow, state)
    : submittedWorkflow(state, workflow)
  if (isRefusal(ref)) return ref
  const isPublished = typeof workflow !== 'string' && isOfWorkflow(ref)
  const duplicate_key = isPublished ? workflow.workflow_duplicate_key ?? null : submission.duplicate_key
  const first = duplicate_key === null || !check_duplicate ? undefined : findDuplicate(state, duplicate_key, turn)
  if (first !== undefined) {
    const message = `The same job was submitted as ${first.id}, which is ${first.status}`
    return refuse('DUPLICATE_JOB', message, { job_id: first.id, status: first.status })
  }
  return createJob(state, { ...submission, duplicate_key }, { ...NO_SOURCE, workflow: ref }, turn)
}
