import type { DeliveryId, Millis, WebhookId, WorkflowId } from '../base/ids.ts'
import { count, flag, id, list, oneOf, text } from './fields.ts'
import { column, hidden, instant, jsonText, key, record, type RowOf } from './record.ts'

/** The events that webhooks can subscribe to. A new one is one more line here, and one call of `emit`. */
const WEBHOOK_EVENTS = [
  'job.created',
  'job.queued',
  'job.started',
  'job.completed',
  'job.failed',
  'job.cancelled',
  'job.timeout',
  'job.dead_lettered',
  'robot.online',
  'robot.offline',
  'schedule.fired',
  'schedule.skipped',
  'trigger.fired',
  'trigger.skipped',
  'webhook.disabled',
] as const

export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number]

/** The event of a test delivery, which every webhook gets on request. */
export const PING = 'webhook.ping'

/** `pending` until it has been delivered, or has been given up: then it is `failed`, which is the list of dead letters. */
export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

/** An outgoing webhook: which events are sent, and where to. */
export const Webhook = record('webhooks', {
  id: key(id<WebhookId>()),
  url: column('text', text),
  description: column('text', text),
  /** Names of events, families as `job.*`, or `*`. */
  events: column('json', list(text)),
  /** Only what is about this workflow; null: everything. */
  workflow_id: column('text?', id<WorkflowId>()),
  /** The secret that signs requests. Stored in plain, since a hash cannot sign. */
  secret: hidden<string, 'text'>('text'),
  /** The one before. Until `former_secret_until` it signs them too, so that a receiver can change over in its own time. */
  former_secret: hidden<string, 'text?'>('text?'),
  enabled: column('flag', flag),
  /** The reason why it is disabled, for people; empty while it is enabled. */
  disabled_reason: column('text', text),
  /** Since when every try has failed; null: the last one did not. */
  failing_since: instant('int?'),
  /** Until when requests are signed with the secret before the last change too. */
  former_secret_until: instant('int?'),
  created_by: column('text', text),
  created_at: instant('int'),
})
export interface WebhookRow extends RowOf<typeof Webhook> {}

/** One event for one webhook: written in the turn in which it happens, so that it cannot be lost. */
export const Delivery = record('deliveries', {
  id: key(id<DeliveryId>()),
  webhook_id: column('text', id<WebhookId>()),
  seq: hidden<number, 'int'>('int'),
  event: column('text', oneOf([...WEBHOOK_EVENTS, PING])),
  status: column('text', oneOf(DELIVERY_STATUSES)),
  /** The number of tries since it was made, or replayed. */
  attempt: column('int', count),
  /** The status of the last answer; null: nothing came back, or nothing has been tried. */
  status_code: column('int?', count),
  /** The error of the last try; empty if there was none. */
  error: column('text', text),
  /** The body, made when it happened: it shows what was then, and is the same each time. */
  payload: jsonText('text'),
  created_at: instant('int'),
  /** The instant of the next try; null once it was delivered or given up. */
  next_at: instant('int?'),
  delivered_at: instant('int?'),
})
export interface DeliveryRow extends RowOf<typeof Delivery> {}

/** The initial state of a delivery, also after a replay. */
export function newDelivery(
  now: Millis,
): Pick<DeliveryRow, 'status' | 'attempt' | 'next_at' | 'status_code' | 'error' | 'delivered_at'> {
  return { status: 'pending', attempt: 0, next_at: now, status_code: null, error: '', delivered_at: null }
}

/** The outcome of one try. */
export interface DeliveryOutcome {
  /** null: there was no answer. */
  readonly status: number | null
  /** The error, for people; empty after a success. */
  readonly error: string
  /** The time after which the receiver wants the next try. */
  readonly retry_after_ms: Millis | null
}

/**
 * The webhooks subscribed to each event. Rebuilt when a webhook changes, so that an event without subscribers costs one
 * look-up.
 */
export function listenersOf(webhooks: Iterable<WebhookRow>): Map<WebhookEvent, readonly WebhookRow[]> {
  const enabled = [...webhooks].filter((webhook) => webhook.enabled)
  return new Map(WEBHOOK_EVENTS.flatMap((name) => {
    const listening = enabled.filter(({ events }) => matches(events, name))
    return listening.length === 0 ? [] : [[name, listening]]
  }))
}

/** The patterns of a subscription: everything, a group such as `job.*`, or one event by its name. */
export const EVENT_PATTERNS: readonly string[] = [
  '*',
  ...new Set(WEBHOOK_EVENTS.map((name) => `${name.split('.')[0]}.*`)),
  ...WEBHOOK_EVENTS,
]

/** True if a subscription includes the event. */
export function matches(patterns: readonly string[], name: WebhookEvent): boolean {
  return patterns.some((pattern) =>
    pattern === '*' || pattern === name || (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1)))
  )
}
