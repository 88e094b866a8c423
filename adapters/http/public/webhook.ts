import { type Context, Hono } from 'hono'
import { authenticate } from '../../../core/triggers/receive.ts'
import type { CallerCheck, WebhookReceived } from '../../../core/events/triggers.ts'
import type { JobId, SecretHash, TriggerId } from '../../../core/base/ids.ts'
import { toText } from '../../../core/base/json.ts'
import { isRefusal, type Refusal, refuse } from '../../../core/base/refusal.ts'
import type { FiringView } from '../../../core/api/triggers.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { pageRefused, requestOrigin } from '../../net/origin.ts'
import { hashOf } from '../../crypto/secrets.ts'
import { type IncomingRequest, type RequestHead, verifyHeaders, verifySignature } from '../../crypto/signatures.ts'
import { onceBy } from '../../triggers/fire.ts'
import type { HonoEnv } from '../kit/env.ts'
import { readBytes } from '../kit/request.ts'
import { setQuotaHeaders } from '../kit/response.ts'
import { firingView } from '../../views/triggers.ts'
import { bodyOf, contentOf, type Handshake, handshakeIn, type WebhookContent } from './webhook-body.ts'
import { calledTrigger, callerOf, respondRefused } from './caller.ts'

/** `/webhook/{trigger_id}`, with the flat bodies that the API reference gives this route. */
export function incomingWebhookRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  app.post('/:trigger', async (c) => {
    const caller = callerOf(fleet, c)
    const trigger = calledTrigger(caller, null)
    if (isRefusal(trigger)) return respondRefused(c, trigger, caller)
    const { id } = trigger
    const head: RequestHead = { header: (name) => c.req.header(name), now: caller.now }
    const secret = head.header('x-webhook-secret')
    const given = secret === undefined ? null : hashOf(secret)
    // The body of an unauthenticated request is not read.
    const refusal = refusalBeforeBody(trigger, head, given, fleet.state.settings.allowedOrigins)
    if (refusal !== null) return respondRefused(c, refusal, caller)
    const { auth } = trigger
    const bytes = await readBytes(c)
    const call: IncomingRequest = { ...head, bytes: isRefusal(bytes) ? NOTHING : bytes }
    const { delivery, ...checked } = await verifyCaller(trigger, isRefusal(bytes) ? bytes : null, call)
    const body = isRefusal(bytes) ? bytes : bodyOf(call, auth)
    const handshake = isRefusal(body) ? null : handshakeIn(body.json, auth, call)
    // The core answers with a refusal of the body only to a caller that may call.
    const content = isRefusal(body) ? body : contentOf(body, auth, call)
    const { eventType, timestamp, ...event } = isRefusal(content) ? UNREAD : content
    const once = delivery ?? event.delivery
    const answer = await fleet.request((reply) => ({
      type: 'webhook.received',
      reply,
      job: fleet.platform.rowId() as JobId,
      trigger: id,
      secret: given,
      caller_check: checked,
      data: dataOf(content, handshake),
      metadata: toText({
        source: 'webhook',
        event_type: eventType,
        timestamp,
        delivery_id: once,
        remote: caller.address,
      }),
      idempotency: once === null ? null : onceBy(id, 'webhook', once, call.bytes),
    }))
    if (answer.type === 'refusal') return respondRefused(c, answer.refusal, caller, answer.quota)
    if (answer.type !== 'fired') throw new Error(`expected an answer of type fired, got ${answer.type}`)
    setQuotaHeaders(c, answer.quota)
    if (handshake !== null) return handshake === 'ping' ? reached(c, id) : c.json(handshake)
    return c.json(firingView(answer))
  })

  // Some senders check that an address answers before they accept it, by HEAD or a GET without a query.
  app.get('/:trigger', (c) => {
    const caller = callerOf(fleet, c)
    const trigger = calledTrigger(caller, 'webhook')
    if (isRefusal(trigger)) return respondRefused(c, trigger, caller)
    if (new URL(c.req.url).search === '') return reached(c, trigger.id)
    return respondRefused(c, refuse('INVALID_MESSAGE', 'A webhook takes events by POST'), caller)
  })
  return app
}

/** The answer to a check: the address is right, and no job was made. */
function reached(c: Context, trigger: TriggerId): Response {
  const message = 'This is the webhook; no job was made'
  return c.json({ status: 'ignored', trigger_id: trigger, job_id: null, message } satisfies FiringView)
}

function dataOf(content: WebhookContent | Refusal, handshake: Handshake | null): WebhookReceived['data'] {
  if (handshake !== null) return null
  return isRefusal(content) ? content : content.data
}

const UNREAD = { eventType: null, timestamp: null, delivery: null }

const NOTHING = new Uint8Array()

/** The reason to refuse the caller, as far as it is known without the body; null if the body is needed. */
function refusalBeforeBody(
  trigger: TriggerRow,
  head: RequestHead,
  secret: SecretHash | null,
  allowedOrigins: readonly string[],
): Refusal | null {
  const { auth, signing } = trigger
  const refused = (auth === 'none' ? pageRefused(requestOrigin(head.header), allowedOrigins, true) : null) ??
    (auth === 'secret' || auth === 'none' || signing === null ? null : verifyHeaders(auth, signing, head))
  return authenticate(trigger, { caller_check: { key: signing?.key ?? null, refused }, secret })
}

/** Verifies the caller as far as that needs computation. A body that was not read cannot have been signed. */
async function verifyCaller(
  trigger: TriggerRow,
  unread: Refusal | null,
  call: IncomingRequest,
): Promise<CallerCheck & { readonly delivery: string | null }> {
  const { auth, signing } = trigger
  const key = signing?.key ?? null
  if (auth === 'secret' || auth === 'none' || signing === null) return { key, refused: null, delivery: null }
  const verified = unread ?? await verifySignature(auth, signing, call)
  return isRefusal(verified)
    ? { key, refused: verified, delivery: null }
    : { key, refused: null, delivery: verified.id }
}
