import type { Reply } from '../../core/reply.ts'
import type { Event } from '../../core/events/index.ts'
import type { ReplyId, WebhookId } from '../../core/base/ids.ts'
import type { DeliveryOutcome, DeliveryRow, WebhookRow } from '../../core/records/webhook.ts'
import type { Bench } from './bench.ts'
import type { WebhookSaved } from '../../core/events/webhooks.ts'

/** Webhooks for tests of the core. */

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

export const OK: DeliveryOutcome = { status: 200, error: '', retry_after_ms: null }
export const DOWN: DeliveryOutcome = { status: 500, error: 'answered 500', retry_after_ms: null }

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
