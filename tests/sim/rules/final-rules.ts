import type { Millis } from '../../../core/base/ids.ts'
import type { State } from '../../../core/state.ts'
import type { Truth } from '../truth/truth.ts'
import type { SimRobot } from '../actors/robot.ts'
import { Violation } from '../violation.ts'

/** The final state, after the faults have stopped. */

const MINUTE: Millis = 60_000

/**
 * L2, L6, I37: every job has ended, every client knows, every robot is at work again, and memory is as empty as at the
 * beginning. L5: no delivery is pending.
 */
export function everythingIsDone(truth: Truth, state: State | null, robots: readonly SimRobot[]): void {
  if (state === null) throw new Violation('L6', 'the server does not run')
  if (state.held.size > 0) throw new Violation('L2', `everything has ended and ${state.held.size} robots hold slots`)
  for (const { id, jobs: work } of robots) {
    if (work.active().length > 0) throw new Violation('L2', `everything has ended and ${id} works on ${work.active()}`)
    if (!state.sessions.has(id)) throw new Violation('L6', `${id} is well and is not connected`)
    if (truth.robots.get(id)?.mode !== 'active') throw new Violation('L6', `${id} is well and gets no jobs`)
  }
  const pending = [...truth.webhooks.pending]
  if (pending.length > 0) throw new Violation('L5', `nobody was told, in the end: ${pending.slice(0, 3).join()}`)
  const { jobs, matching, concurrency, runs, deliveries, families } = state
  const left = jobs.size + matching.classes.size + concurrency.byKey.size + runs.size + families.size +
    deliveries.requestsInFlight
  if (left > 0) throw new Violation('I37', `everything has ended and ${left} things are in memory still`)
}

/** L4: no schedule waits for an instant that is past. */
export function schedulesCaughtUp({ time, schedules }: Truth): void {
  for (const { row } of schedules.values()) {
    const late = time.inRows() - (row.fires_at ?? Infinity)
    if (late > MINUTE) throw new Violation('L4', `${row.id} has not caught up: it is ${late} ms behind`)
  }
}
