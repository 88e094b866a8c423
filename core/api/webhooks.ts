import * as v from 'valibot'
import { Delivery, DELIVERY_STATUSES, EVENT_PATTERNS, Webhook } from '../records/webhook.ts'
import { count } from '../records/fields.ts'
import { time, type ViewOf } from '../records/record.ts'
import { PATHS } from './paths.ts'
import { oneOfWords, page, PageQuery } from './query.ts'
import { textField, workflowIdField } from './fields.ts'
import { contract, pageOf } from './route.ts'

export const NewWebhook = v.strictObject({
  url: v.pipe(v.string(), v.maxLength(2_000)),
  /** Names of events, families as `job.*`, or `*`. */
  events: v.pipe(
    v.array(v.picklist(EVENT_PATTERNS, `must be one of ${EVENT_PATTERNS.join(', ')}`)),
    v.minLength(1),
    v.maxLength(EVENT_PATTERNS.length),
  ),
  /** Only what is about this workflow. */
  workflow_id: v.nullish(workflowIdField, null),
  description: v.optional(textField, ''),
})
export type NewWebhook = v.InferOutput<typeof NewWebhook>

/** A webhook, without its secret. */
export type WebhookView = ViewOf<typeof Webhook>

/** One webhook, with what it has still to be sent. */
const WebhookDetailView = v.strictObject({
  ...Webhook.view.entries,
  /** Deliveries that are still to be sent: up to 10,000 are counted. */
  pending: count,
  /** The creation of the oldest of these. */
  oldest_pending_at: v.nullable(time),
})
export type WebhookDetail = Readonly<v.InferOutput<typeof WebhookDetailView>>

/** One event for one webhook. */
export type DeliveryView = ViewOf<typeof Delivery>

/** A webhook that was made, or given another secret, just now: the secret is shown this once. */
export const NewWebhookView = v.strictObject({ ...Webhook.view.entries, secret: v.string() })
export type NewWebhookView = v.InferOutput<typeof NewWebhookView>

const scope = 'admin'

/** `/api/v1/webhooks`: calls to other systems when something happens here. */
export const webhooks = contract(PATHS.webhooks, {
  create: {
    scope,
    summary: '`{url, events, workflow_id?, description?}`: below; the secret is in this answer only',
    body: NewWebhook,
    answer: NewWebhookView,
    status: 201,
    location: 'webhooks',
  },
  list: { scope, summary: 'Every webhook, the oldest first', query: PageQuery, answer: pageOf(Webhook.view) },
  get: {
    scope,
    summary:
      'One webhook, without its secret; `pending` deliveries are still to be sent (up to 10,000 are counted), the oldest of `oldest_pending_at`',
    answer: WebhookDetailView,
    tagged: true,
  },
  update: { scope, summary: 'Replaces URL, events, workflow and description', body: NewWebhook, answer: Webhook.view },
  delete: { scope, summary: 'Deletes the webhook with all its deliveries, pending ones too', answer: Webhook.view },
  enable: { scope, summary: 'Enables it. Deliveries that were pending before are sent first', answer: Webhook.view },
  disable: { scope, summary: 'Disables it: nothing more is sent', answer: Webhook.view },
  test: { scope, summary: 'Sends a `webhook.ping`', answer: Delivery.view, status: 202 },
  rotate: {
    scope,
    summary: 'Makes another secret, in this answer only. For a day requests are signed with the former one too',
    answer: NewWebhookView,
  },
  deliveries: {
    scope,
    summary: 'Its deliveries, the newest first; `status` is `pending`, `delivered` or `failed`',
    query: v.strictObject({ status: v.optional(oneOfWords(DELIVERY_STATUSES)), ...page }),
    answer: pageOf(Delivery.view),
  },
  delivery: { scope, summary: 'One delivery, with its body', answer: Delivery.view, tagged: true },
  replay: { scope, summary: 'Sends a delivery once more, under the same id', answer: Delivery.view, status: 202 },
})
