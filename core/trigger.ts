import { announceTrigger } from './announce.ts'
import { answer, type Turn, turnDown } from './effects.ts'
import type { TriggerCreated, WebhookReceived } from './event.ts'
import type { JsonText } from './ids.ts'
import type { JobRow } from './job.ts'
import { keepTrigger, recall } from './keep.ts'
import { type JsonObject, toText } from './protocol/json.ts'
import { isRefusal, notFound, type Refusal, type RefusalCode, refuse } from './protocol/refusal.ts'
import { callLimit, callsOf, overRate } from './rate.ts'
import type { IdempotencyRow, State, TriggerRow } from './state.ts'
import { earlierOf, enter, keepAnswer, published, UNASKED, UNCAUSED } from './submission.ts'

/** A trigger is set up. Its workflow must exist; it may be published later. */
export function triggerCreated(state: State, event: TriggerCreated, turn: Turn): void {
  const refusal = state.triggers.has(event.trigger)
    ? refuse('CONFLICT', `Trigger ${event.trigger} exists already`, { field: 'id' })
    : !state.workflows.has(event.workflow)
    ? notFound('Workflow', event.workflow, { field: 'workflow_id' })
    : null
  if (refusal !== null) return turnDown(turn, event.reply, refusal)
  const trigger: TriggerRow = {
    id: event.trigger,
    name: event.name,
    trigger_type: event.triggerType,
    workflow_id: event.workflow,
    enabled: event.enabled,
    priority: event.priority,
    parameters: event.parameters,
    cooldown_ms: event.cooldownMs,
    auth: event.auth,
    secret: event.secret,
    signing: event.signing,
    allow_from: event.allowFrom,
    created_by: event.by,
    created_at: turn.now,
    last_fired_at: null,
    fire_count: 0,
  }
  keepTrigger(state, trigger, turn)
  answer(turn, event.reply, { type: 'trigger', trigger })
}

/**
 * Somebody calls a webhook. Checked in this order: the trigger, who calls, whether it is enabled, whether this delivery
 * came before, its rate, its cooldown, the body, and then whether a job can be made. Only a call that makes a job counts for the rate and starts the cooldown.
 */
export function webhookReceived(state: State, event: WebhookReceived, turn: Turn): void {
  const fired = fire(state, event, turn)
  // Whoever does not have the secret is not told what others have used up.
  const known = !isRefusal(fired) || (event.checked.refused === null && !UNKNOWN.has(fired.refused))
  const quota = known ? callsOf(state, event.trigger).quota(turn.now) : null
  answer(
    turn,
    event.reply,
    isRefusal(fired) ? { type: 'refusal', refusal: fired, quota } : { type: 'fired', ...fired, quota },
  )
}

/** What is told to callers of whom it is not known whether they may call. */
const UNKNOWN: ReadonlySet<RefusalCode> = new Set(['TRIGGER_NOT_FOUND', 'AUTHENTICATION_FAILED'])

function fire(
  state: State,
  event: WebhookReceived,
  turn: Turn,
): { readonly trigger: TriggerRow; readonly job: JobRow } | Refusal {
  const trigger = state.triggers.get(event.trigger)
  if (trigger === undefined) {
    return refuse('TRIGGER_NOT_FOUND', `Trigger with ID ${event.trigger.slice(0, 256)} not found`)
  }
  const stranger = unproven(trigger, event)
  if (stranger !== null) return stranger
  if (!trigger.enabled) return refuse('FORBIDDEN', 'Trigger is disabled')
  const earlier = earlierOf(state, event.idempotency, turn)
  if (earlier !== undefined) return delivered(trigger, event, earlier, turn, state)
  const ring = callsOf(state, trigger.id)
  const quota = ring.quota(turn.now)
  if (quota !== null && quota.remaining === 0) return overRate('calls', callLimit(state.settings), quota)
  const cooldown = coolingFor(trigger, turn)
  if (cooldown > 0) {
    return refuse('RATE_LIMITED', 'Trigger is in cooldown period', { cooldown_remaining: cooldown })
  }
  if (isRefusal(event.data)) return event.data
  const runs = published(state.workflows.get(trigger.workflow_id), trigger.workflow_id, state)
  if (isRefusal(runs)) return runs
  const order = {
    ...UNASKED,
    job: event.job,
    by: `trigger:${trigger.id}`,
    parameters: merged(trigger.parameters, event.data),
    priority: trigger.priority,
  }
  const job = enter(state, order, { ...UNCAUSED, trigger: trigger.id, runs }, turn)
  if (isRefusal(job)) return job
  const after = { ...trigger, last_fired_at: turn.now, fire_count: trigger.fire_count + 1 }
  keepTrigger(state, after, turn)
  ring.count(turn.now)
  keepAnswer(event.idempotency, job, turn)
  announceTrigger(state, after, job, turn)
  return { trigger: after, job }
}

/** Why the caller is not let in: the shell has checked what it can, and the core that it was checked with what holds. */
function unproven(trigger: TriggerRow, { checked, secret }: WebhookReceived): Refusal | null {
  if (checked.refused !== null) return checked.refused
  if (checked.key !== (trigger.signing?.key ?? null)) {
    return refuse('UNAVAILABLE', 'This trigger was changed a moment ago: send it again')
  }
  if (trigger.auth === 'none') return null
  // What was verified was verified with a key; without one nothing was.
  if (trigger.auth !== 'secret') return trigger.signing === null ? refuse('AUTHENTICATION_FAILED', 'No key') : null
  if (trigger.secret !== null && trigger.secret === secret) return null
  const message = secret === null ? 'Missing header: X-Webhook-Secret' : 'Wrong webhook secret'
  return refuse('AUTHENTICATION_FAILED', message)
}

/** A delivery that came before: the same answer, and nothing happens. */
function delivered(
  trigger: TriggerRow,
  { idempotency }: WebhookReceived,
  { fingerprint, job_id }: IdempotencyRow,
  turn: Turn,
  state: State,
): { readonly trigger: TriggerRow; readonly job: JobRow } | Refusal {
  if (fingerprint !== idempotency?.fingerprint) {
    return refuse('IDEMPOTENCY_MISMATCH', 'A delivery with this id came before, with another body', { job_id })
  }
  const job = recall(state, job_id, turn)
  return job === undefined
    ? refuse('NOT_FOUND', `The job ${job_id} that this delivery made has been deleted since`)
    : { trigger, job }
}

/** Whole seconds until the trigger may fire again: waiting that long is enough. 0 when it may now. */
function coolingFor(trigger: TriggerRow, turn: Turn): number {
  // One that fired in the future did so by a clock that was wrong.
  if (trigger.last_fired_at === null || trigger.last_fired_at > turn.now) return 0
  return Math.max(0, Math.ceil((trigger.last_fired_at + trigger.cooldown_ms - turn.now) / 1000))
}

/** The trigger's own parameters, and over them those of the event. */
function merged(own: JsonText, event: JsonText): JsonText {
  if (own === '{}') return event
  return toText({ ...JSON.parse(own) as JsonObject, ...JSON.parse(event) as JsonObject })
}
