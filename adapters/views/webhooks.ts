import { fromText } from '../../core/base/json.ts'
import type { DeliveryView, WebhookView } from '../../core/api/webhook-view.ts'
import type { DeliveryRow, WebhookRow } from '../../core/records/webhook.ts'
import { iso } from './records.ts'

/** A webhook, without its secret. */
export function webhookView(webhook: WebhookRow): WebhookView {
  return {
    id: webhook.id,
    url: webhook.url,
    description: webhook.description,
    events: webhook.events,
    workflow_id: webhook.workflow_id,
    enabled: webhook.enabled,
    disabled_reason: webhook.disabled_reason,
    failing_since: iso(webhook.failing_since),
    former_secret_until: iso(webhook.former_until),
    created_by: webhook.created_by,
    created_at: iso(webhook.created_at),
  }
}

/** What a webhook is told, and what became of it. */
export function deliveryView(delivery: DeliveryRow): DeliveryView {
  return {
    id: delivery.id,
    webhook_id: delivery.webhook_id,
    event: delivery.event,
    status: delivery.status,
    attempt: delivery.attempt,
    status_code: delivery.status_code,
    error: delivery.error,
    payload: fromText(delivery.payload),
    created_at: iso(delivery.created_at),
    next_at: iso(delivery.next_at),
    delivered_at: iso(delivery.delivered_at),
  }
}
