import { type NewWebhook, webhooks } from '../../../core/api/webhooks.ts'
import { instantText } from '../../../core/base/instant.ts'
import type { DeliveryId, WebhookId } from '../../../core/base/ids.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../../../core/base/refusal.ts'
import type { ReplyTo } from '../../../core/reply.ts'
import { Delivery, Webhook } from '../../../core/records/webhook.ts'
import { problemWithUrl } from '../../../outgoing/address.ts'
import { newStandardSecret } from '../../crypto/secrets.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { handlers, pageOfRows } from '../kit/serve.ts'

export const webhookHandlers = handlers(webhooks, {
  create: async ({ fleet, send, body, key }) => {
    const problem = urlRefusal(fleet, body)
    if (problem !== null) return problem
    const webhook = fleet.platform.rowId() as WebhookId
    return shownWithSecret(
      await send({ ...saved(body), mode: 'create', webhook, secret: newStandardSecret(), by: key.name }),
    )
  },
  update: async ({ fleet, send, body, key, id }) => {
    const problem = urlRefusal(fleet, body)
    if (problem !== null) return problem
    return shown(await send({ ...saved(body), mode: 'update', webhook: id as WebhookId, secret: '', by: key.name }))
  },
  list: async ({ fleet, page }) => pageOfRows(await fleet.queries.webhooks(page), Webhook.show),
  get: async ({ fleet, id }) => {
    const webhook = await fleet.queries.webhook(id as WebhookId)
    if (webhook === undefined) return notFound('Webhook', id)
    const { pending, oldestAt } = await fleet.queries.backlog(webhook.id)
    return { ...Webhook.show(webhook), pending, oldest_pending_at: oldestAt === null ? null : instantText(oldestAt) }
  },
  delete: async ({ send, id, key }) =>
    shown(await send({ type: 'webhook.deleted', webhook: id as WebhookId, by: key.name })),
  enable: async ({ send, id, key }) =>
    shown(await send({ type: 'webhook.enabled', webhook: id as WebhookId, by: key.name })),
  disable: async ({ send, id, key }) =>
    shown(await send({ type: 'webhook.disabled', webhook: id as WebhookId, by: key.name })),
  test: async ({ send, id, key }) =>
    shownDelivery(await send({ type: 'webhook.pinged', webhook: id as WebhookId, by: key.name })),
  // Shown this once. It is kept, because a hash signs nothing.
  rotate: async ({ send, id }) =>
    shownWithSecret(await send({ type: 'webhook.rotated', webhook: id as WebhookId, secret: newStandardSecret() })),
  deliveries: async ({ fleet, id, page, query: { status } }) => {
    const webhook_id = id as WebhookId
    if (await fleet.queries.webhook(webhook_id) === undefined) return notFound('Webhook', id)
    return pageOfRows(await fleet.queries.deliveries({ ...page, webhook_id, status }), Delivery.show)
  },
  delivery: async ({ fleet, id, delivery }) => {
    const found = await fleet.queries.delivery(delivery as DeliveryId)
    return found?.webhook_id === id ? Delivery.show(found) : notFound('Delivery', delivery)
  },
  replay: async ({ send, id, delivery }) =>
    shownDelivery(
      await send({ type: 'delivery.replayed', webhook: id as WebhookId, delivery: delivery as DeliveryId }),
    ),
})

/** INVALID_PAYLOAD for a URL that may not be called. It is checked again at each call. */
function urlRefusal(fleet: Fleet, { url }: NewWebhook): Refusal | null {
  const problem = problemWithUrl(url, fleet.state.settings.webhooksAllowPrivate)
  return problem === null ? null : refuse('INVALID_PAYLOAD', `Field url: ${problem}`, { fields: ['url'] })
}

function saved({ workflow_id, ...body }: NewWebhook) {
  return { type: 'webhook.saved', ...body, workflow: workflow_id } as const
}

function shown(reply: ReplyTo<'webhook.saved'> | Refusal) {
  return isRefusal(reply) ? reply : Webhook.show(reply.webhook)
}

function shownWithSecret(reply: ReplyTo<'webhook.saved'> | Refusal) {
  return isRefusal(reply) ? reply : { ...Webhook.show(reply.webhook), secret: reply.webhook.secret }
}

function shownDelivery(reply: ReplyTo<'webhook.pinged'> | Refusal) {
  return isRefusal(reply) ? reply : Delivery.show(reply.delivery)
}
