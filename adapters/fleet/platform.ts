import type { Millis } from '../../core/base/ids.ts'
import type { JsonObject } from '../../core/base/json.ts'
import type { Refusal } from '../../core/base/refusal.ts'
import type { TriggerType } from '../../core/trigger-types/index.ts'
import type { SendPost } from '../net/post.ts'
import type { SourceStarters } from '../sources/sources.ts'

/** The services of a runtime: clock, randomness, one alarm, and deferred execution. */
export interface Platform {
  /** True if memory may be evicted while sockets stay open: each socket then stores a snapshot. */
  readonly hibernates: boolean
  now(): Millis
  /**
   * Monotonic time, independent of changes to `now`. Absent on platforms without it: there a clock that is set forward
   * counts as elapsed time.
   */
  monotonic?(): Millis
  /** For messages and requests. */
  uuid(): string
  /** For rows: a UUID that sorts by creation time, so that rows made together are stored together. */
  rowId(): string
  seed(): number
  defer(run: () => void, ms?: Millis): void
  /** Calls `onAlarm` at or soon after the instant; null cancels. */
  setAlarm(at: Millis | null, onAlarm: () => void): void
  /** Sends a request to another system. */
  readonly post: SendPost
  /** The sources of triggers that this platform can run, by type. */
  readonly sources?: SourceStarters
  /** Platform checks of a valid config, for instance of a folder that may not be watched; null if nothing is wrong. */
  readonly configChecks?: {
    readonly [T in TriggerType]?: (config: JsonObject) => Refusal | null | Promise<Refusal | null>
  }
  log(level: 'info' | 'warn' | 'error', message: string, details?: object): void
}
