import { explain } from '../../core/explain/explain.ts'
import type { JobId, KeyId } from '../../core/base/ids.ts'
import type { JobRow } from '../../core/records/job.ts'
import { notFound } from '../../core/base/refusal.ts'
import { Cancellation, Release, Submission } from '../../core/api/jobs.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { logText } from '../views/log-text.ts'
import { idempotencyOf, retryJob, submitJob } from '../commands/jobs.ts'
import { type NewJob, readInput, requireObject } from './options.ts'
import { type Camel, camel } from './names.ts'
import { errorOf, unwrap, unwrapReply } from './errors.ts'
import { type Job, jobOf } from './view.ts'

/** The job of a row, with its definition and log. */
export async function wholeJob({ queries }: Fleet, row: JobRow): Promise<Job> {
  const [definition, logs] = await Promise.all([
    queries.definition(row.definition),
    logText(queries, row, `GET /api/v1/jobs/${row.id}/logs`),
  ])
  return { ...jobOf(row), workflowJson: definition ?? '{}', logs }
}

/** Resolves with the job once it is durable. */
export async function submitNewJob(fleet: Fleet, job: NewJob, by: string): Promise<Job> {
  const { idempotencyKey, ...fields } = requireObject(job) as NewJob
  const body = readInput(fields, Submission, { params: 'parameters' })
  const once = unwrap(idempotencyOf(idempotencyKey, { id: `engine:${by}` as KeyId }, body))
  const command = unwrap(submitJob(fleet.platform, body, by, null, once))
  const answer = await fleet.request((reply) => ({ ...command, reply }))
  return wholeJob(fleet, unwrapReply(answer, 'job').job)
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
