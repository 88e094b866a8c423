import type { Effects, WebhookRequest } from '../../../core/turn.ts'
import type { DeliveryId, WebhookId } from '../../../core/base/ids.ts'
import type { DeliveryRow, WebhookRow } from '../../../core/records/webhook.ts'

interface OnDisk {
  readonly webhooks: ReadonlyMap<string, WebhookRow>
  readonly deliveries: ReadonlyMap<string, DeliveryRow>
}

/** Everything that the simulation knows of webhooks: the requests to receivers, and what they really accepted. */
export class WebhookTruth {
  /** The disk as it was found after each commit. */
  rows: ReadonlyMap<WebhookId, WebhookRow> = new Map()
  readonly deliveries = new Map<DeliveryId, DeliveryRow>()
  readonly pending = new Set<DeliveryId>()
  /** The body sent under each id, arrived or not. */
  readonly bodies = new Map<DeliveryId, string>()
  /** The number of calls. */
  readonly calls = new Map<DeliveryId, number>()
  /** Deliveries that receivers accepted and confirmed. */
  readonly accepted = new Set<DeliveryId>()
  readonly replays = new Map<DeliveryId, number>()
  /** The number of starts of the program: after each, calls in flight are repeated. */
  serverStarts = 0

  /** A transaction is on the disk: what it wrote, and what was there before. */
  committed({ rows, deletions, forgetDeliveriesBefore }: Effects, onDisk: OnDisk): WebhookChange {
    const former = this.rows
    const webhooks = rows.webhooks.size + deletions.webhooks.size > 0
    if (webhooks) this.rows = new Map([...onDisk.webhooks.values()].map((webhook) => [webhook.id, webhook]))
    if (deletions.webhooks.size > 0 || forgetDeliveriesBefore !== null) {
      for (const id of this.pending) if (!onDisk.deliveries.has(id)) this.pending.delete(id)
    }
    const deliveries: WebhookChange['deliveries'][number][] = []
    for (const id of rows.deliveries.keys()) {
      const after = onDisk.deliveries.get(id)
      if (after === undefined) continue
      const before = this.deliveries.get(id)
      this.deliveries.set(id, after)
      if (after.next_at === null) this.pending.delete(id)
      else this.pending.add(id)
      deliveries.push({ before, after })
    }
    return { former, changed: webhooks, deliveries }
  }

  /** Adds the initial webhooks. */
  load({ webhooks }: OnDisk): void {
    this.rows = new Map([...webhooks.values()].map((webhook) => [webhook.id, webhook]))
  }

  sent({ delivery, body }: WebhookRequest): void {
    this.bodies.set(delivery, this.bodies.get(delivery) ?? body)
    this.calls.set(delivery, (this.calls.get(delivery) ?? 0) + 1)
  }
}

/** The changes of a transaction to webhooks. */
export interface WebhookChange {
  /** The webhooks as they were before. */
  readonly former: ReadonlyMap<WebhookId, WebhookRow>
  /** True if any of them was written or deleted. */
  readonly changed: boolean
  readonly deliveries: readonly { readonly before: DeliveryRow | undefined; readonly after: DeliveryRow }[]
}
