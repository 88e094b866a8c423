import type { JobId, JsonText, KeyId, Millis, ReplyId, RobotId, WorkflowId } from '../base/ids.ts'
import type { DefinitionRow } from '../records/workflow.ts'
import type { Priority, RetrySafety } from '../records/job.ts'

/** A definition submitted with its job, and its own id and name. */
export interface InlineDefinition {
  readonly id: WorkflowId
  readonly name: string
  readonly definition: DefinitionRow
  /**
   * The `duplicate_key` of a job of the stored workflow with this id, in case the definition equals the published one.
   */
  readonly workflow_duplicate_key?: string | null
}

/** A valid request for a job. The shell has made ids and hashes. */
export interface JobSubmission {
  readonly job: JobId
  readonly by: string
  /** The key whose submission limit it counts for; null from the same process. */
  readonly key: KeyId | null
  /** A published workflow, or a definition submitted with the job. */
  readonly workflow: WorkflowId | InlineDefinition
  readonly parameters: JsonText
  readonly priority: Priority
  readonly robot: RobotId | null
  readonly environment: string
  readonly required_tags: readonly string[]
  readonly required_capabilities: readonly string[]
  readonly scheduled_time: Millis | null
  readonly timeout_ms: Millis | null
  readonly retry_safety: RetrySafety
  readonly pool: string | null
  readonly max_attempts: number
  readonly retry_on: readonly string[]
  readonly concurrency_key: string | null
  readonly concurrency_limit: number
  /**
   * Equal for jobs that would do the same: a hash of workflow, robot and parameters. null: it is not asked for, and later
   * ones are no duplicates of this one.
   */
  readonly duplicate_key: string | null
  /** Refuse this job while an equal one is live, or was submitted recently. */
  readonly check_duplicate: boolean
  /**
   * Makes a repeated request get the same answer: a hash of the caller and its idempotency key, and one of the body.
   */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
}

/** A request for one job. */
export interface JobSubmitted extends JobSubmission {
  readonly type: 'job.submitted'
  readonly reply: ReplyId
}

/** A request for several jobs. Each is accepted or refused by itself, as if they had come one after another. */
export interface BatchSubmitted {
  readonly type: 'batch.submitted'
  readonly reply: ReplyId
  readonly submissions: readonly JobSubmission[]
}

export interface CancelRequested {
  readonly type: 'cancel.requested'
  readonly reply: ReplyId
  readonly job: JobId
  readonly by: string
  readonly reason: string
}

/** A user declares that the robot which was offered a job, and has not answered, has not started it. */
export interface ReleaseRequested {
  readonly type: 'release.requested'
  readonly reply: ReplyId
  readonly job: JobId
  readonly by: string
  /** The user's reason; may be empty. */
  readonly reason: string
}

export interface RetryRequested {
  readonly type: 'retry.requested'
  readonly reply: ReplyId
  readonly job: JobId
  readonly mode: 'retry' | 'requeue'
  readonly new_job: JobId
  readonly by: string
  /** As of a submission. */
  readonly key: KeyId | null
  /** The definition of the job. It never changes, so it can be read beforehand. */
  readonly definition: DefinitionRow
}
