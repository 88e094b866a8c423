import { announceTrigger } from './announce.ts'
import { answer, type Turn, turnDown } from './effects.ts'
import type { TriggerCreated, WebhookReceived } from './event.ts'
import type { JsonText } from './ids.ts'
import type { JobRow } from './job.ts'
import { keepTrigger } from './keep.ts'
import { type JsonObject, toText } from './protocol/json.ts'
import { isRefusal, type Refusal, refuse } from './protocol/refusal.ts'
import type { State, TriggerRow } from './state.ts'
import { enter, published, UNASKED } from './submission.ts'

/** A trigger is set up. Its workflow must exist; it may be published later. */
export function triggerCreated(state: State, event: TriggerCreated, turn: Turn): void {
  const refusal = state.triggers.has(event.trigger)
    ? refuse('CONFLICT', `Trigger ${event.trigger} exists already`, { field: 'id' })
    : !state.workflows.has(event.workflow)
    ? refuse('NOT_FOUND', `Workflow with ID ${event.workflow} not found`, { field: 'workflow_id' })
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
    secret: event.secret,
    created_by: event.by,
    created_at: turn.now,
    last_fired_at: null,
    fire_count: 0,
  }
  keepTrigger(state, trigger, turn)
  answer(turn, event.reply, { type: 'trigger', trigger })
}

/**
 * Somebody calls a webhook. Checked in this order: the trigger, its secret, whether it is enabled, its cooldown, the
 * body, and then whether a job can be made. Only a call that makes a job starts the cooldown.
 */
export function webhookReceived(state: State, event: WebhookReceived, turn: Turn): void {
  const fired = fire(state, event, turn)
  answer(turn, event.reply, isRefusal(fired) ? { type: 'refusal', refusal: fired } : { type: 'fired', ...fired })
}

function fire(
  state: State,
  event: WebhookReceived,
  turn: Turn,
): { readonly trigger: TriggerRow; readonly job: JobRow } | Refusal {
  const trigger = state.triggers.get(event.trigger)
  if (trigger === undefined) {
    return refuse('TRIGGER_NOT_FOUND', `Trigger with ID ${event.trigger.slice(0, 256)} not found`)
  }
  if (trigger.secret !== null && trigger.secret !== event.secret) {
    const message = event.secret === null ? 'Missing header: X-Webhook-Secret' : 'Wrong webhook secret'
    return refuse('AUTHENTICATION_FAILED', message)
  }
  if (!trigger.enabled) return refuse('FORBIDDEN', 'Trigger is disabled')
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
  const job = enter(state, order, { trigger: trigger.id, retryOf: null, runs }, turn)
  if (isRefusal(job)) return job
  const after = { ...trigger, last_fired_at: turn.now, fire_count: trigger.fire_count + 1 }
  keepTrigger(state, after, turn)
  announceTrigger(state, after, job, turn)
  return { trigger: after, job }
}

/** Whole seconds until the trigger may fire again: waiting that long is enough. 0 when it may now. */
function coolingFor(trigger: TriggerRow, turn: Turn): number {
  if (trigger.last_fired_at === null) return 0
  return Math.max(0, Math.ceil((trigger.last_fired_at + trigger.cooldown_ms - turn.now) / 1000))
}

/** The trigger's own parameters, and over them those of the event. */
function merged(own: JsonText, event: JsonText): JsonText {
  if (own === '{}') return event
  return toText({ ...JSON.parse(own) as JsonObject, ...JSON.parse(event) as JsonObject })
}
