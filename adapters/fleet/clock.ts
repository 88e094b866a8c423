import type { Millis } from '../../core/base/ids.ts'

/** What a clock is read from. */
export interface ClockSource {
  /** What people call the time: it may be set. */
  wall(): Millis
  /** Goes on evenly, whatever becomes of the wall; from where is all the same. A platform that has nothing of the kind gives the wall. */
  monotonic(): Millis
}

/** The clock of the wall is further off than this only when somebody has set it, or the machine has slept. */
export const SET_MS: Millis = 1_000

/** What is less is taken up little by little: time goes on by up to a twentieth faster or slower, so within twenty seconds. */
const SLEW = 1 / 20

/**
 * The time that the core is shown. Between two settings of the clock it follows the monotonic clock, never back, and keeps to
 * the wall as that drifts. When the wall is further off it was set: then `adjust` says by how much, once, and time is the
 * wall's again.
 */
export class Clock {
  readonly #source: ClockSource
  #monotonic: Millis
  #now: Millis
  /** What was taken up last, until it is on disk. */
  #uncommitted: { readonly by: Millis; readonly at: Millis } | null = null

  constructor(source: ClockSource) {
    this.#source = source
    this.#monotonic = source.monotonic()
    this.#now = source.wall()
  }

  /**
   * A state begins from rows whose last instant is this one. Where they are of a later instant, the clock was set while nobody
   * looked; and what was taken up and is not among them is to be taken up once more.
   */
  resumeFrom(last: Millis): void {
    const uncommitted = this.#uncommitted
    this.#uncommitted = null
    // Its turn is of the instant at which it was taken up, or of one just after that; what was before is further off.
    const isCommitted = uncommitted !== null && last >= uncommitted.at && last < uncommitted.at + SET_MS
    if (uncommitted !== null && !isCommitted) this.#now -= uncommitted.by
    this.#now = Math.max(this.#now, last)
  }

  /** What was taken up is on disk. */
  committed(): void {
    this.#uncommitted = null
  }

  /** The present instant. */
  now(): Millis {
    this.#read()
    return Math.floor(this.#now)
  }

  /** Whether the clock was set, and nobody has taken that up yet. */
  get isSet(): boolean {
    return Math.abs(this.#read()) > SET_MS
  }

  /** Takes up what the clock was set by: from here on time is the wall's. 0 when it was not set. */
  adjust(): Millis {
    const off = this.#read()
    if (Math.abs(off) <= SET_MS) return 0
    const by = Math.round(off)
    this.#now += by
    this.#uncommitted = { by, at: this.now() }
    return by
  }

  /** Goes on, and says how far the wall is ahead. */
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
