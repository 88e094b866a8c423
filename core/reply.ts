import type { Quota } from './base/sliding-window.ts'
import type { Refusal } from './base/refusal.ts'
import type { Secret } from './base/secret.ts'
import type { Event } from './events/index.ts'
import type { JobRow } from './records/job.ts'
import type { KeyRow } from './records/key.ts'
import type { PoolRow } from './records/pool.ts'
import type { Report, RobotRow } from './records/robot.ts'
import type { ScheduleRow } from './records/schedule.ts'
import type { TriggerRow } from './records/trigger.ts'
import type { DeliveryRow, WebhookRow } from './records/webhook.ts'
import type { WorkflowRow } from './records/workflow.ts'

/**
 * The answer to a request: a row, or a refusal. The adapter formats it. `quota` is the state of the limit that applied,
 * null if none did.
 */
export type Reply =
  | SubmissionReply
  /** An answer for each submission of a batch, in order. */
  | { readonly type: 'batch'; readonly answers: readonly SubmissionReply[]; readonly quota: Quota | null }
  | {
    readonly type: 'fired'
    readonly trigger: TriggerRow
    /** null: no job was made; `skipped` says why. */
    readonly job: JobRow | null
    readonly skipped: string | null
    readonly quota: Quota | null
  }
  | { readonly type: 'workflow'; readonly workflow: WorkflowRow }
  | { readonly type: 'trigger'; readonly trigger: TriggerRow }
  /** `shown`: the secret that was given or made, to be shown this once; null: there is nothing to show. */
  | { readonly type: 'saved_trigger'; readonly trigger: TriggerRow; readonly shown: Secret | null }
  | { readonly type: 'schedule'; readonly schedule: ScheduleRow }
  | { readonly type: 'key'; readonly key: KeyRow }
  | { readonly type: 'pool'; readonly pool: PoolRow }
  | { readonly type: 'robot'; readonly robot: RobotRow }
  | { readonly type: 'status'; readonly robot: RobotRow; readonly report: Report }
  | { readonly type: 'webhook'; readonly webhook: WebhookRow }
  | { readonly type: 'delivery'; readonly delivery: DeliveryRow }

/** The answer to a submission. `replayed`: to an earlier equal one, which has made the job. */
export type SubmissionReply =
  | { readonly type: 'job'; readonly job: JobRow; readonly replayed?: boolean; readonly quota?: Quota | null }
  | { readonly type: 'refusal'; readonly refusal: Refusal; readonly quota?: Quota | null }

/** An event whose sender waits for an answer. */
export type RequestEvent = Extract<Event, { readonly reply: unknown }>

/** The type of the answer to each request, apart from refusals. `ReplyTo` does not compile without all of them. */
interface ReplyTypes {
  readonly 'job.submitted': 'job'
  readonly 'batch.submitted': 'batch'
  readonly 'cancel.requested': 'job'
  readonly 'release.requested': 'job'
  readonly 'retry.requested': 'job'
  readonly 'schedule.triggered': 'job'
  readonly 'webhook.received': 'fired'
  readonly 'workflow.called': 'fired'
  readonly 'trigger.fired': 'fired'
  readonly 'control.requested': 'robot'
  readonly 'robot.saved': 'robot'
  readonly 'status.requested': 'status'
  readonly 'pool.saved': 'pool'
  readonly 'workflow.saved': 'workflow'
  readonly 'workflow.published': 'workflow'
  readonly 'trigger.saved': 'saved_trigger'
  readonly 'trigger.switched': 'trigger'
  readonly 'trigger.deleted': 'trigger'
  readonly 'trigger.read': 'trigger'
  readonly 'schedule.saved': 'schedule'
  readonly 'schedule.switched': 'schedule'
  readonly 'schedule.deleted': 'schedule'
  readonly 'key.created': 'key'
  readonly 'key.revoked': 'key'
  readonly 'webhook.saved': 'webhook'
  readonly 'webhook.enabled': 'webhook'
  readonly 'webhook.disabled': 'webhook'
  readonly 'webhook.deleted': 'webhook'
  readonly 'webhook.rotated': 'webhook'
  readonly 'webhook.pinged': 'delivery'
  readonly 'delivery.replayed': 'delivery'
}

/** The answer to an event of this type, apart from refusals. */
export type ReplyTo<T extends RequestEvent['type']> = Extract<Reply, { readonly type: ReplyTypes[T] }>
