import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { authenticate } from '../../core/triggers/receive.ts'
import type { CallerCheck } from '../../core/events/triggers.ts'
import type { JobId, Millis, SecretHash, TriggerId } from '../../core/base/ids.ts'
import type { Quota } from '../../core/base/sliding-window.ts'
import { toText } from '../../core/base/json.ts'
import { isRefusal, noTrigger, type Refusal, REFUSALS, refuse } from '../../core/base/refusal.ts'
import type { FiringView } from '../../core/api/trigger-view.ts'
import { rateLimited } from '../../core/limiter/rates.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import type { Fleet } from '../fleet.ts'
import { pageRefused, requestOrigin } from '../origin.ts'
import { hashOf, sha256 } from '../secret.ts'
import { type IncomingRequest, type RequestHead, verifyHeaders, verifySignature } from '../signature.ts'
import { clientAddress, mayCall } from './address.ts'
import type { FailedAttempts } from './failures.ts'
import { type HonoEnv, readBytes } from './request.ts'
import { headersOf, setQuotaHeaders } from './respond.ts'
import { firingView } from './trigger-view.ts'
import { bodyOf, contentOf, handshakeIn } from './webhook-body.ts'

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
      callerCheck: checked,
      data: isRefusal(content) ? content : content.data,
      metadata: toText({ source: 'webhook', event_type: eventType, timestamp, delivery_id: once, remote: address }),
      idempotency: once === null
        ? null
        : { key: sha256(JSON.stringify([id, 'webhook', once])), fingerprint: sha256(call.bytes) },
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

/** What is told to whoever does not know the trigger, or its secret. */
const GUESSES: ReadonlySet<string> = new Set(['AUTHENTICATION_FAILED', 'TRIGGER_NOT_FOUND'])

/** Who called what, when, and what is known of how often callers guess. */
export interface Caller {
  readonly trigger: TriggerId
  readonly address: string | null
  readonly failedAttempts: FailedAttempts
  readonly now: Millis
}

/** A refusal as the API reference shows it on this route; 429 to whoever guesses too often. */
export function respondRefused(c: Context, refusal: Refusal, caller: Caller, quota: Quota | null = null): Response {
  const { trigger, address, failedAttempts, now } = caller
  const guessed = GUESSES.has(refusal.refused) ? failedAttempts.count(address, now) : null
  if (guessed === null) return respondFlat(c, refusal, trigger, quota)
  return respondFlat(c, rateLimited('failed calls from one address', failedAttempts.limit, guessed), trigger, guessed)
}

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
  return authenticate(trigger, { callerCheck: { key: signing?.key ?? null, refused }, secret })
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

/** FORBIDDEN for an address that is not in the list, where there is one. */
export function notAllowed(allowFrom: TriggerRow['allow_from'], address: string | null): Refusal | null {
  return mayCall(allowFrom, address) ? null : refuse('FORBIDDEN', 'This address may not call this trigger')
}

function respondFlat(c: Context, refusal: Refusal, trigger: TriggerId, quota: Quota | null | undefined): Response {
  const { cooldown_remaining = secondsOf(refusal.details['retry_after_ms']) } = refusal.details
  const status = REFUSALS[refusal.refused].status as ContentfulStatusCode
  const body = cooldown_remaining === undefined
    ? { status: 'error', error_code: refusal.refused, message: refusal.message }
    : { status: 'rate_limited', trigger_id: trigger, cooldown_remaining, message: refusal.message }
  setQuotaHeaders(c, quota)
  return c.json(body, status, headersOf(refusal))
}

function secondsOf(ms: unknown): Millis | undefined {
  return typeof ms === 'number' ? Math.max(1, Math.ceil(ms / 1000)) : undefined
}
