import { type Answer, answer, type Turn } from './effects.ts'
import type { TriggerFired, TriggerRead, WebhookReceived } from './trigger-event.ts'
import { cooling, fire, type Fired, type Occasion, reasonOf, skip } from './firing.ts'
import type { JsonText, ReplyId, TriggerId } from './ids.ts'
import { keepTrigger, recall } from './keep.ts'
import type { Ring } from './limiter.ts'
import { isRefusal, noTrigger, type Refusal, REFUSALS, refuse } from './protocol/refusal.ts'
import { isSource } from './protocol/trigger.ts'
import { callLimit, callsOf, isLimited, overRate, submissionLimit, submissionsWith } from './rate.ts'
import type { IdempotencyRow, State } from './state.ts'
import { earlierOf, keepAnswer } from './submission.ts'
import type { TriggerRow } from './trigger.ts'

/**
 * Somebody or something outside calls a trigger. Checked in this order: the trigger, who calls, whether it is enabled,
 * whether this call came before, its rate, its cooldown, what it brings, and then whether a job can be made. Only a call
 * that makes a job counts for the rate and starts the cooldown.
 */

/** A person, a page, a chat, a watched folder or a mailbox has something for a trigger. */
export function triggerFired(state: State, event: TriggerFired, turn: Turn): void {
  const trigger = find(state, event.trigger)
  if (isRefusal(trigger)) return told(turn, event.reply, trigger, null)
  const { key, name } = event.by ?? { key: null, name: `trigger:${trigger.id}` }
  const ring = key !== null ? submissionsWith(state, key) : event.by === null ? ringOf(state, trigger) : null
  const limit = key !== null ? submissionLimit(state.settings) : callLimit(state.settings)
  const heard = event.unheard !== true && (event.as === null || !isSource(event.as))
  const fired = event.as !== null && event.as !== trigger.trigger_type
    ? refuse('CONFLICT', `Trigger ${trigger.id} is of type ${trigger.trigger_type}, not ${event.as}`)
    : admit(state, trigger, { ...event, by: name, ring, limit, heard }, turn)
  if (!isRefusal(fired) && event.cursor !== null) {
    const after = state.triggers.get(trigger.id) ?? fired.trigger
    keepTrigger(state, { ...after, cursor: event.cursor }, turn)
  }
  told(turn, event.reply, fired, ring?.quota(turn.now) ?? null)
}

/** Somebody calls a webhook. Whoever does not have its secret is not told what others have used up. */
export function webhookReceived(state: State, event: WebhookReceived, turn: Turn): void {
  const trigger = find(state, event.trigger)
  if (isRefusal(trigger)) return told(turn, event.reply, trigger, null)
  const stranger = unproven(trigger, event)
  if (stranger !== null) return told(turn, event.reply, stranger, null)
  const ring = callsOf(state, trigger.id)
  const call = {
    ...event,
    payload: event.data,
    by: `trigger:${trigger.id}`,
    ring,
    limit: callLimit(state.settings),
    heard: true,
    parent: null,
  }
  const fired = admit(state, trigger, call, turn)
  told(turn, event.reply, fired, ring.quota(turn.now))
}

/** A source has come to this place, and there was nothing for the trigger on the way. */
export function cursorMoved(
  state: State,
  event: TriggerRead,
  turn: Turn,
): void {
  const trigger = find(state, event.trigger)
  if (isRefusal(trigger)) return told(turn, event.reply, trigger, null)
  const after = { ...trigger, cursor: event.cursor }
  keepTrigger(state, after, turn)
  answer(turn, event.reply, { type: 'trigger', trigger: after })
}

export interface Admission extends Omit<Occasion, 'payload' | 'parent'> {
  readonly payload: JsonText | Refusal
  readonly parent: WebhookReceived['job'] | null
  readonly idempotency: WebhookReceived['idempotency']
  readonly ring: Ring | null
  readonly limit: Parameters<typeof overRate>[1]
  /** Whether somebody is told what becomes of it, and may come again. */
  readonly heard: boolean
}

/** Lets a call in, or says why not. */
export function admit(state: State, trigger: TriggerRow, call: Admission, turn: Turn): Fired | Refusal {
  if (!trigger.enabled) return refuse('FORBIDDEN', 'Trigger is disabled')
  const earlier = earlierOf(state, call.idempotency, turn)
  if (earlier !== undefined) return delivered(trigger, call, earlier, turn, state)
  const quota = call.ring?.quota(turn.now) ?? null
  if (quota !== null && quota.remaining === 0) return overRate('calls', call.limit, quota)
  const cooldown = call.heard ? cooling(trigger, turn) : null
  if (cooldown !== null) return cooldown
  const { payload } = call
  if (isRefusal(payload)) return payload
  const parent = call.parent === null ? null : recall(state, call.parent, turn) ?? null
  const occasion = { job: call.job, by: call.by, payload, metadata: call.metadata, parent }
  const fired = fire(state, trigger, occasion, turn)
  if (isRefusal(fired)) {
    const again = call.heard || (REFUSALS[fired.refused].retry && reasonOf(fired) !== 'cooldown')
    return again ? fired : skip(state, trigger, occasion, reasonOf(fired), turn)
  }
  if (fired.job === null) return fired
  call.ring?.count(turn.now)
  keepAnswer(call.idempotency, fired.job, turn)
  return fired
}

function ringOf(state: State, { id, trigger_type }: TriggerRow): Ring | null {
  return isLimited(trigger_type) ? callsOf(state, id) : null
}

/** TRIGGER_NOT_FOUND names it. */
export function find(state: State, id: TriggerId): TriggerRow | Refusal {
  return state.triggers.get(id) ?? noTrigger(id)
}

/** Why the caller is not let in: the shell has checked what it can, and the core that it was checked with what holds. */
export function unproven(
  trigger: TriggerRow,
  { checked, secret }: Pick<WebhookReceived, 'checked' | 'secret'>,
): Refusal | null {
  if (checked.refused !== null) return checked.refused
  if (checked.key !== (trigger.signing?.key ?? null)) {
    return refuse('UNAVAILABLE', 'This trigger was changed a moment ago: send it again')
  }
  if (trigger.trigger_type !== 'webhook') return refuse('CONFLICT', `Trigger ${trigger.id} is no webhook`)
  if (trigger.auth === 'none') return null
  // What was verified was verified with a key; without one nothing was.
  if (trigger.auth !== 'secret') return trigger.signing === null ? refuse('AUTHENTICATION_FAILED', 'No key') : null
  if (trigger.secret !== null && trigger.secret === secret) return null
  const message = secret === null ? 'Missing header: X-Webhook-Secret' : 'Wrong webhook secret'
  return refuse('AUTHENTICATION_FAILED', message)
}

/** A call that came before: the same answer, and nothing happens. */
function delivered(
  trigger: TriggerRow,
  { idempotency }: Admission,
  { fingerprint, job_id }: IdempotencyRow,
  turn: Turn,
  state: State,
): Fired | Refusal {
  if (fingerprint !== idempotency?.fingerprint) {
    return refuse('IDEMPOTENCY_MISMATCH', 'A delivery with this id came before, with another body', { job_id })
  }
  const job = recall(state, job_id, turn)
  return job === undefined
    ? refuse('NOT_FOUND', `The job ${job_id} that this delivery made has been deleted since`)
    : { trigger, job, skipped: null }
}

/** Answers a call. */
export function told(
  turn: Turn,
  reply: ReplyId,
  fired: Fired | Refusal,
  quota: Extract<Answer, { type: 'fired' }>['quota'],
) {
  answer(
    turn,
    reply,
    isRefusal(fired) ? { type: 'refusal', refusal: fired, quota } : { type: 'fired', ...fired, quota },
  )
}
