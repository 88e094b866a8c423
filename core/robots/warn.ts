import type { Turn } from '../turn.ts'
import type { Millis } from '../base/ids.ts'
import type { State } from '../state.ts'

/** The interval in which the server's log repeats a line about the same robot, or about unregistered peers. */
const WARN_MS: Millis = 600_000

/** The number of different lines that are remembered. Beyond it, the log may repeat itself early. */
const WARNED_MAX = 1_000

/**
 * Logs a line, at most once in ten minutes for each `about`, so that peers that repeat an action do not fill the disk.
 * `about` is a constant of ours or names a record; it never contains input of an unknown peer.
 */
export function warn(state: State, turn: Turn, about: string, message: string, details: object = {}): void {
  const last = state.warned.get(about)
  if (last !== undefined && turn.now - last < WARN_MS) return
  if (state.warned.size >= WARNED_MAX) state.warned.clear()
  state.warned.set(about, turn.now)
  turn.out.warnings.push({ message, details })
}

/** Ends an episode: the next occurrence is logged at once. */
export function forgetWarning(state: State, about: string): void {
  state.warned.delete(about)
}
