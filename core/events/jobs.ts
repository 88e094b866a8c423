import type { JobId, JsonText, KeyId, Millis, ReplyId, RobotId, WorkflowId } from '../base/ids.ts'
import type { DefinitionRow } from '../records/workflow.ts'
import type { Priority, RetrySafety } from '../records/job.ts'

/** A definition that comes with its job, and what that calls itself. */
export interface InlineDefinition {
  readonly id: WorkflowId
  readonly name: string
  readonly definition: DefinitionRow
  /** The `duplicate_key` that jobs of the workflow have which is kept under this id, for when it turns out to be one of them. */
  readonly workflow_duplicate_key?: string | null
}

/** A request for a job, checked and complete. Ids and hashes are made by the shell, and come with the event. */
export interface JobSubmitted {
  readonly type: 'job.submitted'
  readonly reply: ReplyId
  readonly job: JobId
  readonly by: string
  /** What it came with, if there is a limit on how many may come with it; null in the same process. */
  readonly key: KeyId | null
  /** A published workflow, or a definition of the job's own. */
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
  /** Equal for jobs that would do the same: a hash of the workflow, the robot and the parameters. */
  readonly duplicate_key: string | null
  /** Refuse this one while the same is under way, or was submitted a moment ago. */
  readonly check_duplicate: boolean
  /** The same request again gets the same answer: a hash of who asks and of the key that they gave, and of the body. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | null
}

export interface CancelRequested {
  readonly type: 'cancel.requested'
  readonly reply: ReplyId
  readonly job: JobId
  readonly by: string
  readonly reason: string
}

/** A person says that the robot which has been offered a job, and has not answered, has not started it. */
export interface ReleaseRequested {
  readonly type: 'release.requested'
  readonly reply: ReplyId
  readonly job: JobId
  readonly by: string
  /** How they know; may be empty. */
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
  /** What the job ran. It never changes, so it may have been read before. */
  readonly definition: DefinitionRow
}
