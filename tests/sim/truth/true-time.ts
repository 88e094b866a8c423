import type { JobRow } from '../../../core/records/job.ts'
import type { JobId, Millis } from '../../../core/base/ids.ts'
import type { MachineClock } from '../world/machine-clock.ts'
import type { HistoryRow } from '../../../core/records/job-history.ts'

/**
 * How long things really take: the server's clock as if nobody had ever set it. What is in the program's rows goes along with
 * its clock, so an instant of a row is one of these and what the clock was set by until then.
 */
export class TrueTime {
  readonly machineClock: MachineClock
  /** What the clock was set by, in all turns that are on the disk. */
  setBy: Millis = 0
  /** Since when the server has run without standing still. */
  steadySince: Millis = 0
  /** When each job was made: its own row goes along only as long as a limit looks at it. */
  readonly made = new Map<JobId, Millis>()
  /** Jobs whose time on the wall has come. */
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

  /** When it was, by an instant in a row that is of the present. */
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
   * A process begins with rows whose last instant is this one. That the clock was set forward since cannot be told from time
   * that has passed. Where it was set back to before that instant, no time has passed.
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
