import type { Reply } from '../reply.ts'
import { findJob, reply, type Turn } from '../turn.ts'
import type { TriggerFired, TriggerRead, WebhookReceived } from '../events/triggers.ts'
import { cooldownRefusal, fire, type FireResult, skip, skipReason, type TriggerInput } from './fire.ts'
import type { JsonText, ReplyId, TriggerId } from '../base/ids.ts'
import type { SlidingWindow } from '../base/sliding-window.ts'
import { isRefusal, noTrigger, type Refusal, REFUSALS, refuse } from '../base/refusal.ts'
import { triggerTypeOf } from '../trigger-types/index.ts'
import { callLimit, callWindow, rateLimited, submissionLimit, submissionWindow } from '../limiter/rates.ts'
import type { State } from '../state.ts'
import type { TriggerRow } from '../records/trigger.ts'
import type { IdempotencyRow } from '../records/key.ts'
import { findIdempotent, saveIdempotent } from '../access/idempotency.ts'
import { saveTrigger } from './save.ts'

/**
 * Calls of triggers from outside. The checks are, in order: the trigger exists, the caller's credential, the filters of
 * its type, enabled, a repeated call, the rate, the cooldown, the payload, and then whether a job can be made. Only a
 * call that makes a job counts for the rate and starts the cooldown.
 */

/** Fires a trigger for a person, a form, a chat, a watched folder or a mailbox. */
export function triggerFired(state: State, event: TriggerFired, turn: Turn): void {
  const trigger = findTrigger(state, event.trigger)
  if (isRefusal(trigger)) return replyFired(turn, event.reply, trigger, null)
  const { key, name } = event.by ?? { key: null, name: `trigger:${trigger.id}` }
  const window = key !== null ? submissionWindow(state, key) : event.by === null ? windowOf(state, trigger) : null
  const limit = key !== null ? submissionLimit(state.settings) : callLimit(state.settings)
  const callerWaits = !event.fire_and_forget && (event.as === null || !triggerTypeOf(event.as).source)
  const fired = event.as !== null && event.as !== trigger.trigger_type
    ? refuse('CONFLICT', `Trigger ${trigger.id} is of type ${trigger.trigger_type}, not ${event.as}`)
    : passOver(state, trigger, { ...event, by: name, parent: null }, turn) ??
      admitCall(state, trigger, { ...event, by: name, window, limit, callerWaits, parent: null }, turn)
  if (!isRefusal(fired) && event.cursor !== null) {
    const after = state.triggers.get(trigger.id) ?? fired.trigger
    saveTrigger(state, { ...after, cursor: event.cursor }, turn)
  }
  replyFired(turn, event.reply, fired, window?.quota(turn.now) ?? null)
}

/**
 * Skips what the filters of the trigger's type pass over, before anything else is asked or used up: a disabled trigger says no
 * more about it than an enabled one, and counts nothing. UNAVAILABLE where the filters that were asked are no longer there.
 */
function passOver(
  state: State,
  trigger: TriggerRow,
  input: TriggerInput & Pick<TriggerFired, 'screening'>,
  turn: Turn,
): FireResult | Refusal | null {
  const { screening } = input
  if (screening === null) return null
  if (screening.revision !== trigger.revision) return changedMeanwhile()
  if (screening.reason === null) return null
  if (!trigger.enabled) return { trigger, job: null, skipped: screening.reason }
  return skip(state, trigger, input, screening.reason, turn)
}

/** A call of a webhook trigger. A caller without the secret does not learn how much of the limit is used up. */
export function webhookReceived(state: State, event: WebhookReceived, turn: Turn): void {
  const trigger = findTrigger(state, event.trigger)
  if (isRefusal(trigger)) return replyFired(turn, event.reply, trigger, null)
  const refusal = authenticate(trigger, event)
  if (refusal !== null) return replyFired(turn, event.reply, refusal, null)
  // A check succeeds on a disabled trigger too. It is not an event, so it counts towards neither the limit nor the skips.
  if (event.data === null) return replyFired(turn, event.reply, { trigger, job: null, skipped: 'check' }, null)
  const window = callWindow(state, trigger.id)
  const call = {
    ...event,
    payload: event.data,
    by: `trigger:${trigger.id}`,
    window,
    limit: callLimit(state.settings),
    callerWaits: true,
    parent: null,
  }
  const fired = admitCall(state, trigger, call, turn)
  replyFired(turn, event.reply, fired, window.quota(turn.now))
}

/** Saves the cursor of a source that has moved without an event for its trigger. */
export function cursorMoved(
  state: State,
  event: TriggerRead,
  turn: Turn,
): void {
  const trigger = findTrigger(state, event.trigger)
  if (isRefusal(trigger)) return replyFired(turn, event.reply, trigger, null)
  const after = saveTrigger(state, { ...trigger, cursor: event.cursor }, turn)
  reply(turn, event.reply, { type: 'trigger', trigger: after })
}

export interface TriggerCall extends Omit<TriggerInput, 'payload' | 'parent'> {
  readonly payload: JsonText | Refusal
  readonly parent: WebhookReceived['job'] | null
  readonly idempotency: WebhookReceived['idempotency']
  readonly window: SlidingWindow | null
  readonly limit: Parameters<typeof rateLimited>[1]
  /** True if a caller waits for the outcome, and may try again. */
  readonly callerWaits: boolean
}

/** Lets a call in, or says why not. */
export function admitCall(state: State, trigger: TriggerRow, call: TriggerCall, turn: Turn): FireResult | Refusal {
  if (!trigger.enabled) return refuse('FORBIDDEN', 'Trigger is disabled')
  const earlier = findIdempotent(state, call.idempotency, turn)
  if (earlier !== undefined) return replayed(trigger, call, earlier, turn, state)
  const quota = call.window?.quota(turn.now) ?? null
  if (quota !== null && quota.remaining === 0) return rateLimited('calls', call.limit, quota)
  const cooldown = call.callerWaits ? cooldownRefusal(trigger, turn) : null
  if (cooldown !== null) return cooldown
  const { payload } = call
  if (isRefusal(payload)) return payload
  const parent = call.parent === null ? null : findJob(state, call.parent, turn) ?? null
  const input = { job: call.job, by: call.by, payload, metadata: call.metadata, parent }
  const fired = fire(state, trigger, input, turn)
  if (isRefusal(fired)) {
    const again = call.callerWaits || (REFUSALS[fired.refused].retry && skipReason(fired) !== 'cooldown')
    return again ? fired : skip(state, trigger, input, skipReason(fired), turn)
  }
  if (fired.job === null) return fired
  call.window?.count(turn.now)
  saveIdempotent(call.idempotency, fired.job, turn)
  return fired
}

function windowOf(state: State, { id, trigger_type }: TriggerRow): SlidingWindow | null {
  return triggerTypeOf(trigger_type).rateLimited ? callWindow(state, id) : null
}

/** TRIGGER_NOT_FOUND names it. */
export function findTrigger(state: State, id: TriggerId): TriggerRow | Refusal {
  return state.triggers.get(id) ?? noTrigger(id)
}

/** The reason to refuse the caller: by the shell's findings, if these were made with the present key. */
export function authenticate(
  trigger: TriggerRow,
  { caller_check, secret }: Pick<WebhookReceived, 'caller_check' | 'secret'>,
): Refusal | null {
  if (caller_check.refused !== null) return caller_check.refused
  if (caller_check.key !== (trigger.signing?.key ?? null)) {
    return changedMeanwhile()
  }
  if (trigger.trigger_type !== 'webhook') return refuse('CONFLICT', `Trigger ${trigger.id} is not a webhook trigger`)
  if (trigger.auth === 'none') return null
  // A signature was verified with a key; without a key none was.
  if (trigger.auth !== 'secret') return trigger.signing === null ? refuse('AUTHENTICATION_FAILED', 'No key') : null
  if (trigger.secret !== null && trigger.secret === secret) return null
  const message = secret === null ? 'Missing header: X-Webhook-Secret' : 'Wrong webhook secret'
  return refuse('AUTHENTICATION_FAILED', message)
}

function changedMeanwhile(): Refusal {
  return refuse('UNAVAILABLE', 'This trigger was changed a moment ago: send it again')
}

/** A call that came before: the same answer, and nothing happens. */
function replayed(
  trigger: TriggerRow,
  { idempotency }: TriggerCall,
  { fingerprint, job_id }: IdempotencyRow,
  turn: Turn,
  state: State,
): FireResult | Refusal {
  if (fingerprint !== idempotency?.fingerprint) {
    return refuse('IDEMPOTENCY_MISMATCH', 'A delivery with this id came before, with another body', { job_id })
  }
  const job = findJob(state, job_id, turn)
  return job === undefined
    ? refuse('NOT_FOUND', `The job ${job_id} that this delivery made has been deleted since`)
    : { trigger, job, skipped: null }
}

/** Answers a call. */
export function replyFired(
  turn: Turn,
  to: ReplyId,
  fired: FireResult | Refusal,
  quota: Extract<Reply, { type: 'fired' }>['quota'],
) {
  reply(
    turn,
    to,
    isRefusal(fired) ? { type: 'refusal', refusal: fired, quota } : { type: 'fired', ...fired, quota },
  )
}
