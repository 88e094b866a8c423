import type { Effects, Reply } from '../../core/turn.ts'
import type { Event } from '../../core/events/index.ts'
import type { ReplyId, WebhookId } from '../../core/base/ids.ts'
import { DELIVERY_PAGE } from '../../core/settings.ts'
import type { DeliveryOutcome, DeliveryRow, WebhookRow } from '../../core/records/webhook.ts'
import type { Bench } from './bench.ts'
import type { WebhookSaved } from '../../core/events/webhooks.ts'
import type { DeliveryPageRequest } from '../../core/prefetch.ts'

/** Webhooks for tests of the core, and what a store would find of what they are told. */

export const reply = 'reply' as ReplyId
export const id = 'hook' as WebhookId
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

export function hook(over: Partial<WebhookSaved> = {}): Event {
  return {
    type: 'webhook.saved',
    reply,
    webhook: id,
    mode: 'create',
    by: 'admin',
    url: 'https://example.com/hook',
    description: '',
    events: ['*'],
    workflow: null,
    secret: 'whsec_one',
    ...over,
  }
}

export function ask(type: 'enabled' | 'disabled' | 'deleted' | 'pinged', webhook = id): Event {
  return { type: `webhook.${type}`, reply, webhook, by: 'admin' }
}

export const OK: DeliveryOutcome = { status: 200, error: '', retryAfterMs: null }
export const DOWN: DeliveryOutcome = { status: 500, error: 'answered 500', retryAfterMs: null }

/** Reports the oldest call that nobody has reported yet. */
export function report(fleet: Bench, outcome: DeliveryOutcome): Event {
  const call = fleet.calls.shift()
  if (call === undefined) throw new Error('no call has been made')
  return { type: 'delivery.finished', webhook: call.webhook, delivery: call.delivery, request: call.request, outcome }
}

/** Lets time pass, and answers every call at once. */
export function answerAll(fleet: Bench, outcome: DeliveryOutcome, ms: number): void {
  for (let left = ms; left >= 0; left -= 1_000) {
    while (fleet.calls.length > 0) fleet.turn(report(fleet, outcome))
    fleet.pass(1_000)
  }
}

export function deliveries(fleet: Bench): readonly DeliveryRow[] {
  return [...fleet.disk.rows.deliveries.values()]
}

export const emitted = (fleet: Bench): readonly string[] => deliveries(fleet).map(({ event }) => event)
export const row = (fleet: Bench): WebhookRow => fleet.disk.rows.webhooks.get(id) as WebhookRow
export const refusalIn = ([answer]: readonly Reply[]) =>
  answer?.type === 'refusal' ? answer.refusal.refused : answer?.type

/** What one webhook is still to be told, in the order in which it is due. */
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

/** Those that are loaded. */
export function firstPending(disk: Effects): DeliveryRow[] {
  return [...disk.rows.webhooks.values()].filter(({ enabled }) => enabled)
    .flatMap((one) => pendingOf(disk, one.id).slice(0, DELIVERY_PAGE + 1))
}

export function deleteWebhooks({ rows }: Effects, ids: ReadonlySet<WebhookId>): void {
  for (const webhook of ids) rows.webhooks.delete(webhook)
  for (const delivery of rows.deliveries.values()) if (ids.has(delivery.webhook_id)) rows.deliveries.delete(delivery.id)
}
