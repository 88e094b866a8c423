import { type Context, Hono } from 'hono'
import { authenticate } from '../../../core/triggers/receive.ts'
import type { CallerCheck } from '../../../core/events/triggers.ts'
import type { JobId, SecretHash, TriggerId } from '../../../core/base/ids.ts'
import { toText } from '../../../core/base/json.ts'
import { isRefusal, noTrigger, type Refusal, refuse } from '../../../core/base/refusal.ts'
import type { FiringView } from '../../../core/api/trigger-view.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { pageRefused, requestOrigin } from '../../net/origin.ts'
import { hashOf } from '../../crypto/secrets.ts'
import { type IncomingRequest, type RequestHead, verifyHeaders, verifySignature } from '../../crypto/signatures.ts'
import { clientAddress } from '../../net/client-address.ts'
import type { FailedAttempts } from '../../fleet/failed-attempts.ts'
import { onceBy } from '../../triggers/fire.ts'
import { type HonoEnv, readBytes } from '../kit/request.ts'
import { setQuotaHeaders } from '../kit/response.ts'
import { firingView } from '../../views/triggers.ts'
import { bodyOf, contentOf, handshakeIn } from './webhook-body.ts'
import { notAllowed, respondFlat, respondRefused } from './caller.ts'

/** `/webhook/{trigger_id}`, with the flat bodies that the API reference gives this route. */
export function incomingWebhookRoutes(fleet: Fleet, failedAttempts: FailedAttempts): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  app.post('/:trigger', async (c) => {
    const id = c.req.param('trigger') as TriggerId
    const now = fleet.platform.now()
    const trigger = fleet.state.triggers.get(id)
    const address = clientAddress(c.req.raw, fleet.state.settings.trustedProxies)
    const head: RequestHead = { header: (name) => c.req.header(name), now }
    const secret = head.header('x-webhook-secret')
    const given = secret === undefined ? null : hashOf(secret)
    // Of a stranger's body nothing is read.
    if (trigger === undefined) return respondRefused(c, noTrigger(id), { trigger: id, address, failedAttempts, now })
    const refusal = refusalBeforeBody(trigger, head, given, { address, allowed: fleet.state.settings.allowedOrigins })
    if (refusal !== null) return respondRefused(c, refusal, { trigger: id, address, failedAttempts, now })
    const { auth } = trigger
    const bytes = await readBytes(c)
    const call: IncomingRequest = { ...head, bytes: isRefusal(bytes) ? NOTHING : bytes }
    const { delivery, ...checked } = await verifyCaller(trigger, isRefusal(bytes) ? bytes : null, call)
    const body = isRefusal(bytes) ? bytes : bodyOf(call, auth)
    if (checked.refused === null && !isRefusal(body)) {
      const handshake = handshakeIn(body.json, auth, call)
      if (handshake !== null) return handshake === 'ping' ? reached(c, id) : c.json(handshake)
    }
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
      data: isRefusal(content) ? content : content.data,
      metadata: toText({ source: 'webhook', event_type: eventType, timestamp, delivery_id: once, remote: address }),
      idempotency: once === null ? null : onceBy(id, 'webhook', once, call.bytes),
    }))
    if (answer.type === 'refusal') {
      return respondRefused(c, answer.refusal, { trigger: id, address, failedAttempts, now }, answer.quota)
    }
    if (answer.type !== 'fired') throw new Error(`expected an answer of type fired, got ${answer.type}`)
    setQuotaHeaders(c, answer.quota)
    return c.json(firingView(answer))
  })

  // Some senders check that an address answers before they accept it, by HEAD or a GET without a query.
  app.get('/:trigger', (c) => {
    const id = c.req.param('trigger') as TriggerId
    const trigger = fleet.state.triggers.get(id)
    const address = clientAddress(c.req.raw, fleet.state.settings.trustedProxies)
    const wrong = trigger?.trigger_type === 'webhook' ? notAllowed(trigger.allow_from, address) : noTrigger(id)
    if (wrong !== null) {
      return respondRefused(c, wrong, { trigger: id, address, failedAttempts, now: fleet.platform.now() })
    }
    if (new URL(c.req.url).search === '') return reached(c, id)
    return respondFlat(c, refuse('INVALID_MESSAGE', 'A webhook takes events by POST'), id, null)
  })
  return app
}

/** The answer to a check: the address is right, and no job was made. */
function reached(c: Context, trigger: TriggerId): Response {
  const message = 'This is the webhook; no job was made'
  return c.json({ status: 'ignored', trigger_id: trigger, job_id: null, message } satisfies FiringView)
}

const UNREAD = { eventType: null, timestamp: null, delivery: null }

const NOTHING = new Uint8Array()

/** Why the caller is not let in, as far as that is known without the body; null when it has to be read. */
function refusalBeforeBody(
  trigger: TriggerRow,
  head: RequestHead,
  secret: SecretHash | null,
  { address, allowed }: { readonly address: string | null; readonly allowed: readonly string[] },
): Refusal | null {
  const { auth, signing, allow_from } = trigger
  const refused = notAllowed(allow_from, address) ??
    (auth === 'none' ? pageRefused(requestOrigin(head.header), allowed, true) : null) ??
    (auth === 'secret' || auth === 'none' || signing === null ? null : verifyHeaders(auth, signing, head))
  return authenticate(trigger, { caller_check: { key: signing?.key ?? null, refused }, secret })
}

/** Whether the caller may be let in, as far as that takes computing. A body that was not read cannot have been signed. */
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
