import type { JobRow } from '../../../core/records/job.ts'
import type { JobId, Millis } from '../../../core/base/ids.ts'
import type { MachineClock } from '../world/machine-clock.ts'
import type { HistoryRow } from '../../../core/records/job-history.ts'

/**
 * Elapsed time: the server's clock as if it had never been set. Instants in rows move along with the program's clock,
 * so each equals one of these plus the changes of the clock until then.
 */
export class TrueTime {
  readonly machineClock: MachineClock
  /** The sum of the clock's changes in all turns on the disk. */
  setBy: Millis = 0
  /** Since when the server has run without standing still. */
  steadySince: Millis = 0
  /** The creation of each job, since its row moves along only while a limit counts it. */
  readonly made = new Map<JobId, Millis>()
  /** Jobs whose scheduled instant was reached on the wall clock. */
  readonly scheduledTimeReached = new Set<JobId>()
  readonly #setBefore = new Map<number, Millis>()
  #unseen = 0

  constructor(machineClock: MachineClock) {
    this.machineClock = machineClock
  }

  now(): Millis {
    return this.machineClock.neverSet() + this.#unseen
  }

  /** The present instant as rows have it, if the program has done what it should. */
  inRows(): Millis {
    return this.now() + this.setBy
  }

  /** The elapsed time of a present instant in a row. */
  of(at: Millis): Millis {
    return at - this.setBy
  }

  /** A job was written in a turn at this instant. */
  written({ id, created_at, scheduled_time }: JobRow, before: JobRow | undefined, at: Millis): void {
    if (before === undefined) this.made.set(id, this.of(created_at))
    if (scheduled_time !== null && scheduled_time <= at) this.scheduledTimeReached.add(id)
  }

  /** Entries of a history stay as they were written. */
  entered({ seq }: HistoryRow): void {
    if (this.setBy !== 0) this.#setBefore.set(seq, this.setBy)
  }

  ofEntry({ seq, at }: HistoryRow): Millis {
    return at - (this.#setBefore.get(seq) ?? 0)
  }

  /**
   * A process starts with rows whose last instant is this one. A clock that was set forward cannot be distinguished
   * from time that has passed. If it was set back before that instant, no time has passed.
   */
  begun(last: Millis): void {
    this.#unseen = Math.max(this.machineClock.wall(), last) - this.setBy - this.machineClock.neverSet()
    this.steadySince = this.now()
  }

  /** It stands still no longer. */
  resumed(): void {
    this.steadySince = Math.max(this.steadySince, this.now())
  }

  /** From when on the server can be expected to do what is to be done at an instant of the wall. */
  get clockSteadySince(): Millis {
    return Math.max(this.steadySince, this.now() - (this.machineClock.monotonic() - this.machineClock.setAt))
  }
}
