import type { Turn } from '../turn.ts'
import type { Millis } from '../base/ids.ts'
import type { State } from '../state.ts'

/** How often the server's log has the same of the same robot, or the same of anybody who has not said who it is. */
const WARN_MS: Millis = 600_000

/** How many lines are told apart. Beyond, the log may repeat itself early. */
const WARNED_MAX = 1_000

/**
 * A line for the server's log, at most once in ten minutes for each `about`: what peers do again and again must not fill a
 * disk. `about` is of the server's own choosing, or names what is on record: never what a stranger says.
 */
export function warn(state: State, turn: Turn, about: string, message: string, details: object = {}): void {
  const last = state.warned.get(about)
  if (last !== undefined && turn.now - last < WARN_MS) return
  if (state.warned.size >= WARNED_MAX) state.warned.clear()
  state.warned.set(about, turn.now)
  turn.out.warnings.push({ message, details })
}

/** An episode is over: the next one is a line of its own. */
export function forgetWarning(state: State, about: string): void {
  state.warned.delete(about)
}
