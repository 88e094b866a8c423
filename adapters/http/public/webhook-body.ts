import * as v from 'valibot'
import type { JsonText } from '../../../core/base/ids.ts'
import { checkValue, invalidFields } from '../../../core/protocol/problems.ts'
import { isObject, type Json, type JsonObject, type Parsed, parseJson, toText } from '../../../core/base/json.ts'
import { isRefusal, type Refusal, refuse } from '../../../core/base/refusal.ts'
import { WebhookBody } from '../../../core/api/request.ts'
import { grafted } from '../../../core/protocol/written.ts'
import type { TriggerAuth } from '../../../core/trigger-types/auth.ts'
import { decodeBody } from '../../net/charset.ts'
import type { IncomingRequest } from '../../crypto/signatures.ts'

/** The bodies of webhooks, of which each sender has a form of its own. */

/** The event in a body. */
export interface WebhookContent {
  /** The payload of the trigger. */
  readonly data: JsonText
  readonly eventType: Json
  readonly timestamp: Json
  /** The sender's id of the delivery, where that is in the body, which is signed. */
  readonly delivery: string | null
}

/** The body as JSON. UNSUPPORTED_MEDIA_TYPE for that of a form, with what to choose at the sender instead. */
export function bodyOf(call: IncomingRequest, auth: TriggerAuth): Parsed | Refusal {
  const type = call.header('content-type')
  const text = decodeBody(call.bytes, type)
  if (isRefusal(text)) return text
  const body = parseJson(text)
  if (!isRefusal(body) || text === '' || !FORM.test(type ?? '')) return body
  const advice = FORM_ADVICE[auth] ?? 'have the sender send application/json'
  return refuse('UNSUPPORTED_MEDIA_TYPE', `The body is that of a form: ${advice}`)
}

const FORM = /^\s*(application\/x-www-form-urlencoded|multipart\/form-data)\b/i

const FORM_ADVICE: { readonly [A in TriggerAuth]?: string } = {
  github: 'in the settings of the webhook on GitHub choose the content type application/json',
  slack: 'commands and buttons of Slack are for a trigger of type chat',
}

/** The header or the body field in which each sender names the event, when it sends a body of its own. */
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
 * Reads the event in a body. Senders with bodies of their own need no `event_type` and `data`: the data is the whole body,
 * under `body` where it is not an object, with the type of the event beside it.
 */
export function contentOf(body: Parsed, auth: TriggerAuth, call: IncomingRequest): WebhookContent | Refusal {
  const own = EVENT_TYPES[auth]
  if (own === null) return referenceEvent(body)
  // These senders choose the form of their bodies, and may choose ours.
  if ((auth === 'hmac' || auth === 'standard_webhooks') && isReference(body.json)) return referenceEvent(body)
  const { json, written } = body
  const whole: JsonObject = isObject(written) ? written : { body: written }
  const read: JsonObject = isObject(json) ? json : {}
  const named = own.header === undefined ? read[own.field ?? ''] : call.header(own.header)
  const known = typeof named !== 'string' || Object.hasOwn(whole, 'event_type')
  return {
    data: toText(known ? whole : { ...whole, event_type: named }),
    eventType: (typeof named === 'string' ? named : whole['event_type']) ?? null,
    timestamp: whole['timestamp'] ?? null,
    delivery: textAt(read, auth === 'stripe' ? 'id' : auth === 'slack' ? 'event_id' : ''),
  }
}

/** True if the body has the API reference's form and no other member, which would be lost. */
function isReference(json: Json): boolean {
  return isObject(json) && 'data' in json && Object.keys(json).every((name) => REFERENCE.has(name)) &&
    v.is(WebhookBody, json)
}

const REFERENCE: ReadonlySet<string> = new Set(Object.keys(WebhookBody.entries))

function referenceEvent(body: Parsed): WebhookContent | Refusal {
  if (!isObject(body.json)) return refuse('INVALID_PAYLOAD', 'The body must be a JSON object')
  const event = checkValue(WebhookBody, grafted(WebhookBody, body))
  if ('problems' in event) return invalidFields(event.problems)
  const { event_type: eventType, data, timestamp = null } = event.output
  return { data: toText(data), eventType, timestamp: timestamp as Json, delivery: null }
}

/** The answer to a sender that only checks the address. */
export type Handshake = 'ping' | { readonly challenge: string }

/** The handshake by which a sender checks the address; null for an event. */
export function handshakeIn(
  json: Json,
  auth: TriggerAuth,
  call: IncomingRequest,
): Handshake | null {
  if (auth === 'github') return call.header('x-github-event') === 'ping' ? 'ping' : null
  if (auth !== 'slack' || !isObject(json) || json['type'] !== 'url_verification') return null
  const challenge = textAt(json, 'challenge')
  return challenge === null ? null : { challenge }
}

function textAt(json: JsonObject, name: string): string | null {
  const value = json[name]
  return typeof value === 'string' && value !== '' ? value : null
}
