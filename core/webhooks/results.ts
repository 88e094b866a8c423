import { emit } from './emit.ts'
import { refuseRequest, reply, type Turn } from '../turn.ts'
import type { DeliveryId, Millis, ReplyId, WebhookId } from '../base/ids.ts'
import { RETRY_AFTER_MS_MAX } from '../settings.ts'
import { saveDelivery, saveWebhook, takeInFlight } from './queue.ts'
import { cut } from '../base/text.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import type { State } from '../state.ts'
import { type DeliveryOutcome, type DeliveryRow, newDelivery, type WebhookRow } from '../records/webhook.ts'
import type { DeliveryFinished } from '../events/webhooks.ts'

/** The outcomes of deliveries. */

/** The status with which a receiver unsubscribes. */
const GONE = 410

/** Handles the end of a call. Changes nothing if nothing waits for it any more: the delivery is being repeated, or was given up. */
export function deliveryFinished(state: State, event: DeliveryFinished, turn: Turn): void {
  const row = takeInFlight(state, event.webhook, event.delivery, event.request)
  if (row !== undefined) recordOutcome(state, row, event.outcome, turn)
}

/** A call has not ended within the longest time that a call may take. */
export function requestExpired(state: State, id: string, turn: Turn): void {
  const [webhook, delivery] = id.split(' ') as [WebhookId, DeliveryId]
  const row = takeInFlight(state, webhook, delivery)
  if (row !== undefined) {
    recordOutcome(state, row, { status: null, error: 'nothing came back', retry_after_ms: null }, turn)
  }
}

/** Sends a delivery that has ended once more, unchanged and under the same id, so that a receiver recognises it. */
export function deliveryReplayed(
  state: State,
  event: { readonly reply: ReplyId; readonly webhook: WebhookId; readonly delivery: DeliveryId },
  turn: Turn,
): void {
  const row = replayable(state, event.webhook, event.delivery, turn)
  if (isRefusal(row)) return refuseRequest(turn, event.reply, row)
  const again: DeliveryRow = { ...row, ...newDelivery(turn.now) }
  saveDelivery(state, again, turn)
  reply(turn, event.reply, { type: 'delivery', delivery: again })
}

function replayable(state: State, id: WebhookId, delivery: DeliveryId, turn: Turn): DeliveryRow | Refusal {
  const webhook = state.webhooks.get(id)
  const row = turn.out.rows.deliveries.get(delivery) ?? turn.prefetched.deliveries.get(delivery)
  if (webhook === undefined || row?.webhook_id !== id) {
    return refuse('NOT_FOUND', `Webhook ${cut(id, 256)} has no delivery ${cut(delivery, 256)}`)
  }
  if (row.status === 'pending') return refuse('CONFLICT', `Delivery ${row.id} is on its way still`)
  if (!webhook.enabled) return refuse('CONFLICT', `Webhook ${id} is disabled: enable it first`)
  return row
}

/**
 * Records the outcome of a try. Only a success status counts as one; after anything else it is tried again, with
 * growing pauses.
 */
function recordOutcome(
  state: State,
  row: DeliveryRow,
  { status, error, retry_after_ms }: DeliveryOutcome,
  turn: Turn,
): void {
  const webhook = state.webhooks.get(row.webhook_id)
  if (webhook === undefined) return
  const attempted = { ...row, attempt: row.attempt + 1, status_code: status, error }
  if (status !== null && status >= 200 && status < 300) {
    saveDelivery(state, { ...attempted, status: 'delivered', next_at: null, delivered_at: turn.now, error: '' }, turn)
    if (webhook.failing_since !== null) saveWebhook(state, { ...webhook, failing_since: null }, turn)
    return
  }
  const wait = waitAfter(state, attempted.attempt, retry_after_ms)
  const last = wait === null || status === GONE
  saveDelivery(
    state,
    { ...attempted, ...last ? { status: 'failed', next_at: null } : { next_at: turn.now + wait } },
    turn,
  )
  countFailure(state, webhook, status, turn)
}

/**
 * Milliseconds until the next try, minus up to a quarter at random, so that deliveries which failed together do not
 * return together. Null: it is given up.
 */
function waitAfter(state: State, attempt: number, retry_after_ms: Millis | null): Millis | null {
  const wait = state.settings.deliveryBackoffMs[attempt - 1]
  if (wait === undefined) return null
  return Math.max(Math.round(wait * (1 - state.random() / 4)), Math.min(retry_after_ms ?? 0, RETRY_AFTER_MS_MAX))
}

/** Disables a webhook that has unsubscribed at once, and one without a success for a long time. */
function countFailure(state: State, webhook: WebhookRow, status: number | null, turn: Turn): void {
  const failing_since = webhook.failing_since ?? turn.now
  const long = turn.now - failing_since >= state.settings.webhookFailingMs
  if (status !== GONE && !long) {
    if (webhook.failing_since === null) saveWebhook(state, { ...webhook, failing_since }, turn)
    return
  }
  const hours = Math.round((turn.now - failing_since) / 3_600_000)
  const disabled_reason = status === GONE
    ? 'The receiver answered 410 Gone: it wants no more'
    : `Every delivery has failed for ${hours} hours`
  saveWebhook(state, { ...webhook, enabled: false, disabled_reason, failing_since }, turn)
  emit(state, turn, 'webhook.disabled', null, { webhook_id: webhook.id, reason: disabled_reason }, (data) => data)
}
