import { decideCredential } from './credentials.ts'
import { findTrigger } from './receive.ts'
import { refuseRequest, reply, type Turn } from '../turn.ts'
import type { TriggerDeleted, TriggerSaved, TriggerSwitched } from '../events/triggers.ts'
import type { TriggerId } from '../base/ids.ts'
import { selectionProblem } from './selection.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../base/refusal.ts'
import type { State } from '../state.ts'
import { NO_RUNS_YET, type TriggerRow } from '../records/trigger.ts'
import { triggerTypeOf } from '../trigger-types/index.ts'
import { callTopic } from '../trigger-types/topic.ts'
import type { Reference } from '../trigger-types/trigger-type.ts'
import { deleteTrigger, saveTrigger } from './save.ts'

/** Commands of users about triggers. */

/** Creates a trigger, or replaces its settings. Its workflow must exist; it may be published later. */
export function triggerSaved(state: State, event: TriggerSaved, turn: Turn): void {
  const before = event.revision === null ? newTrigger(state, event, turn) : triggerToEdit(state, event, event.revision)
  if (isRefusal(before)) return refuseRequest(turn, event.reply, before)
  const known = state.triggers.get(event.trigger)
  const credential = settingsProblem(state, event.settings, event.trigger) ?? decideCredential(event, known)
  if (isRefusal(credential)) return refuseRequest(turn, event.reply, credential)
  const { shown, ...kept } = credential
  const trigger = saveTrigger(state, { ...before, ...event.settings, ...kept, updated_at: turn.now }, turn)
  reply(turn, event.reply, { type: 'saved_trigger', trigger, shown })
}

/** The fields of a new trigger besides its settings. */
function newTrigger(
  state: State,
  { trigger: id, by }: TriggerSaved,
  turn: Turn,
): typeof NO_RUNS_YET & Pick<TriggerRow, 'id' | 'created_by' | 'created_at'> | Refusal {
  if (state.triggers.has(id)) return refuse('CONFLICT', `Trigger ${id} exists already`, { fields: ['id'] })
  return { ...NO_RUNS_YET, id, created_by: by, created_at: turn.now }
}

/** The trigger that is changed, with its next revision; the cursor begins anew where the config does. */
function triggerToEdit(
  state: State,
  { trigger: id, settings }: TriggerSaved,
  revision: number,
): TriggerRow | Refusal {
  const known = findTrigger(state, id)
  if (isRefusal(known)) return known
  if (known.revision !== revision) {
    return refuse('CONFLICT', `Trigger ${id} was changed a moment ago: look at it again`, { revision: known.revision })
  }
  if (known.trigger_type !== settings.trigger_type) {
    const message = `Trigger ${id} is of type ${known.trigger_type}, and stays so: make another one`
    return refuse('CONFLICT', message, { fields: ['trigger_type'] })
  }
  const keepsCursor = triggerTypeOf(known.trigger_type).cursorSurvivesEdit ||
    JSON.stringify(known.config) === JSON.stringify(settings.config)
  return { ...known, cursor: keepsCursor ? known.cursor : '', revision: revision + 1 }
}

/** Checks that the records it names exist, and that its filter and mapping are valid. */
function settingsProblem(state: State, settings: TriggerSaved['settings'], id: TriggerId): Refusal | null {
  if (!state.workflows.has(settings.workflow_id)) {
    return notFound('Workflow', settings.workflow_id, { fields: ['workflow_id'] })
  }
  for (const reference of triggerTypeOf(settings.trigger_type).references(settings.config)) {
    const problem = referenceProblem(state, reference, id)
    if (problem !== null) return problem
  }
  return selectionProblem(settings)
}

/** The reason why a config cannot name this record; null if it can. */
function referenceProblem(state: State, reference: Reference, id: TriggerId): Refusal | null {
  const { record } = reference
  const fields = [reference.field]
  switch (record) {
    case 'workflow':
      return state.workflows.has(reference.id) ? null : notFound('Workflow', reference.id, { fields })
    case 'schedule':
      return state.schedules.has(reference.id) ? null : notFound('Schedule', reference.id, { fields })
    case 'alias': {
      const [taken] = state.subscribers.get(callTopic(reference.alias)) ?? []
      if (taken === undefined || taken === id) return null
      return refuse('CONFLICT', `Trigger ${taken} is called ${reference.alias} already`, { fields })
    }
  }
}

/**
 * Enables or disables a trigger. Callers were refused while it was disabled; mail that arrived is still in the mailbox.
 */
export function triggerSwitched(
  state: State,
  event: TriggerSwitched,
  turn: Turn,
): void {
  const known = findTrigger(state, event.trigger)
  if (isRefusal(known)) return refuseRequest(turn, event.reply, known)
  const changed = { enabled: event.enabled, revision: known.revision + 1, updated_at: turn.now }
  const trigger = saveTrigger(state, { ...known, ...changed }, turn)
  reply(turn, event.reply, { type: 'trigger', trigger })
}

/** A trigger is no more, and its events with it. Its jobs go on. */
export function triggerDeleted(
  state: State,
  event: TriggerDeleted,
  turn: Turn,
): void {
  const trigger = findTrigger(state, event.trigger)
  if (isRefusal(trigger)) return refuseRequest(turn, event.reply, trigger)
  deleteTrigger(state, trigger, turn)
  reply(turn, event.reply, { type: 'trigger', trigger })
}
