import type { JobDetail, jobs, JobSummary, Submission } from '../core/api/jobs.ts'
import { PATHS } from '../core/api/paths.ts'
import type { InputOf } from '../core/api/route.ts'
import { type ClientOf, clientOf, type OptionsOf } from './routes.ts'
import { type CallOptions, pause, type Transport } from './transport.ts'

/** A job to submit. Only `workflow_id` is needed, or `workflow_json` and a `workflow_name`. */
export type NewJob = InputOf<typeof Submission>

export type JobStatus = JobSummary['status']

/** Filters of a list of jobs. A field that is left out does not filter. */
export type JobQuery = OptionsOf<typeof jobs.list>

export type SubmitOptions = OptionsOf<typeof jobs.submit>

/** Jobs: submit, follow, cancel, retry. */
export type Jobs = ClientOf<typeof jobs> & {
  /**
   * Resolves with the job once it has ended, successfully or not. Polls at growing intervals of at most 2 s. Once the
   * orchestrator has answered this client, waiting continues through a restart of it.
   */
  wait(id: string, options?: CallOptions): Promise<JobDetail>
}

/** The first and the longest pause between two polls of a job that is waited for. */
const POLL_MS = 100
const POLL_MS_MAX = 2_000

/** Makes the methods for jobs. `base` is what stands before `/api`. */
export function jobsOf(transport: Transport, base: string): Jobs {
  const wait = async (id: string, options: CallOptions = {}): Promise<JobDetail> => {
    const path = `${base}/api/v1/jobs/${encodeURIComponent(id)}`
    for (let ms = POLL_MS;; ms = Math.min(POLL_MS_MAX, ms * 1.5)) {
      const patient = transport.hasAnswered
      const job = await transport.send<JobDetail>('GET', path, { ...options, patient })
      if (job.completed_at !== null) return job
      await pause(ms, options.signal)
    }
  }
  return { ...clientOf<typeof jobs>(transport, base, PATHS.jobs), wait }
}
