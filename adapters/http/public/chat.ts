import { type Context, Hono } from 'hono'
import type { Reply } from '../../../core/reply.ts'
import type { Millis } from '../../../core/base/ids.ts'
import type { ChatConfig } from '../../../core/trigger-types/chat.ts'
import { toText } from '../../../core/base/json.ts'
import { isRefusal, noTrigger, type Refusal, REFUSALS } from '../../../core/base/refusal.ts'
import { configIn, type TriggerRow } from '../../../core/records/trigger.ts'
import { screen } from '../../../core/triggers/screen.ts'
import type { Screening } from '../../../core/events/triggers.ts'
import { screenedIn, skipText } from '../../chat/filter.ts'
import type { ChatPlatform, ChatReply, IncomingMessage, MessageOutcome } from '../../chat/platform.ts'
import { CHAT_PLATFORM_BY_NAME } from '../../chat/index.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import type { IncomingRequest, RequestHead } from '../../crypto/signatures.ts'
import { fireTrigger, onceBy } from '../../triggers/fire.ts'
import type { HonoEnv } from '../kit/env.ts'
import { readBytes } from '../kit/request.ts'
import { respond } from '../kit/response.ts'
import { calledTrigger, type Caller, callerOf, respondRefused } from './caller.ts'

/**
 * `POST /chat/{trigger_id}`: a message in a chat. A sender that proves to be the platform is answered in its form and
 * within its time, with status 200, or 503 where it is to send the same again. Others get the flat errors of the webhook.
 */
export function chatRoutes(fleet: Fleet): Hono<HonoEnv> {
  const app = new Hono<HonoEnv>()
  app.post('/:trigger', async (c) => {
    const began = performance.now()
    const caller = callerOf(fleet, c)
    const refuseWith = (refusal: Refusal) => respondRefused(c, refusal, caller)
    const trigger = calledTrigger(caller, 'chat')
    if (isRefusal(trigger)) return refuseWith(trigger)
    const chat = chatOf(trigger)
    if (isRefusal(chat)) return refuseWith(chat)
    // The body of an unauthenticated request is not read.
    const head: RequestHead = { header: (name) => c.req.header(name), now: caller.now }
    const refusal = chat.platform.verifyHeaders(chat.key, head)
    if (refusal !== null) return refuseWith(refusal)
    const bytes = await readBytes(c)
    if (isRefusal(bytes)) return refuseWith(bytes)
    const incoming = await readVerified(chat, { ...head, bytes })
    if (isRefusal(incoming)) return refuseWith(incoming)
    if (!('message' in incoming)) return respondChat(c, incoming)
    const screening = screen(trigger, 'chat', screenedIn(incoming))
    const left = chat.platform.answerMs - (performance.now() - began)
    const outcome = await within(left, () => fire(caller, incoming, screening))
    // What a filter passes over starts nothing, even where it is not known whether it was counted.
    const { reason } = screening
    return respondChat(c, incoming.answer(reason === null ? outcome : { type: 'ignored', why: skipText(reason) }))
  })
  return app
}

/** The platform that a trigger listens to, and the key that it proves itself with. */
interface Chat {
  readonly platform: ChatPlatform
  readonly config: ChatConfig
  readonly key: string
}

function chatOf(trigger: TriggerRow): Chat | Refusal {
  const config = configIn(trigger, 'chat')
  // Anybody could sign with no key at all.
  return trigger.signing === null
    ? noTrigger(trigger.id)
    : { platform: CHAT_PLATFORM_BY_NAME[config.platform], config, key: trigger.signing.key }
}

/** The content of a call, once the caller is verified. */
async function readVerified(
  { platform, config, key }: Chat,
  call: IncomingRequest,
): Promise<IncomingMessage | ChatReply | Refusal> {
  return await platform.verify(key, call) ?? platform.read(call, config)
}

async function fire(
  { fleet, trigger, address }: Caller,
  incoming: IncomingMessage,
  screening: Screening,
): Promise<MessageOutcome> {
  const { message } = incoming
  const event_type = message.command !== '' ? 'command' : message.is_mention ? 'mention' : 'message'
  const answer = await fleet.request(fireTrigger(fleet.platform, {
    trigger,
    as: 'chat',
    // Of what others say to each other no more is kept than it takes to see why it was passed over.
    payload: toText(screening.reason === null ? message : { ...message, raw_payload: {} }),
    metadata: toText({
      source: 'chat',
      platform: message.platform,
      event_type,
      delivery_id: incoming.dedupeKey,
      remote: address,
    }),
    // The platform says what is the same message, and signs it: another body under the same name is not another message.
    idempotency: onceBy(trigger, 'chat', incoming.dedupeKey),
    screening,
    fire_and_forget: incoming.fireAndForget,
  }))
  return outcomeOf(answer)
}

function outcomeOf(answer: Reply): MessageOutcome {
  if (answer.type === 'fired') {
    if (answer.job !== null) return { type: 'started', job: answer.job.id }
    return { type: 'ignored', why: skipText(answer.skipped ?? '') }
  }
  if (answer.type !== 'refusal') throw new Error(`expected an answer of type fired, got ${answer.type}`)
  const { refused, message, details } = answer.refusal
  const { cooldown_remaining, retry_after_ms } = details
  if (typeof cooldown_remaining === 'number') return { type: 'limited', seconds: cooldown_remaining }
  if (typeof retry_after_ms === 'number') return { type: 'limited', seconds: Math.ceil(retry_after_ms / 1000) }
  // A commit that failed may have been one that did not.
  if (refused === 'UNAVAILABLE') return { type: 'unsure' }
  return REFUSALS[refused].retry ? { type: 'later' } : { type: 'refused', why: message }
}

/**
 * The outcome, if it is known in time. Otherwise the answer does not claim one: the job may be made all the same, and
 * if the platform sends the message again, the answer is about that job.
 */
async function within(ms: Millis, ask: () => Promise<MessageOutcome>): Promise<MessageOutcome> {
  if (ms <= 0) return { type: 'later' }
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<MessageOutcome>((resolve) => {
    timer = setTimeout(() => resolve({ type: 'unsure' }), ms)
  })
  try {
    return await Promise.race([ask(), late])
  } finally {
    clearTimeout(timer)
  }
}

function respondChat(c: Context<HonoEnv>, { status, body, headers = {} }: ChatReply): Response {
  return body === null ? respond(c, null, status, headers) : c.json(body, status, headers)
}
