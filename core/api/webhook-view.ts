import type { DeliveryRow, WebhookRow } from '../records/webhook.ts'
import type { Shown, Time } from './view.ts'

/** A webhook, without its secret. */
export interface WebhookView extends
  Shown<
    WebhookRow,
    'id' | 'url' | 'description' | 'events' | 'workflow_id' | 'enabled' | 'disabled_reason' | 'created_by'
  > {
  /** Since when every try has failed; null: the last one did not. */
  readonly failing_since: Time | null
  /** Until when requests are signed with the secret before the last change too. */
  readonly former_secret_until: Time | null
  readonly created_at: Time
}

/** A webhook that was made, or given another secret, just now: it is shown this once. */
export interface NewWebhookView extends WebhookView {
  readonly secret: string
}

/** What one webhook is told of one thing. */
export interface DeliveryView
  extends Shown<DeliveryRow, 'id' | 'webhook_id' | 'event' | 'status' | 'attempt' | 'status_code' | 'error'> {
  /** The body, as it is sent. */
  readonly payload: unknown
  readonly created_at: Time
  /** When it is tried next; null once it has been delivered, or given up. */
  readonly next_at: Time | null
  readonly delivered_at: Time | null
}
