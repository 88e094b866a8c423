import type { Millis } from '../../core/ids.ts'
import type { State } from '../../core/state.ts'
import type { Ledger } from './ledger.ts'
import type { SimRobot } from './robot.ts'
import { Violation } from './rule.ts'

/** What must be so in the end, when nothing goes wrong any more. */

const MINUTE: Millis = 60_000

/**
 * L2, L6, I37: everything has ended, everybody knows, every robot is at work again, and memory is as empty as it was at
 * the beginning. L5: nothing is left to be told.
 */
export function atRest(ledger: Ledger, state: State | null, robots: readonly SimRobot[]): void {
  if (state === null) throw new Violation('L6', 'the server does not run')
  if (state.held.size > 0) throw new Violation('L2', `everything has ended and ${state.held.size} robots hold slots`)
  for (const { id, desk } of robots) {
    if (desk.active().length > 0) throw new Violation('L2', `everything has ended and ${id} works on ${desk.active()}`)
    if (!state.sessions.has(id)) throw new Violation('L6', `${id} is well and is not connected`)
    if (ledger.robots.get(id)?.mode !== 'active') throw new Violation('L6', `${id} is well and gets no jobs`)
  }
  const owed = [...ledger.hooks.pending]
  if (owed.length > 0) throw new Violation('L5', `nobody was told, in the end: ${owed.slice(0, 3).join()}`)
  const { jobs, roster, gates, runs, outbox } = state
  const left = jobs.size + roster.classes.size + gates.byKey.size + runs.size + outbox.calls
  if (left > 0) throw new Violation('I37', `everything has ended and ${left} things are in memory still`)
}

/** L4: no schedule waits for an instant that is past. */
export function caughtUp({ time, timetable }: Ledger): void {
  for (const { row } of timetable.values()) {
    const late = time.inRows() - (row.fires_at ?? Infinity)
    if (late > MINUTE) throw new Violation('L4', `${row.id} has not caught up: it is ${late} ms behind`)
  }
}
