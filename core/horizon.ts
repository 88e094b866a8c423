import type { Turn } from './effects.ts'
import type { Millis } from './ids.ts'
import { checkJob } from './job.ts'
import { indexDefinition, indexJob } from './keep.ts'
import type { State } from './state.ts'

/**
 * Pending jobs whose time is further off than the horizon are on disk only. It moves before they are needed, with the
 * page of jobs that it uncovers, and before anything else in a turn: a job that changed earlier in the turn would be
 * judged by where the horizon was, and might leave memory, with what it runs, for which nobody has asked the store.
 */
export function isHorizonDue(state: State, now: Millis): boolean {
  return state.timers.at('store.horizon', '') <= now
}

/** Pending jobs whose time comes nearer enter memory. The first event of the turn that finds it due has them. */
export function moveHorizon(state: State, turn: Turn): void {
  const { horizonMs } = state.settings
  state.horizonAt = Math.max(state.horizonAt, turn.now + horizonMs)
  state.timers.set('store.horizon', '', turn.now + horizonMs / 2)
  for (const definition of turn.prefetched.definitions) {
    if (!state.definitions.has(definition.hash)) indexDefinition(state, definition)
  }
  for (const job of turn.prefetched.due) if (!state.jobs.has(job.id)) indexJob(state, checkJob(job))
}
