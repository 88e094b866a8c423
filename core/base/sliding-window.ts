import type { Millis } from './ids.ts'

/** How many in how long. None at most means no limit. */
export interface Limit {
  readonly most: number
  readonly windowMs: Millis
}

/** What is left of a limit, as whoever is held to it is told. */
export interface Quota {
  readonly limit: number
  readonly remaining: number
  /** The first instant at which more remains; the present one while nothing is used up. */
  readonly resetAt: Millis
  /** How long until one more is accepted; 0 when it is now. */
  readonly retryAfterMs: Millis
}

/** A window, as plain data that is short as text: how long before the newest each of the others was, newest first. */
export interface WindowSnapshot {
  readonly newest: Millis
  readonly before: readonly Millis[]
}

/**
 * The last instants at which something was accepted: as many as the limit has. One more is accepted when the oldest of
 * them is no longer in the window, so never more than the limit stand in any window (t − W, t], whatever the clock does
 * between. Constant time, and no more memory than has been used. Instants must not go back.
 */
export class SlidingWindow {
  readonly #limit: Limit
  /** Grows to the limit, and is written over in a circle from then on. */
  readonly #times: Millis[] = []
  /** Where the oldest is, once it is full. */
  #next = 0

  constructor(limit: Limit) {
    this.#limit = limit
  }

  /** Whether one more would be accepted now. */
  isOpen(now: Millis): boolean {
    const { most, windowMs } = this.#limit
    if (most === 0 || this.#times.length < most) return true
    return now - (this.#times[this.#next] ?? 0) >= windowMs
  }

  /** Counts one, whether or not it would have been accepted: what may not be refused takes the place of what may. */
  count(now: Millis): void {
    const { most } = this.#limit
    if (most === 0) return
    if (this.#times.length < most) {
      this.#times.push(now)
      return
    }
    this.#times[this.#next] = now
    this.#next = (this.#next + 1) % most
  }

  /** Counts one if it is accepted. */
  take(now: Millis): boolean {
    const open = this.isOpen(now)
    if (open) this.count(now)
    return open
  }

  /** The clock was set: what was counted is as long ago as it was before. */
  shift(by: Millis): void {
    for (const [i, time] of this.#times.entries()) this.#times[i] = time + by
  }

  /** What is left. Null where there is no limit. Asking changes nothing. */
  quota(now: Millis): Quota | null {
    const { most, windowMs } = this.#limit
    if (most === 0) return null
    const used = this.#used(now)
    const resetAt = used === 0 ? now : this.#newest(used - 1) + windowMs
    const remaining = most - used
    return { limit: most, remaining, resetAt, retryAfterMs: remaining > 0 ? 0 : resetAt - now }
  }

  /** What there is to carry to where memory has gone; null when nothing is in the window. */
  snapshot(now: Millis): WindowSnapshot | null {
    const used = this.#used(now)
    if (used === 0) return null
    const newest = this.#newest(0)
    const before: Millis[] = []
    for (let back = 1; back < used; back++) before.push(newest - this.#newest(back))
    return { newest, before }
  }

  /** How many are in the window: those are the newest, so the first that is not is found by halving. */
  #used(now: Millis): number {
    let [from, to] = [0, this.#times.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (now - this.#newest(middle) < this.#limit.windowMs) from = middle + 1
      else to = middle
    }
    return from
  }

  /** The newest for 0, the one before it for 1. */
  #newest(back: number): Millis {
    const { length } = this.#times
    return this.#times[(this.#next - 1 - back + 2 * length) % length] ?? 0
  }
}

/** A window that has counted these instants, in their order. */
export function windowOf(limit: Limit, times: Iterable<Millis>): SlidingWindow {
  const window = new SlidingWindow(limit)
  for (const time of times) window.count(time)
  return window
}

/** A window as it was when its snapshot was made. */
export function restoreWindow(limit: Limit, { newest, before }: WindowSnapshot): SlidingWindow {
  return windowOf(limit, [...before.map((ms) => newest - ms).toReversed(), newest])
}

/** An instant in seconds, rounded up: who waits until then has waited long enough. */
export function epochSeconds(at: Millis): number {
  return Math.ceil(at / 1000)
}
