import type { State } from '../state.ts'
import { subscriptionsOf, type TriggerRow } from '../records/trigger.ts'
import type { Millis, TriggerId } from '../base/ids.ts'
import type { Turn } from '../turn.ts'

/**
 * The time that skips may wait to be counted in the row of their trigger: a flood of them costs one commit in this
 * time.
 */
const SKIPS_SAVED_MS: Millis = 1_000

/**
 * Changes a trigger. The only function that does. Adds the skips that its row has yet to count, and returns the saved
 * row.
 */
export function saveTrigger(state: State, trigger: TriggerRow, turn: Turn): TriggerRow {
  const skipped_count = trigger.skipped_count + takeUnsavedSkips(state, trigger.id)
  const row = skipped_count === trigger.skipped_count ? trigger : { ...trigger, skipped_count }
  indexTrigger(state, row)
  turn.out.rows.triggers.set(row.id, row)
  return row
}

/** Counts a skip that is not written down, in the row of the trigger when that is next written, and within a second. */
export function countSkip(state: State, id: TriggerId, turn: Turn): void {
  const before = state.unsavedSkips.get(id)
  state.unsavedSkips.set(id, (before ?? 0) + 1)
  if (before === undefined) state.timers.set('trigger.skips', id, turn.now + SKIPS_SAVED_MS)
}

/** Counts in the row of a trigger the skips that wait for it. */
export function saveSkips(state: State, id: TriggerId, turn: Turn): void {
  const trigger = state.triggers.get(id)
  if (trigger !== undefined && state.unsavedSkips.has(id)) saveTrigger(state, trigger, turn)
}

function takeUnsavedSkips(state: State, id: TriggerId): number {
  const unsaved = state.unsavedSkips.get(id) ?? 0
  if (unsaved > 0) {
    state.unsavedSkips.delete(id)
    state.timers.cancel('trigger.skips', id)
  }
  return unsaved
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
  takeUnsavedSkips(state, trigger.id)
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
