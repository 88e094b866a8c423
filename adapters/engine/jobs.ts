import { explain } from '../../core/explain/explain.ts'
import type { JobId, KeyId } from '../../core/base/ids.ts'
import type { JobRow } from '../../core/records/job.ts'
import { notFound, refuse } from '../../core/base/refusal.ts'
import type { JobSubmission } from '../../core/events/jobs.ts'
import { Cancellation, Release, Submission } from '../../core/api/jobs.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { problemWithCount } from '../http/kit/batch.ts'
import { withParameters } from '../views/jobs.ts'
import { logText } from '../views/log-text.ts'
import { idempotencyOf, retryJob, submissionOf, submitAll } from '../commands/jobs.ts'
import { type NewJob, readInput, requireObject } from './options.ts'
import { type Camel, camel } from './names.ts'
import { errorOf, RefusedError, unwrap, unwrapReply } from './errors.ts'
import { type Job, jobOf } from './view.ts'

/** The job of a row, with its definition and log. */
export async function wholeJob({ queries }: Fleet, row: JobRow): Promise<Job> {
  const [job, definition, logs] = await Promise.all([
    withParameters(queries, row),
    queries.definition(row.definition),
    logText(queries, row, `GET /api/v1/jobs/${row.id}/logs`),
  ])
  return { ...jobOf(job), workflowJson: definition ?? '{}', logs }
}

/** Resolves with the job once it is durable. */
export async function submitNewJob(fleet: Fleet, job: NewJob, by: string): Promise<Job> {
  const submission = newSubmission(fleet, job, by)
  const answer = await fleet.request((reply) => ({ type: 'job.submitted', ...submission, reply }))
  const { job: row, replayed } = unwrapReply(answer, 'job')
  const definition = fleet.state.definitions.get(row.definition)?.json
  // One that was made just now has no log, and its definition is in memory.
  return replayed === true || definition === undefined
    ? wholeJob(fleet, row)
    : { ...jobOf(row), workflowJson: definition, logs: '' }
}

/** The outcome of one job of a batch: the job, or the error that `submitJob` would have thrown. */
export type BatchedJob =
  /** `replayed`: it was submitted before with the same idempotency key. */
  | { readonly job: Pick<Job, 'id' | 'status' | 'workflowId' | 'createdAt'>; readonly replayed: boolean }
  | { readonly error: RefusedError }

/** Resolves with an outcome for each job, in order, once those that were accepted are durable. */
export async function submitNewJobs(
  fleet: Fleet,
  given: readonly NewJob[],
  by: string,
): Promise<readonly BatchedJob[]> {
  if (!Array.isArray(given)) throw new RefusedError('INVALID_PAYLOAD', 'An array of jobs is expected')
  const problem = problemWithCount(given.length)
  if (problem !== null) throw errorOf(problem)
  const prepared = given.map((job: NewJob) => submissionOrError(fleet, job, by))
  const submissions = prepared.map((one) => one instanceof RefusedError ? refuse(one.code, one.message) : one)
  const answers = await submitAll(submissions, async (command) => {
    const answer = await fleet.request((reply) => ({ ...command, reply }))
    return answer.type === 'refusal' ? answer.refusal : unwrapReply(answer, 'batch')
  })
  return unwrap(answers).map((answer, i) => {
    const wrong = prepared[i]
    if (wrong instanceof RefusedError) return { error: wrong }
    if (answer.type === 'refusal') return { error: errorOf(answer.refusal) }
    const { id, status, workflow_id: workflowId, created_at } = answer.job
    return { job: { id, status, workflowId, createdAt: new Date(created_at) }, replayed: answer.replayed === true }
  })
}

function submissionOrError(fleet: Fleet, job: NewJob, by: string): JobSubmission | RefusedError {
  try {
    return newSubmission(fleet, job, by)
  } catch (error) {
    if (error instanceof RefusedError) return error
    throw error
  }
}

/** The event's part of a job as the caller describes it. Throws a `RefusedError` for one that is wrong. */
function newSubmission(fleet: Fleet, job: NewJob, by: string): JobSubmission {
  const { idempotencyKey, ...fields } = requireObject(job) as NewJob
  const body = readInput(fields, Submission, { params: 'parameters' })
  const once = unwrap(idempotencyOf(idempotencyKey, { id: `engine:${by}` as KeyId }, body))
  return unwrap(submissionOf(fleet.platform, body, by, null, once))
}

/** Resolves with false if the job does not exist or has already ended. */
export async function cancelJob(fleet: Fleet, id: string, given: string | undefined, by: string): Promise<boolean> {
  const { reason } = readInput({ reason: given }, Cancellation)
  const answer = await fleet.request((reply) => ({ type: 'cancel.requested', reply, job: id as JobId, by, reason }))
  if (answer.type === 'refusal' && ['NOT_FOUND', 'CONFLICT'].includes(answer.refusal.refused)) return false
  return unwrapReply(answer, 'job').job.status === 'cancelled'
}

/** Offers a job anew whose robot has not answered. */
export async function releaseJob(fleet: Fleet, id: string, given: string | undefined, by: string): Promise<Job> {
  const { reason } = readInput({ reason: given }, Release)
  const answer = await fleet.request((reply) => ({ type: 'release.requested', reply, job: id as JobId, by, reason }))
  return wholeJob(fleet, unwrapReply(answer, 'job').job)
}

/** Submits a new job with the same request. */
export async function retryEndedJob(fleet: Fleet, id: string, by: string): Promise<Job> {
  const command = unwrap(await retryJob(fleet, String(id) as JobId, 'retry', by, null))
  const answer = await fleet.request((reply) => ({ ...command, reply }))
  return wholeJob(fleet, unwrapReply(answer, 'job').job)
}

/** The explanation why a job is not running, as in the HTTP API. */
export type JobExplanation = Camel<ReturnType<typeof explain>>

/** Explains live jobs, and jobs that have ended. */
export async function explainJob(fleet: Fleet, id: string): Promise<JobExplanation> {
  const job = fleet.state.jobs.get(id as JobId) ?? await fleet.queries.job(id as JobId)
  if (job === undefined) throw errorOf(notFound('Job', String(id)))
  return camel(explain(fleet.state, job, fleet.platform.now()))
}
