import { Bug } from '../../core/base/assert.ts'
import type { Millis } from '../../core/base/ids.ts'
import { StaleEpoch } from '../store/contract.ts'

/** A bug that recurs within this time would recur for ever: the process ends and says so. */
const BUG_AGAIN_MS = 10_000

const PAUSE_MS_MAX = 10_000

/** Decides after a failed turn whether and when to load the state again. */
export class Recovery {
  #failed = 0
  #lastBug = -Infinity

  /**
   * Milliseconds until the state is loaded again, longer each time. Null if it must not be: another process has taken
   * over the database, or a bug has recurred at once.
   */
  pauseAfter(error: unknown, now: Millis): Millis | null {
    this.#failed++
    if (error instanceof StaleEpoch) return null
    if (error instanceof Bug) {
      if (now - this.#lastBug < BUG_AGAIN_MS) return null
      this.#lastBug = now
    }
    return Math.min(100 * 2 ** this.#failed, PAUSE_MS_MAX)
  }

  /** The state was loaded: the next pause is short again. */
  succeeded(): void {
    this.#failed = 0
  }
}
