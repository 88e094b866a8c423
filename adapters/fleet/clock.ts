import type { Millis } from '../../core/base/ids.ts'

/** The clocks of a runtime. */
export interface ClockSource {
  /** Wall-clock time, which may be set. */
  wall(): Millis
  /** Monotonic time, from any origin. A platform without such a clock returns the wall clock. */
  monotonic(): Millis
}

/** A difference to the wall clock above this means that the clock was set, or that the machine slept. */
export const SET_MS: Millis = 1_000

/**
 * A smaller difference is corrected gradually: time runs up to a twentieth faster or slower, so it takes at most twenty
 * seconds.
 */
const SLEW = 1 / 20

/**
 * The time that the core sees. It follows the monotonic clock, never runs backwards, and is slowly corrected towards
 * the wall clock. When the wall clock is further off, it was set: then `adjust` returns the difference once, and time
 * equals the wall clock again.
 */
export class Clock {
  readonly #source: ClockSource
  #monotonic: Millis
  #now: Millis
  /** The last adjustment, until it is on disk. */
  #uncommitted: { readonly by: Millis; readonly at: Millis } | null = null

  constructor(source: ClockSource) {
    this.#source = source
    this.#monotonic = source.monotonic()
    this.#now = source.wall()
  }

  /**
   * Starts from rows whose last instant is `last`. If that is in the future, the clock was set while no process ran;
   * and an adjustment that is not among the rows has to be repeated.
   */
  resumeFrom(last: Millis): void {
    const uncommitted = this.#uncommitted
    this.#uncommitted = null
    // A committed adjustment has the instant of its turn, or one just after it; older rows are further off.
    const isCommitted = uncommitted !== null && last >= uncommitted.at && last < uncommitted.at + SET_MS
    if (uncommitted !== null && !isCommitted) this.#now -= uncommitted.by
    this.#now = Math.max(this.#now, last)
  }

  /** The adjustment is on disk. */
  committed(): void {
    this.#uncommitted = null
  }

  /** The present instant. */
  now(): Millis {
    this.#read()
    return Math.floor(this.#now)
  }

  /** True if the clock was set, and `adjust` was not called since. */
  get isSet(): boolean {
    return Math.abs(this.#read()) > SET_MS
  }

  /** Adopts the wall clock after it was set, and returns the difference; 0 if it was not set. */
  adjust(): Millis {
    const off = this.#read()
    if (Math.abs(off) <= SET_MS) return 0
    const by = Math.round(off)
    this.#now += by
    this.#uncommitted = { by, at: this.now() }
    return by
  }

  /** Advances the time, and returns how far the wall clock is ahead. */
  #read(): Millis {
    const monotonic = this.#source.monotonic()
    const passed = Math.max(0, monotonic - this.#monotonic)
    this.#monotonic = monotonic
    const off = this.#source.wall() - (this.#now + passed)
    const slew = Math.abs(off) > SET_MS ? 0 : Math.max(-passed * SLEW, Math.min(passed * SLEW, off))
    this.#now += passed + slew
    return off - slew
  }
}
