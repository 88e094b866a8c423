import type {
  DeliveryId,
  JobId,
  JsonText,
  KeyId,
  Millis,
  ReplyId,
  RobotId,
  ScheduleId,
  SecretHash,
  SocketId,
  WebhookId,
  WorkflowId,
} from './ids.ts'
import type { Priority, RetrySafety } from './job.ts'
import type { MessageId, RobotMessage } from './protocol/message.ts'
import type { Refusal } from './protocol/refusal.ts'
import type { Scope } from './protocol/scope.ts'
import type { ScheduleSpec } from './schedule.ts'
import type { DefinitionRow } from './state.ts'
import type {
  TriggerDeleted,
  TriggerFired,
  TriggerRead,
  TriggerSaved,
  TriggerSwitched,
  WebhookReceived,
  WorkflowCalled,
} from './trigger-event.ts'
import type { DeliveryOutcome } from './webhook.ts'
import type { SocketOpened } from './socket.ts'

/** A definition that comes with its job, and what that calls itself. */
export interface InlineDefinition {
  readonly id: WorkflowId
  readonly name: string
  readonly definition: DefinitionRow
  /** The `duplicateKey` that jobs of the workflow have which is kept under this id, for when it turns out to be one of them. */
  readonly workflowDuplicateKey?: string | null
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
  readonly requiredTags: readonly string[]
  readonly requiredCapabilities: readonly string[]
  readonly scheduledTime: Millis | null
  readonly timeoutMs: Millis | null
  readonly retrySafety: RetrySafety
  readonly pool: string | null
  readonly maxAttempts: number
  readonly retryOn: readonly string[]
  readonly concurrencyKey: string | null
  readonly concurrencyLimit: number
  /** Equal for jobs that would do the same: a hash of the workflow, the robot and the parameters. */
  readonly duplicateKey: string | null
  /** Refuse this one while the same is under way, or was submitted a moment ago. */
  readonly checkDuplicate: boolean
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
  readonly newJob: JobId
  readonly by: string
  /** As of a submission. */
  readonly key: KeyId | null
  /** What the job ran. It never changes, so it may have been read before. */
  readonly definition: DefinitionRow
}

export interface ControlRequested {
  readonly type: 'control.requested'
  readonly reply: ReplyId
  readonly robot: RobotId
  readonly control: 'pause' | 'resume' | 'shutdown'
  /** For a shutdown: whether running jobs may end. */
  readonly graceful: boolean
}

export interface RobotSaved {
  readonly type: 'robot.saved'
  readonly reply: ReplyId
  readonly robot: RobotId
  /** `create`: the id must be new. `update`: it must exist. `upsert`: either. */
  readonly mode: 'create' | 'update' | 'upsert'
  readonly name: string
  readonly environment: string
  readonly maxConcurrentJobs: number
  readonly tags: readonly string[]
  readonly capabilities: Readonly<Record<string, unknown>>
}

export interface PoolSaved {
  readonly type: 'pool.saved'
  readonly reply: ReplyId
  readonly name: string
  readonly tags: readonly string[]
  readonly maxConcurrent: number | null
  readonly workflows: readonly WorkflowId[]
}

export interface WorkflowSaved {
  readonly type: 'workflow.saved'
  readonly reply: ReplyId
  readonly workflow: WorkflowId
  /** `create`: the id must be new. `update`: it must exist. */
  readonly mode: 'create' | 'update'
  readonly by: string
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  readonly maxConcurrent: number | null
  readonly definition: DefinitionRow
}

export interface ScheduleSaved {
  readonly type: 'schedule.saved'
  readonly reply: ReplyId
  readonly schedule: ScheduleId
  /** `create`: the id is new. `update`: it must exist. */
  readonly mode: 'create' | 'update'
  readonly by: string
  /** Checked: the pattern can be read, the zone is known, and an end comes after the start. */
  readonly spec: ScheduleSpec
  /** What the workflow is called in the schedule; null: as it is called. */
  readonly workflowName: string | null
  /** null: as it was; a new one is enabled. */
  readonly enabled: boolean | null
}

export interface ScheduleSwitched {
  readonly type: 'schedule.switched'
  readonly reply: ReplyId
  readonly schedule: ScheduleId
  readonly enabled: boolean
  /** Why it is disabled. */
  readonly note: string
}

export interface ScheduleTriggered {
  readonly type: 'schedule.triggered'
  readonly reply: ReplyId
  readonly schedule: ScheduleId
  readonly job: JobId
  readonly by: string
  /** As of a submission. */
  readonly key: KeyId | null
}

export interface KeyCreated {
  readonly type: 'key.created'
  readonly reply: ReplyId
  readonly key: KeyId
  readonly name: string
  readonly secret: SecretHash
  readonly scopes: readonly Scope[]
  readonly robot: RobotId | null
}

/** Somebody wants to be told of what happens, or to be told otherwise. */
export interface WebhookSaved {
  readonly type: 'webhook.saved'
  readonly reply: ReplyId
  readonly webhook: WebhookId
  readonly mode: 'create' | 'update'
  readonly by: string
  /** It has been seen that it may be called. */
  readonly url: string
  readonly description: string
  readonly events: readonly string[]
  readonly workflow: WorkflowId | null
  /** For one that is new. */
  readonly secret: string
}

/** What may be asked of a webhook that is there. */
export interface WebhookCommand {
  readonly type: 'webhook.enabled' | 'webhook.disabled' | 'webhook.deleted' | 'webhook.pinged'
  readonly reply: ReplyId
  readonly webhook: WebhookId
  readonly by: string
}

/** What became of a call. */
export interface DeliveryFinished {
  readonly type: 'delivery.finished'
  readonly webhook: WebhookId
  readonly delivery: DeliveryId
  readonly request: number
  readonly outcome: DeliveryOutcome
}

/** Everything that can happen. What is done about it is the table in `step.ts`. */
export type Event =
  | JobSubmitted
  | CancelRequested
  | ReleaseRequested
  | RetryRequested
  | ControlRequested
  | RobotSaved
  | PoolSaved
  | { readonly type: 'status.requested'; readonly reply: ReplyId; readonly robot: RobotId }
  | WebhookReceived
  | WorkflowSaved
  | { readonly type: 'workflow.published'; readonly reply: ReplyId; readonly workflow: WorkflowId }
  | TriggerSaved
  | WorkflowCalled
  | TriggerFired
  | TriggerSwitched
  | TriggerDeleted
  | TriggerRead
  | ScheduleSaved
  | ScheduleSwitched
  | ScheduleTriggered
  | { readonly type: 'schedule.deleted'; readonly reply: ReplyId; readonly schedule: ScheduleId }
  | KeyCreated
  | { readonly type: 'key.revoked'; readonly reply: ReplyId; readonly key: KeyId }
  | SocketOpened
  /** It has said too much without having registered, and nothing of it is read any more. */
  | { readonly type: 'socket.flooded'; readonly socket: SocketId }
  | { readonly type: 'socket.closed'; readonly socket: SocketId }
  | {
    readonly type: 'robot.message'
    readonly socket: SocketId
    readonly message: RobotMessage
    /** How long the frame was, as UTF-8. */
    readonly bytes: number
    /** The hash of the token in a `register`. */
    readonly credential: SecretHash | null
    /** What is said of its wrong key, where its address has shown too many. */
    readonly wrongKeyRefusal?: Refusal
  }
  | {
    /** A frame that is no message. */
    readonly type: 'robot.malformed'
    readonly socket: SocketId
    /** As in `robot.message`. */
    readonly bytes: number
    readonly refusal: Refusal
    readonly id: MessageId | undefined
  }
  | WebhookSaved
  | WebhookCommand
  | {
    readonly type: 'webhook.rotated'
    readonly reply: ReplyId
    readonly webhook: WebhookId
    readonly secret: string
  }
  | {
    readonly type: 'delivery.replayed'
    readonly reply: ReplyId
    readonly webhook: WebhookId
    readonly delivery: DeliveryId
  }
  | DeliveryFinished
  | { readonly type: 'drain' }
  /** The clock was set by so much, and the turn is at the instant that it shows now. It has a turn to itself. */
  | { readonly type: 'clock.set'; readonly by: Millis }
  /** The alarm has rung. `until`: deadlines up to here are judged; left out: up to the instant of the turn. */
  | { readonly type: 'tick'; readonly until?: Millis }
