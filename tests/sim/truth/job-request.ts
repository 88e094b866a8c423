import type { JobId, TriggerId } from '../../../core/base/ids.ts'
import type { JobSubmitted } from '../../../core/events/jobs.ts'

/** What a client asked for: all fields of a submission, or those that a webhook settles. */
export interface JobRequest {
  readonly job: JobId
  readonly trigger: TriggerId | null
  readonly submission: Omit<JobSubmitted, 'type' | 'reply'> | null
  /** The job that it is to repeat, and whether that is to be dealt with by it. */
  readonly retryOf: { readonly job: JobId; readonly mode: 'retry' | 'requeue' } | null
  /** What the sender of a webhook calls this delivery. */
  readonly delivery?: string | undefined
}
