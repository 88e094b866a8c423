import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import * as v from 'valibot'
import type { Checked } from '../../core/trigger-event.ts'
import type { JobId, JsonText, Millis, TriggerId } from '../../core/ids.ts'
import type { Quota } from '../../core/limiter.ts'
import { problemsOf } from '../../core/protocol/decode.ts'
import { isObject, type JsonObject, parseJson, toText } from '../../core/protocol/json.ts'
import { isRefusal, type Refusal, REFUSALS, refuse } from '../../core/protocol/refusal.ts'
import { WebhookEvent } from '../../core/protocol/request.ts'
import type { TriggerAuth } from '../../core/protocol/trigger.ts'
import { overRate } from '../../core/rate.ts'
import type { TriggerRow } from '../../core/trigger.ts'
import { textOf } from '../charset.ts'
import type { Fleet } from '../fleet.ts'
import { hashOf, sha256 } from '../secret.ts'
import { type Call, verify } from '../signature.ts'
import { addressOf, isWithin } from './address.ts'
import { FAILURES, type Failures } from './failures.ts'
import { type Env, readBytes } from './request.ts'
import { headersOf, tellQuota } from './respond.ts'
import { firingView } from './trigger-view.ts'

/** `POST /webhook/{trigger_id}`, with the flat bodies that the API reference gives this route. */
export function webhookRoutes(fleet: Fleet, failures: Failures): Hono<Env> {
  const app = new Hono<Env>()
  app.post('/:trigger', async (c) => {
    const id = c.req.param('trigger') as TriggerId
    const now = fleet.platform.now()
    const trigger = fleet.state.triggers.get(id)
    const address = addressOf(c.req.raw, fleet.state.settings.trustedProxies)
    const bytes = await readBytes(c)
    const call: Call = { bytes: isRefusal(bytes) ? NOTHING : bytes, header: (name) => c.req.header(name), now }
    const { delivery, ...checked } = await check(trigger, address, isRefusal(bytes) ? bytes : null, call)
    const text = isRefusal(bytes) ? bytes : textOf(bytes, c.req.header('content-type'))
    const body = isRefusal(text) ? text : parseJson(text)
    const json = isRefusal(body) || !isObject(body.json) ? null : body.json
    const challenge = trigger?.auth === 'slack' && checked.refused === null ? challengeIn(json) : null
    if (challenge !== null) return c.json({ challenge })
    const once = delivery ?? deliveryIn(trigger?.auth, json)
    const secret = c.req.header('x-webhook-secret')
    const answer = await fleet.request((reply) => ({
      type: 'webhook.received',
      reply,
      job: fleet.platform.rowId() as JobId,
      trigger: id,
      secret: secret === undefined ? null : hashOf(secret),
      checked,
      data: isRefusal(body) ? body : dataOf(trigger?.auth ?? 'secret', json, call),
      metadata: toText({
        source: 'webhook',
        event_type: json?.['event_type'] ?? null,
        timestamp: json?.['timestamp'] ?? null,
        delivery_id: once,
        remote: address,
      }),
      idempotency: once === null
        ? null
        : { key: sha256(JSON.stringify([id, 'webhook', once])), fingerprint: sha256(call.bytes) },
    }))
    if (answer.type === 'refusal') {
      return turnAway(c, answer.refusal, { trigger: id, address, failures, now }, answer.quota)
    }
    if (answer.type !== 'fired') throw new Error(`expected an answer of type fired, got ${answer.type}`)
    tellQuota(c, answer.quota)
    return c.json(firingView(answer))
  })
  return app
}

const NOTHING = new Uint8Array()

/** What is told to whoever does not know the trigger, or its secret. */
const GUESSES: ReadonlySet<string> = new Set(['AUTHENTICATION_FAILED', 'TRIGGER_NOT_FOUND'])

/** Who called what, when, and what is known of how often callers guess. */
export interface Attempt {
  readonly trigger: TriggerId
  readonly address: string | null
  readonly failures: Failures
  readonly now: Millis
}

/** A refusal as the API reference shows it on this route; 429 to whoever guesses too often. */
export function turnAway(c: Context, refusal: Refusal, attempt: Attempt, quota: Quota | null = null): Response {
  const { trigger, address, failures, now } = attempt
  const guessed = GUESSES.has(refusal.refused) ? failures.count(address ?? '', now) : null
  if (guessed === null) return told(c, refusal, trigger, quota)
  return told(c, overRate('failed calls from one address', FAILURES, guessed), trigger, guessed)
}

/** Whether the caller may be let in, as far as that takes computing. A body that was not read cannot have been signed. */
async function check(
  trigger: TriggerRow | undefined,
  address: string | null,
  unread: Refusal | null,
  call: Call,
): Promise<Checked & { readonly delivery: string | null }> {
  if (trigger === undefined) return { key: null, refused: null, delivery: null }
  const { auth, signing, allow_from } = trigger
  const key = signing?.key ?? null
  const allowed = allow_from.length === 0 || (address !== null && isWithin(address, allow_from))
  if (!allowed) return { key, refused: refuse('FORBIDDEN', 'This address may not call this trigger'), delivery: null }
  if (auth === 'secret' || auth === 'none' || signing === null) return { key, refused: null, delivery: null }
  const verified = unread ?? await verify(auth, signing, call)
  return isRefusal(verified)
    ? { key, refused: verified, delivery: null }
    : { key, refused: null, delivery: verified.id }
}

/** Where senders say what has happened, when their bodies are their own: in a header, or in a field of the body. */
const EVENT_TYPES: { readonly [A in TriggerAuth]: { readonly header?: string; readonly field?: string } | null } = {
  secret: null,
  none: null,
  standard_webhooks: { field: 'type' },
  github: { header: 'x-github-event' },
  stripe: { field: 'type' },
  slack: { field: 'type' },
  shopify: { header: 'x-shopify-topic' },
  hmac: {},
}

/**
 * The event's data. Senders with bodies of their own are not asked for `event_type` and `data`: theirs is the whole body,
 * with what has happened beside it. What is wrong with a body is not told before it is known who calls.
 */
function dataOf(auth: TriggerAuth, json: JsonObject | null, call: Call): JsonText | Refusal {
  if (json === null) return refuse('INVALID_PAYLOAD', 'The body must be a JSON object')
  const own = EVENT_TYPES[auth]
  const event = v.safeParse(WebhookEvent, json)
  // Whoever may choose his own form may choose ours.
  if (event.success && (own === null || auth === 'hmac' || auth === 'standard_webhooks')) {
    return toText(event.output.data)
  }
  if (own === null) {
    return event.success ? toText(event.output.data) : refuse('INVALID_PAYLOAD', problemsOf(event.issues))
  }
  const named = own.header === undefined ? json[own.field ?? ''] : call.header(own.header)
  return toText(typeof named === 'string' ? { ...json, event_type: named } : json)
}

/** What a sender calls a delivery where that is in the body, which is signed. */
function deliveryIn(auth: TriggerAuth | undefined, json: JsonObject | null): string | null {
  const id = auth === 'stripe' ? json?.['id'] : auth === 'slack' ? json?.['event_id'] : undefined
  return typeof id === 'string' && id !== '' ? id : null
}

/** Slack wants to hear a word back before it sends anything. */
function challengeIn(json: JsonObject | null): string | null {
  const challenge = json?.['type'] === 'url_verification' ? json['challenge'] : null
  return typeof challenge === 'string' ? challenge : null
}

function told(c: Context, refusal: Refusal, trigger: TriggerId, quota: Quota | null | undefined): Response {
  const { cooldown_remaining = secondsOf(refusal.details['retry_after_ms']) } = refusal.details
  const status = REFUSALS[refusal.refused].status as ContentfulStatusCode
  const body = cooldown_remaining === undefined
    ? { status: 'error', error_code: refusal.refused, message: refusal.message }
    : { status: 'rate_limited', trigger_id: trigger, cooldown_remaining, message: refusal.message }
  tellQuota(c, quota)
  return c.json(body, status, headersOf(refusal))
}

function secondsOf(ms: unknown): Millis | undefined {
  return typeof ms === 'number' ? Math.max(1, Math.ceil(ms / 1000)) : undefined
}
