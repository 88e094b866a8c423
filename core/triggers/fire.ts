import { Budget } from './budget.ts'
import type { Turn } from '../turn.ts'
import type { FactOf } from '../fact.ts'
import { familyTooLarge, joinFamily, rootOf } from '../jobs/family.ts'
import type { JobId, JsonText } from '../base/ids.ts'
import { instantText } from '../base/instant.ts'
import type { JobRow } from '../records/job.ts'
import { CALL_DEPTH_MAX, EVENT_BYTES_MAX } from '../settings.ts'
import { parametersOf, passesFilter } from './selection.ts'
import { fromText, type JsonObject } from '../base/json.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import { publishedWorkflow } from '../workflows/definitions.ts'
import { skipWindow } from '../limiter/rates.ts'
import type { State } from '../state.ts'
import { cooldownLeft, type TriggerEventRow, type TriggerRow } from '../records/trigger.ts'
import { exceedsBytes } from '../base/text.ts'
import { recordHistory } from '../jobs/history.ts'
import { createJob, DEFAULT_JOB_SPEC, NO_SOURCE } from '../jobs/create.ts'
import { countSkip, saveTrigger } from './save.ts'

/** The outcome of an event for a trigger, from any origin: a job, or the reason why there is none. */

/** Something that a trigger is there for. */
export interface TriggerInput {
  readonly job: JobId
  readonly by: string
  readonly payload: JsonText
  readonly metadata: JsonText
  /** The job that asks for it, or whose end it is. */
  readonly parent: JobRow | null
}

/** A job, or a skip, which is not an error. */
export type FireResult =
  | { readonly trigger: TriggerRow; readonly job: JobRow; readonly skipped: null }
  | { readonly trigger: TriggerRow; readonly job: null; readonly skipped: string }

/** Makes a job, skips an event that the filter rejects, or returns the same refusal as a submission. */
export function fire(
  state: State,
  trigger: TriggerRow,
  input: TriggerInput,
  turn: Turn,
  whileDraining = false,
): FireResult | Refusal {
  const { filter, mapping } = trigger
  if (exceedsBytes(input.payload, EVENT_BYTES_MAX)) {
    const message = `The payload must not exceed ${EVENT_BYTES_MAX} bytes`
    return refuse('PAYLOAD_TOO_LARGE', message, { max_bytes: EVENT_BYTES_MAX })
  }
  // Parsed only if a filter or a mapping needs it.
  const event = filter === null && mapping === null ? null : eventOf(trigger, input, turn)
  const budget = new Budget()
  const passed = filter === null || event === null || passesFilter(filter, event, budget)
  if (isRefusal(passed)) return passed
  if (!passed) return skip(state, trigger, input, 'filter', turn)
  const cooldown = cooldownRefusal(trigger, turn)
  if (cooldown !== null) return cooldown
  const depth = input.parent === null ? 0 : input.parent.depth + 1
  if (depth > CALL_DEPTH_MAX) {
    const message = `${depth} jobs have called or followed each other, at most ${CALL_DEPTH_MAX} may: is it a loop?`
    return refuse('CALL_TOO_DEEP', message, { depth, limit: CALL_DEPTH_MAX, parent_job_id: input.parent?.id })
  }
  const wide = input.parent === null ? null : familyTooLarge(state, input.parent)
  if (wide !== null) return wide
  const workflow = publishedWorkflow(state.workflows.get(trigger.workflow_id), trigger.workflow_id, state)
  if (isRefusal(workflow)) return workflow
  const parameters = event === null && trigger.parameters === '{}'
    ? input.payload
    : parametersOf(trigger.parameters, mapping, event ?? eventOf(trigger, input, turn), budget)
  if (isRefusal(parameters)) return parameters
  const spec = {
    ...DEFAULT_JOB_SPEC,
    job: input.job,
    by: input.by,
    parameters,
    priority: trigger.priority,
  }
  const { parent } = input
  const root = parent === null ? null : rootOf(parent)
  const job = createJob(state, spec, {
    ...NO_SOURCE,
    trigger: trigger.id,
    parent,
    root,
    while_draining: whileDraining,
    workflow,
  }, turn)
  if (isRefusal(job)) return job
  const fired = { last_triggered: turn.now, trigger_count: trigger.trigger_count + 1 }
  const after = saveTrigger(state, { ...trigger, ...fired }, turn)
  recordTriggerEvent(state, after, input, { outcome: 'fired', reason: '', job_id: job.id }, turn)
  if (parent !== null) {
    joinFamily(state, parent)
    recordStartedJob(state, parent, job, turn)
  }
  return { trigger: after, job, skipped: null }
}

/** The same for events without a waiting caller: a refusal is recorded as a skip. */
export function fireOrSkip(state: State, trigger: TriggerRow, input: TriggerInput, turn: Turn): FireResult {
  const fired = fire(state, trigger, input, turn, true)
  return isRefusal(fired) ? skip(state, trigger, input, skipReason(fired), turn) : fired
}

/** The history of a job says which jobs it has called, or were started by its end. */
function recordStartedJob(state: State, parent: JobRow, child: JobRow, turn: Turn): void {
  const cause = { by: child.created_by, detail: `started job ${child.id} of ${child.workflow_id}` }
  recordHistory(state, parent, turn, { event: 'started_job', from_status: parent.status, cause })
}

/** Counts the ends of the jobs that a trigger has made; jobs that a user has retried do not count. */
export function countTriggerRun(state: State, { job }: FactOf<'job.ended'>, turn: Turn): void {
  const trigger = job.trigger_id === null || job.retry_of !== null ? undefined : state.triggers.get(job.trigger_id)
  if (trigger === undefined || job.status === 'cancelled') return
  const { success_count, error_count } = trigger
  const counts = job.status === 'completed' ? { success_count: success_count + 1 } : { error_count: error_count + 1 }
  saveTrigger(state, { ...trigger, ...counts }, turn)
}

/** The refusal during a cooldown; null if it is over. */
export function cooldownRefusal(trigger: TriggerRow, turn: Turn): Refusal | null {
  const cooldown_remaining = cooldownLeft(trigger, turn.now)
  if (cooldown_remaining === 0) return null
  return refuse('RATE_LIMITED', 'Trigger is in cooldown period', { cooldown_remaining })
}

/**
 * Records an event that started no job. Every skip is counted; at most 60 a minute and trigger are stored, and only these cost
 * a commit of their own.
 */
export function skip(state: State, trigger: TriggerRow, input: TriggerInput, reason: string, turn: Turn): FireResult {
  if (!skipWindow(state, trigger.id).take(turn.now)) {
    countSkip(state, trigger.id, turn)
    return { trigger, job: null, skipped: reason }
  }
  const after = saveTrigger(state, { ...trigger, skipped_count: trigger.skipped_count + 1 }, turn)
  recordTriggerEvent(state, after, input, { outcome: 'skipped', reason, job_id: null }, turn)
  return { trigger: after, job: null, skipped: reason }
}

/** The stored reason of a refusal that no caller gets. */
export function skipReason({ refused, details }: Refusal): string {
  return 'cooldown_remaining' in details ? 'cooldown' : refused
}

/** The TriggerEvent of the API reference, for paths to be followed in. */
function eventOf(trigger: TriggerRow, { payload, metadata }: TriggerInput, turn: Turn): JsonObject {
  return {
    trigger_id: trigger.id,
    trigger_type: trigger.trigger_type,
    workflow_id: trigger.workflow_id,
    scenario_id: trigger.scenario_id,
    timestamp: instantText(turn.now),
    payload: fromText(payload) as JsonObject,
    metadata: fromText(metadata) as JsonObject,
    priority: trigger.priority,
  }
}

function recordTriggerEvent(
  state: State,
  trigger: TriggerRow,
  { payload, metadata }: TriggerInput,
  result: Pick<TriggerEventRow, 'outcome' | 'reason' | 'job_id'>,
  turn: Turn,
): void {
  const row: TriggerEventRow = {
    seq: ++state.seq,
    trigger_id: trigger.id,
    trigger_type: trigger.trigger_type,
    workflow_id: trigger.workflow_id,
    scenario_id: trigger.scenario_id,
    timestamp: turn.now,
    // What is too large for anything is too large to be kept.
    payload: exceedsBytes(payload, EVENT_BYTES_MAX) ? '{}' as JsonText : payload,
    metadata,
    priority: trigger.priority,
    ...result,
  }
  turn.out.triggerEvents.push(row)
  turn.facts.push({ type: 'trigger.fired', trigger, event: row })
}
