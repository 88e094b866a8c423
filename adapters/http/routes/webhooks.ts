import { type Context, Hono } from 'hono'
import type { DeliveryId, ReplyId, WebhookId } from '../../../core/base/ids.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../../../core/base/refusal.ts'
import { NewWebhook } from '../../../core/api/request.ts'
import type { NewWebhookView } from '../../../core/api/webhook-view.ts'
import { DELIVERY_STATUSES, type DeliveryStatus, type WebhookRow } from '../../../core/records/webhook.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { newStandardSecret } from '../../crypto/secrets.ts'
import { problemWithUrl } from '../../../outgoing/address.ts'
import { encodeCursor, type HonoEnv, pageQuery, readBody, requireScope } from '../kit/request.ts'
import { locationOf, refused, respond } from '../kit/response.ts'
import { unlessUnchanged } from '../kit/unchanged.ts'
import { deliveryView, webhookView } from '../../views/webhooks.ts'
import type { WebhookSaved } from '../../../core/events/webhooks.ts'

/** `/api/v1/webhooks`: who is told of what happens, and what they were told. What comes in is at `/webhook`. */
export function outgoingWebhookRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  const admin = requireScope(fleet, 'admin')
  app.post('/', admin, (c) => create(fleet, c))
  app.get('/', admin, (c) => list(fleet, c))
  app.get('/:id', admin, unlessUnchanged, (c) => detail(fleet, c))
  app.put('/:id', admin, (c) => update(fleet, c))
  app.delete('/:id', admin, (c) => change(fleet, c, 'deleted'))
  app.post('/:id/enable', admin, (c) => change(fleet, c, 'enabled'))
  app.post('/:id/disable', admin, (c) => change(fleet, c, 'disabled'))
  app.post('/:id/test', admin, (c) => ping(fleet, c))
  app.post('/:id/rotate', admin, (c) => rotate(fleet, c))
  app.get('/:id/deliveries', admin, (c) => deliveries(fleet, c))
  app.get('/:id/deliveries/:delivery', admin, unlessUnchanged, (c) => deliveryOf(fleet, c))
  app.post('/:id/deliveries/:delivery/replay', admin, (c) => replay(fleet, c))
  return app
}

async function create(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const secret = newStandardSecret()
  const event = await readWebhook(c, fleet, { mode: 'create', webhook: fleet.platform.rowId() as WebhookId, secret })
  if (isRefusal(event)) return refused(c, event)
  const answer = await fleet.request((reply) => ({ ...event, reply }))
  // Shown this once. It is kept, because a hash signs nothing.
  return respond(
    c,
    answer,
    'webhook',
    ({ webhook }) => c.json(shown(webhook), 201, locationOf(c, 'webhooks', webhook.id)),
  )
}

async function list(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const query = pageQuery(c)
  if (isRefusal(query)) return refused(c, query)
  const page = await fleet.queries.webhooks(query)
  return c.json({ items: page.items.map(webhookView), next_cursor: encodeCursor(page.next) })
}

async function detail(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const webhook = await fleet.queries.webhook(idOf(c))
  return webhook === undefined ? refused(c, noWebhook(c)) : c.json(webhookView(webhook))
}

async function update(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const event = await readWebhook(c, fleet, { mode: 'update', webhook: idOf(c), secret: '' })
  if (isRefusal(event)) return refused(c, event)
  const answer = await fleet.request((reply) => ({ ...event, reply }))
  return respond(c, answer, 'webhook', ({ webhook }) => c.json(webhookView(webhook)))
}

async function change(fleet: Fleet, c: Context<HonoEnv>, what: 'enabled' | 'disabled' | 'deleted'): Promise<Response> {
  return respond(c, await requestChange(c, fleet, what), 'webhook', ({ webhook }) => c.json(webhookView(webhook)))
}

async function ping(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const answer = await requestChange(c, fleet, 'pinged')
  return respond(c, answer, 'delivery', ({ delivery }) => c.json(deliveryView(delivery), 202))
}

async function rotate(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const secret = newStandardSecret()
  const answer = await fleet.request((reply) => ({ type: 'webhook.rotated', reply, webhook: idOf(c), secret }))
  return respond(c, answer, 'webhook', ({ webhook }) => c.json(shown(webhook)))
}

async function deliveries(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const query = pageQuery(c)
  const status = c.req.query('status')
  if (isRefusal(query)) return refused(c, query)
  if (status !== undefined && !isDeliveryStatus(status)) {
    const message = `status must be one of ${DELIVERY_STATUSES.join(', ')}`
    return refused(c, refuse('INVALID_PAYLOAD', message, { fields: ['status'] }))
  }
  if (await fleet.queries.webhook(idOf(c)) === undefined) return refused(c, noWebhook(c))
  const page = await fleet.queries.deliveries({ ...query, webhook_id: idOf(c), status })
  return c.json({ items: page.items.map(deliveryView), next_cursor: encodeCursor(page.next) })
}

async function deliveryOf(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const id = deliveryIdOf(c)
  const delivery = await fleet.queries.delivery(id)
  return delivery?.webhook_id === idOf(c) ? c.json(deliveryView(delivery)) : refused(c, notFound('Delivery', id))
}

async function replay(fleet: Fleet, c: Context<HonoEnv>): Promise<Response> {
  const replayed = deliveryIdOf(c)
  const answer = await fleet.request((reply) => ({
    type: 'delivery.replayed',
    reply,
    webhook: idOf(c),
    delivery: replayed,
  }))
  return respond(c, answer, 'delivery', ({ delivery }) => c.json(deliveryView(delivery), 202))
}

type WebhookInput = Omit<WebhookSaved, 'reply'>

/** What the body asks for. INVALID_PAYLOAD for a URL that may not be called: it is looked at again at each call. */
async function readWebhook(
  c: Context<HonoEnv>,
  fleet: Fleet,
  to: Pick<WebhookInput, 'mode' | 'webhook' | 'secret'>,
): Promise<WebhookInput | Refusal> {
  const body = await readBody(c, NewWebhook)
  if (isRefusal(body)) return body
  const problem = problemWithUrl(body.url, fleet.state.settings.webhooksAllowPrivate)
  if (problem !== null) return refuse('INVALID_PAYLOAD', `Field url: ${problem}`, { fields: ['url'] })
  return {
    type: 'webhook.saved',
    ...to,
    by: c.var.key.name,
    url: body.url,
    description: body.description,
    events: body.events,
    workflow: body.workflow_id,
  }
}

function requestChange(c: Context<HonoEnv>, fleet: Fleet, what: 'enabled' | 'disabled' | 'deleted' | 'pinged') {
  const event = { type: `webhook.${what}`, webhook: idOf(c), by: c.var.key.name } as const
  return fleet.request((reply: ReplyId) => ({ ...event, reply }))
}

function shown(webhook: WebhookRow): NewWebhookView {
  return { ...webhookView(webhook), secret: webhook.secret }
}

function isDeliveryStatus(text: string): text is DeliveryStatus {
  return (DELIVERY_STATUSES as readonly string[]).includes(text)
}

function idOf(c: Context): WebhookId {
  return c.req.param('id') as WebhookId
}

function deliveryIdOf(c: Context): DeliveryId {
  return c.req.param('delivery') as DeliveryId
}

function noWebhook(c: Context): Refusal {
  return notFound('Webhook', idOf(c))
}
