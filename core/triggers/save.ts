import type { State } from '../state.ts'
import { subscriptionsOf, type TriggerRow } from '../records/trigger.ts'
import type { Turn } from '../turn.ts'

/** The only way a trigger changes. */
export function saveTrigger(state: State, trigger: TriggerRow, turn: Turn): void {
  indexTrigger(state, trigger)
  turn.out.rows.triggers.set(trigger.id, trigger)
}

/** A trigger in memory, to be found by what it listens to. */
export function indexTrigger(state: State, trigger: TriggerRow): void {
  const before = state.triggers.get(trigger.id)
  state.triggers.set(trigger.id, trigger)
  if (before?.config === trigger.config) return
  if (before !== undefined) unsubscribe(state, before)
  for (const topic of subscriptionsOf(trigger)) {
    const subscribers = state.subscribers.get(topic)
    if (subscribers === undefined) state.subscribers.set(topic, new Set([trigger.id]))
    else subscribers.add(trigger.id)
  }
}

/** The only way a trigger goes, and its events with it. */
export function deleteTrigger(state: State, trigger: TriggerRow, turn: Turn): void {
  state.triggers.delete(trigger.id)
  unsubscribe(state, trigger)
  turn.out.rows.triggers.delete(trigger.id)
  turn.out.deletions.triggers.add(trigger.id)
}

function unsubscribe(state: State, trigger: TriggerRow): void {
  for (const topic of subscriptionsOf(trigger)) {
    const subscribers = state.subscribers.get(topic)
    subscribers?.delete(trigger.id)
    if (subscribers?.size === 0) state.subscribers.delete(topic)
  }
}
