import type { DeliveryId, ReplyId, WebhookId, WorkflowId } from '../base/ids.ts'
import type { DeliveryOutcome } from '../records/webhook.ts'

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
