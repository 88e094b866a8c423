import type { Effects } from '../../core/turn.ts'
import type { WebhookId } from '../../core/base/ids.ts'
import type { DeliveryRow } from '../../core/records/webhook.ts'
import type { DeliveryPageRequest } from '../../core/prefetch.ts'
import { DELIVERY_PAGE } from '../../core/settings.ts'

/** The behaviour of a store for deliveries, for tests of the core. */

/** The pending deliveries of one webhook, in the order in which they are due. */
function pendingOf({ rows }: Effects, webhook: WebhookId): DeliveryRow[] {
  return [...rows.deliveries.values()].filter((delivery) =>
    delivery.webhook_id === webhook && delivery.next_at !== null
  )
    .sort((a, b) => (a.next_at ?? 0) - (b.next_at ?? 0) || a.seq - b.seq)
}

export function pagesOf(disk: Effects, pages: readonly DeliveryPageRequest[]): Map<WebhookId, readonly DeliveryRow[]> {
  return new Map(pages.map(({ webhook, at, seq }) => {
    const behind = pendingOf(disk, webhook)
      .filter((delivery) => (delivery.next_at ?? 0) > at || (delivery.next_at === at && delivery.seq > seq))
    return [webhook, behind.slice(0, DELIVERY_PAGE + 1)]
  }))
}

/** The deliveries that are loaded. */
export function firstPending(disk: Effects): DeliveryRow[] {
  return [...disk.rows.webhooks.values()].filter(({ enabled }) => enabled)
    .flatMap((one) => pendingOf(disk, one.id).slice(0, DELIVERY_PAGE + 1))
}

export function deleteWebhooks({ rows }: Effects, ids: ReadonlySet<WebhookId>): void {
  for (const webhook of ids) rows.webhooks.delete(webhook)
  for (const delivery of rows.deliveries.values()) if (ids.has(delivery.webhook_id)) rows.deliveries.delete(delivery.id)
}
