import { ping } from './emit.ts'
import { refuseRequest, reply, type Turn } from '../turn.ts'
import type { ReplyId, WebhookId } from '../base/ids.ts'
import { FORMER_SECRET_MS } from '../settings.ts'
import { deleteWebhook, saveWebhook } from './queue.ts'
import { notFound, type Refusal, refuse } from '../base/refusal.ts'
import type { State } from '../state.ts'
import type { WebhookRow } from '../records/webhook.ts'
import type { WebhookCommand, WebhookSaved } from '../events/webhooks.ts'

/** Commands of users about webhooks. */

/** Creates a webhook, or changes its events or URL. Existing deliveries stay. */
export function webhookSaved(state: State, event: WebhookSaved, turn: Turn): void {
  const before = state.webhooks.get(event.webhook)
  const refusal = refusalOf(state, event, before)
  if (refusal !== null) return refuseRequest(turn, event.reply, refusal)
  const webhook: WebhookRow = {
    id: event.webhook,
    url: event.url,
    description: event.description,
    events: event.events,
    workflow_id: event.workflow,
    secret: before?.secret ?? event.secret,
    former_secret: before?.former_secret ?? null,
    former_secret_until: before?.former_secret_until ?? null,
    enabled: before?.enabled ?? true,
    disabled_reason: before?.disabled_reason ?? '',
    failing_since: before?.failing_since ?? null,
    created_by: before?.created_by ?? event.by,
    created_at: before?.created_at ?? turn.now,
  }
  saveWebhook(state, webhook, turn)
  reply(turn, event.reply, { type: 'webhook', webhook })
}

function refusalOf(state: State, event: WebhookSaved, before: WebhookRow | undefined): Refusal | null {
  if (event.mode === 'update') return before === undefined ? noWebhook(event.webhook) : null
  if (before !== undefined) return refuse('CONFLICT', `Webhook ${event.webhook} exists already`, { fields: ['id'] })
  if (state.webhooks.size < state.settings.webhooksMax) return null
  return refuse('CONFLICT', `This fleet already has ${state.settings.webhooksMax} webhooks`)
}

/**
 * Enables, disables, deletes or tests a webhook. After enabling, deliveries that were pending before are sent first.
 */
export function webhookCommand(state: State, event: WebhookCommand, turn: Turn): void {
  const webhook = state.webhooks.get(event.webhook)
  if (webhook === undefined) return refuseRequest(turn, event.reply, noWebhook(event.webhook))
  switch (event.type) {
    case 'webhook.pinged':
      if (!webhook.enabled) {
        return refuseRequest(
          turn,
          event.reply,
          refuse('CONFLICT', `Webhook ${webhook.id} is disabled: enable it first`),
        )
      }
      return reply(turn, event.reply, { type: 'delivery', delivery: ping(state, webhook, event.by, turn) })
    case 'webhook.deleted':
      deleteWebhook(state, webhook.id, turn)
      return reply(turn, event.reply, { type: 'webhook', webhook })
    case 'webhook.enabled':
      return change(state, { ...webhook, enabled: true, disabled_reason: '', failing_since: null }, event.reply, turn)
    case 'webhook.disabled': {
      const disabled_reason = webhook.enabled ? `Disabled by ${event.by}` : webhook.disabled_reason
      return change(state, { ...webhook, enabled: false, disabled_reason }, event.reply, turn)
    }
  }
}

/** Makes requests be signed with a new secret from now on, and for a day with the former one too. */
export function webhookRotated(
  state: State,
  event: { readonly reply: ReplyId; readonly webhook: WebhookId; readonly secret: string },
  turn: Turn,
): void {
  const webhook = state.webhooks.get(event.webhook)
  if (webhook === undefined) return refuseRequest(turn, event.reply, noWebhook(event.webhook))
  const former_secret_until = turn.now + FORMER_SECRET_MS
  change(
    state,
    { ...webhook, secret: event.secret, former_secret: webhook.secret, former_secret_until },
    event.reply,
    turn,
  )
}

function change(state: State, webhook: WebhookRow, to: ReplyId, turn: Turn): void {
  saveWebhook(state, webhook, turn)
  reply(turn, to, { type: 'webhook', webhook })
}

function noWebhook(id: WebhookId): Refusal {
  return notFound('Webhook', id)
}
