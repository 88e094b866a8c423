import type { BatchedSubmission, BatchOutcome, JobDetail, jobs, JobSummary, Submission } from '../core/api/jobs.ts'
import { PATHS } from '../core/api/paths.ts'
import type { InputOf } from '../core/api/route.ts'
import { type ClientOf, clientOf, type OptionsOf } from './routes.ts'
import { Submissions } from './submissions.ts'
import { type CallOptions, type Transport, waitFor } from './transport.ts'

/** A job to submit. Only `workflow_id` is needed, or `workflow_json` and a `workflow_name`. */
export type NewJob = InputOf<typeof Submission>

/** A job of a batch. Without an `idempotency_key` of its own it has one by its place in the batch. */
export type NewBatchedJob = InputOf<typeof BatchedSubmission>

export type JobStatus = JobSummary['status']

/** Filters of a list of jobs. A field that is left out does not filter. */
export type JobQuery = OptionsOf<typeof jobs.list>

export type SubmitOptions = OptionsOf<typeof jobs.submit>

/** The body of a batch. The type of a route is one level deep, and does not reach into its items. */
type BatchInput = Parameters<ClientOf<typeof jobs>['submitBatch']>[0]

/** Jobs: submit, follow, cancel, retry. */
export type Jobs = Omit<ClientOf<typeof jobs>, 'submitBatch'> & {
  /**
   * Submits up to 1,000 jobs, each of which is accepted or refused by itself: resolves with an outcome for each, in order,
   * once all that were accepted are durable. Like a single submission it can be sent again when the answer was lost.
   */
  submitBatch(jobs: readonly NewBatchedJob[], options?: SubmitOptions): Promise<readonly BatchOutcome[]>
  /**
   * Resolves with the job once it has ended, successfully or not: the orchestrator answers then. Once it has answered
   * this client, waiting continues through a restart of it.
   */
  wait(id: string, options?: CallOptions): Promise<JobDetail>
}

/** Makes the methods for jobs. `base` is what stands before `/api`. */
export function jobsOf(transport: Transport, base: string): Jobs {
  const wait = async (id: string, options: CallOptions = {}): Promise<JobDetail> => {
    const path = `${base}/api/v1/jobs/${encodeURIComponent(id)}`
    return await waitFor(transport, path, options.signal, (job: JobDetail) => job.completed_at !== null)
  }
  const routes = clientOf<typeof jobs>(transport, base, PATHS.jobs)
  const submitBatch: Jobs['submitBatch'] = async (given, options) =>
    (await routes.submitBatch({ jobs: given as BatchInput['jobs'] }, options)).items
  if (!transport.sharesRequests) return { ...routes, submitBatch, wait }
  const shared = new Submissions(transport, `${base}/api/v1/jobs`)
  const submit: Jobs['submit'] = (job, options = {}) => shared.submit(job, options)
  return { ...routes, submit, submitBatch, wait }
}
