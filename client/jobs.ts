import type { JobDetail, jobs, JobSummary, Submission } from '../core/api/jobs.ts'
import { PATHS } from '../core/api/paths.ts'
import type { InputOf } from '../core/api/route.ts'
import { type ClientOf, clientOf, type OptionsOf } from './routes.ts'
import { type CallOptions, type Transport, waitFor } from './transport.ts'

/** A job to submit. Only `workflow_id` is needed, or `workflow_json` and a `workflow_name`. */
export type NewJob = InputOf<typeof Submission>

export type JobStatus = JobSummary['status']

/** Filters of a list of jobs. A field that is left out does not filter. */
export type JobQuery = OptionsOf<typeof jobs.list>

export type SubmitOptions = OptionsOf<typeof jobs.submit>

/** Jobs: submit, follow, cancel, retry. */
export type Jobs = ClientOf<typeof jobs> & {
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
  return { ...clientOf<typeof jobs>(transport, base, PATHS.jobs), wait }
}
