import { type Context, Hono } from 'hono'
import type { Answer } from '../../core/effects.ts'
import type { JobId, Millis, TriggerId } from '../../core/ids.ts'
import type { ChatConfig } from '../../core/protocol/chat.ts'
import { toText } from '../../core/protocol/json.ts'
import { isRefusal, noTrigger, type Refusal, REFUSALS } from '../../core/protocol/refusal.ts'
import type { ConfigOf } from '../../core/protocol/trigger.ts'
import type { TriggerRow } from '../../core/trigger.ts'
import { passedOver } from '../chat/filter.ts'
import type { Asked, Messenger, Outcome, Reply } from '../chat/messenger.ts'
import { MESSENGERS } from '../chat/messengers.ts'
import type { Fleet } from '../fleet.ts'
import { sha256 } from '../secret.ts'
import type { Call, Knock } from '../signature.ts'
import { addressOf } from './address.ts'
import type { Failures } from './failures.ts'
import { type Env, readBytes } from './request.ts'
import { notAllowed, turnAway } from './webhook.ts'

/**
 * `POST /chat/{trigger_id}`: what somebody says in a chat. Whoever shows that he is the platform gets an answer in its form and
 * within its time, with status 200, or 503 where it is to send the same again. Others get the flat errors of the webhook.
 */
export function chatRoutes(fleet: Fleet, failures: Failures): Hono<Env> {
  const app = new Hono<Env>()
  app.post('/:trigger', async (c) => {
    const { platform, state } = fleet
    const since = platform.now()
    const began = performance.now()
    const trigger = c.req.param('trigger') as TriggerId
    const address = addressOf(c.req.raw, state.settings.trustedProxies)
    const away = (refusal: Refusal) => turnAway(c, refusal, { trigger, address, failures, now: since })
    const listener = listenerOf(state.triggers.get(trigger))
    if (listener === null) return away(noTrigger(trigger))
    // Of a stranger's body nothing is read.
    const knock: Knock = { header: (name) => c.req.header(name), now: since }
    const stranger = notAllowed(listener.allowFrom, address) ?? listener.messenger.lacks(listener.key, knock)
    if (stranger !== null) return away(stranger)
    const bytes = await readBytes(c)
    if (isRefusal(bytes)) return away(bytes)
    const heard = await hear(listener, { ...knock, bytes })
    if (isRefusal(heard)) return away(heard)
    if (!('message' in heard)) return replied(c, heard)
    const why = passedOver(heard, listener.config)
    if (why !== null) return replied(c, heard.answer({ type: 'ignored', why }))
    const left = listener.messenger.answerMs - (performance.now() - began)
    return replied(c, heard.answer(await within(left, () => fire(fleet, trigger, heard, address))))
  })
  return app
}

/** A trigger of this type, and what its platform is. */
interface Listener {
  readonly messenger: Messenger
  readonly config: ChatConfig
  readonly key: string
  readonly allowFrom: readonly string[]
}

function listenerOf(trigger: TriggerRow | undefined): Listener | null {
  if (trigger === undefined || trigger.trigger_type !== 'chat' || trigger.signing === null) return null
  const config = trigger.config as ConfigOf<'chat'>
  return { messenger: MESSENGERS[config.platform], config, key: trigger.signing.key, allowFrom: trigger.allow_from }
}

/** What a call says, once it is known who calls: nothing of it is told to anybody else. */
async function hear({ messenger, config, key }: Listener, call: Call): Promise<Asked | Reply | Refusal> {
  return await messenger.verify(key, call) ?? messenger.read(call, config)
}

async function fire(fleet: Fleet, trigger: TriggerId, asked: Asked, remote: string | null): Promise<Outcome> {
  const { message } = asked
  // The platform says what is the same message, and signs it: another body under the same name is not another message.
  const once = sha256(JSON.stringify([trigger, 'chat', asked.once]))
  const event_type = message.command !== '' ? 'command' : message.is_mention ? 'mention' : 'message'
  const answer = await fleet.request((reply) => ({
    type: 'trigger.fired',
    reply,
    job: fleet.platform.rowId() as JobId,
    trigger,
    as: 'chat',
    by: null,
    payload: toText(message),
    metadata: toText({ source: 'chat', platform: message.platform, event_type, delivery_id: asked.once, remote }),
    idempotency: { key: once, fingerprint: once },
    cursor: null,
    parent: null,
    unheard: asked.unheard,
  }))
  return outcomeOf(answer)
}

function outcomeOf(answer: Answer): Outcome {
  if (answer.type === 'fired') {
    if (answer.job !== null) return { type: 'started', job: answer.job.id }
    return {
      type: 'ignored',
      why: answer.skipped === 'filter' ? 'it is not what is listened for' : answer.skipped ?? '',
    }
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
 * What comes of it, if that is known in time. What is not known is not said: the job may be made all the same, and when the
 * platform sends the message again it is answered with that one.
 */
async function within(ms: Millis, ask: () => Promise<Outcome>): Promise<Outcome> {
  if (ms <= 0) return { type: 'later' }
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => resolve({ type: 'unsure' }), ms)
  })
  try {
    return await Promise.race([ask(), late])
  } finally {
    clearTimeout(timer)
  }
}

function replied(c: Context<Env>, { status, body, headers = {} }: Reply): Response {
  return body === null ? c.body(null, status, headers) : c.json(body, status, headers)
}
