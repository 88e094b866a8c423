import type { DeliveryId, ReplyId, WebhookId, WorkflowId } from '../base/ids.ts'
import type { DeliveryOutcome } from '../records/webhook.ts'

/** Creates or changes a webhook. */
export interface WebhookSaved {
  readonly type: 'webhook.saved'
  readonly reply: ReplyId
  readonly webhook: WebhookId
  readonly mode: 'create' | 'update'
  readonly by: string
  /** Checked: this URL may be called. */
  readonly url: string
  readonly description: string
  readonly events: readonly string[]
  readonly workflow: WorkflowId | null
  /** For a new one. */
  readonly secret: string
}

/** A command about an existing webhook. */
export interface WebhookCommand {
  readonly type: 'webhook.enabled' | 'webhook.disabled' | 'webhook.deleted' | 'webhook.pinged'
  readonly reply: ReplyId
  readonly webhook: WebhookId
  readonly by: string
}

/** The outcome of a call. */
export interface DeliveryFinished {
  readonly type: 'delivery.finished'
  readonly webhook: WebhookId
  readonly delivery: DeliveryId
  readonly request: number
  readonly outcome: DeliveryOutcome
}
