import type { Millis } from '../core/ids.ts'

/** What a clock is read from. */
export interface Dials {
  /** What people call the time: it may be set. */
  wall(): Millis
  /** Goes on evenly, whatever becomes of the wall; from where is all the same. A platform that has nothing of the kind gives the wall. */
  steady(): Millis
}

/** The clock of the wall is further off than this only when somebody has set it, or the machine has slept. */
export const SET_MS: Millis = 1_000

/** What is less is taken up little by little: time goes on by up to a twentieth faster or slower, so within twenty seconds. */
const SLEW = 1 / 20

/**
 * The time that the core is shown. Between two settings of the clock it goes on by what is steady, never back, and keeps to
 * the wall as that drifts. When the wall is further off it was set: then `taken` says by how much, once, and time is the
 * wall's again.
 */
export class Clock {
  readonly #dials: Dials
  #steady: Millis
  #now: Millis
  /** What was taken up last, until it is on disk. */
  #unkept: { readonly by: Millis; readonly at: Millis } | null = null

  constructor(dials: Dials) {
    this.#dials = dials
    this.#steady = dials.steady()
    this.#now = dials.wall()
  }

  /**
   * A state begins from rows whose last instant is this one. Where they are of a later instant, the clock was set while nobody
   * looked; and what was taken up and is not among them is to be taken up once more.
   */
  begin(last: Millis): void {
    const unkept = this.#unkept
    this.#unkept = null
    // Its turn is of the instant at which it was taken up, or of one just after that; what was before is further off.
    const kept = unkept !== null && last >= unkept.at && last < unkept.at + SET_MS
    if (unkept !== null && !kept) this.#now -= unkept.by
    this.#now = Math.max(this.#now, last)
  }

  /** What was taken up is on disk. */
  kept(): void {
    this.#unkept = null
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
  taken(): Millis {
    const off = this.#read()
    if (Math.abs(off) <= SET_MS) return 0
    const by = Math.round(off)
    this.#now += by
    this.#unkept = { by, at: this.now() }
    return by
  }

  /** Goes on, and says how far the wall is ahead. */
  #read(): Millis {
    const steady = this.#dials.steady()
    const passed = Math.max(0, steady - this.#steady)
    this.#steady = steady
    const off = this.#dials.wall() - (this.#now + passed)
    const slew = Math.abs(off) > SET_MS ? 0 : Math.max(-passed * SLEW, Math.min(passed * SLEW, off))
    this.#now += passed + slew
    return off - slew
  }
}
