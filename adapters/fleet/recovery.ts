import { Bug } from '../../core/base/assert.ts'
import type { Millis } from '../../core/base/ids.ts'
import { StaleEpoch } from '../store/contract.ts'

/** A bug of ours that comes again this soon would come for ever: the process ends and says so. */
const BUG_AGAIN_MS = 10_000

const PAUSE_MS_MAX = 10_000

/** Says after a failed turn whether the state may be loaded again, and when. */
export class Recovery {
  #failed = 0
  #lastBug = -Infinity

  /**
   * How long to wait before the state is loaded again: longer each time. Null when it never can be, since another process
   * has taken over the database, or a bug of ours has come again at once.
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

  /** The state has been loaded: the next pause is a short one again. */
  succeeded(): void {
    this.#failed = 0
  }
}
