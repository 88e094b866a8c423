import type { JobStatus } from '../records/job.ts'

/** The present state of a call. */
export interface CallView {
  readonly job_id: string | null
  readonly workflow_id: string
  readonly status: JobStatus
  /** True if the job has ended. Otherwise ask again. */
  readonly ended: boolean
  /** The robot's result; `{}` if there is none. */
  readonly result: unknown
  readonly error_type: string
  readonly error_message: string
  readonly parent_job_id: string | null
}
