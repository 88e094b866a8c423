import type { DeliveryId, JsonText, Millis, WebhookId, WorkflowId } from '../base/ids.ts'

/** Somebody who wants to be told of what happens, and where. */
export interface WebhookRow {
  readonly id: WebhookId
  readonly url: string
  readonly description: string
  /** Names of events, families as `job.*`, or `*`. */
  readonly events: readonly string[]
  /** Only what is about this workflow; null: everything. */
  readonly workflow_id: WorkflowId | null
  /** What requests are signed with. Kept as it is, since a hash signs nothing. */
  readonly secret: string
  /** The one before, with which they are signed too until then, so that a receiver can change over in its own time. */
  readonly former_secret: string | null
  readonly former_until: Millis | null
  readonly enabled: boolean
  /** Why it is not enabled, in words for people; empty while it is. */
  readonly disabled_reason: string
  /** Since when every try has failed; null: the last one did not. */
  readonly failing_since: Millis | null
  readonly created_by: string
  readonly created_at: Millis
}

/** `pending` until it has been delivered, or has been given up: then it is `failed`, which is the list of dead letters. */
export const DELIVERY_STATUSES = ['pending', 'delivered', 'failed'] as const
export type DeliveryStatus = (typeof DELIVERY_STATUSES)[number]

/** One thing that one webhook is told: written in the turn in which it happens, so that it cannot be lost. */
export interface DeliveryRow {
  readonly id: DeliveryId
  readonly webhook_id: WebhookId
  readonly seq: number
  readonly event: WebhookEvent | typeof PING
  /** The body, made when it happened: it tells what was then, and is the same each time. */
  readonly payload: JsonText
  readonly created_at: Millis
  readonly status: DeliveryStatus
  /** How often it has been tried since it was made, or replayed. */
  readonly attempt: number
  /** When it is tried next; null once it has been delivered or given up. */
  readonly next_at: Millis | null
  /** What the last try was answered with; null: nothing came back, or nothing has been tried. */
  readonly status_code: number | null
  /** What was wrong with the last try; empty when nothing was. */
  readonly error: string
  readonly delivered_at: Millis | null
}

/** Of a delivery that is to be sent, and has not been tried since it was said so. */
export function newDelivery(
  now: Millis,
): Pick<DeliveryRow, 'status' | 'attempt' | 'next_at' | 'status_code' | 'error' | 'delivered_at'> {
  return { status: 'pending', attempt: 0, next_at: now, status_code: null, error: '', delivered_at: null }
}

/** What became of one try. */
export interface DeliveryOutcome {
  /** null: there was no answer. */
  readonly status: number | null
  /** What was wrong, in words for people; empty for an answer of success. */
  readonly error: string
  /** How long the receiver asks to be left alone. */
  readonly retry_after_ms: Millis | null
}

/** Who is told of what. Made anew when a webhook changes, so that an event for which nobody listens costs one look. */
export function listenersOf(webhooks: Iterable<WebhookRow>): Map<WebhookEvent, readonly WebhookRow[]> {
  const enabled = [...webhooks].filter((webhook) => webhook.enabled)
  return new Map(WEBHOOK_EVENTS.flatMap((name) => {
    const listening = enabled.filter(({ events }) => matches(events, name))
    return listening.length === 0 ? [] : [[name, listening]]
  }))
}

/** What webhooks may be told of. Another kind of event is one more line here, and one call of `emit`. */
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

/** What a webhook is told when somebody asks for a test, whatever it listens to. */
export const PING = 'webhook.ping'

/** What a webhook may ask for: everything, a family as `job.*`, or one kind by its name. */
export const EVENT_PATTERNS: readonly string[] = [
  '*',
  ...new Set(WEBHOOK_EVENTS.map((name) => `${name.split('.')[0]}.*`)),
  ...WEBHOOK_EVENTS,
]

/** Whether somebody who asked for these is told of this. */
export function matches(patterns: readonly string[], name: WebhookEvent): boolean {
  return patterns.some((pattern) =>
    pattern === '*' || pattern === name || (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1)))
  )
}
