import type {
  DeliveryId,
  KeyId,
  Millis,
  ReplyId,
  RobotId,
  ScheduleId,
  SecretHash,
  SocketId,
  WebhookId,
  WorkflowId,
} from '../base/ids.ts'
import type { MessageId, RobotMessage } from '../protocol/message.ts'
import type { Refusal } from '../base/refusal.ts'
import type {
  TriggerDeleted,
  TriggerFired,
  TriggerRead,
  TriggerSaved,
  TriggerSwitched,
  WebhookReceived,
  WorkflowCalled,
} from './triggers.ts'
import type { ControlRequested, PoolSaved, RobotSaved, SocketOpened } from './robots.ts'
import type { BatchSubmitted, CancelRequested, JobSubmitted, ReleaseRequested, RetryRequested } from './jobs.ts'
import type { WorkflowSaved } from './workflows.ts'
import type { ScheduleSaved, ScheduleSwitched, ScheduleTriggered } from './schedules.ts'
import type { KeyCreated } from './access.ts'
import type { DeliveryFinished, WebhookCommand, WebhookSaved } from './webhooks.ts'

/** Everything that can happen. `step.ts` has the table of handlers. */
export type Event =
  | JobSubmitted
  | BatchSubmitted
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
  /** It has exceeded the limits before registration; its frames are ignored from now on. */
  | { readonly type: 'socket.flooded'; readonly socket: SocketId }
  | { readonly type: 'socket.closed'; readonly socket: SocketId }
  | {
    readonly type: 'robot.message'
    readonly socket: SocketId
    readonly message: RobotMessage
    /** The length of the frame in bytes of UTF-8. */
    readonly bytes: number
    /** The hash of the token in a `register`. */
    readonly credential: SecretHash | null
    /** The refusal of its wrong key, if its address has sent too many. */
    readonly wrong_key_refusal?: Refusal
  }
  | {
    /** A frame that is not a valid message. */
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
  /** The clock was set by this amount, and the turn has the new time. This event has a turn to itself. */
  | { readonly type: 'clock.set'; readonly by: Millis }
  /**
   * The alarm has fired. `until`: deadlines up to this instant are judged; by default up to the instant of the turn.
   */
  | { readonly type: 'tick'; readonly until?: Millis }

export type On<T extends Event['type']> = Extract<Event, { type: T }>
