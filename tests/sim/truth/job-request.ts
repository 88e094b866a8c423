import type { JobId, TriggerId } from '../../../core/base/ids.ts'
import type { JobSubmission } from '../../../core/events/jobs.ts'

/** The request of a client: all fields of a submission, or those that a webhook determines. */
export interface JobRequest {
  readonly job: JobId
  readonly trigger: TriggerId | null
  readonly submission: JobSubmission | null
  /** The job that it is to repeat, and whether that is to be dealt with by it. */
  readonly retryOf: { readonly job: JobId; readonly mode: 'retry' | 'requeue' } | null
  /** The sender's id of this delivery. */
  readonly delivery?: string | undefined
}
