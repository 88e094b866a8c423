import type { Millis } from './ids.ts'

/** A number of events per window. `most: 0` means no limit. */
export interface Limit {
  readonly most: number
  readonly windowMs: Millis
}

/** The state of a limit, as it is reported to the limited client. */
export interface Quota {
  readonly limit: number
  readonly remaining: number
  /** The instant at which more remains; the present one if nothing is used up. */
  readonly resetAt: Millis
  /** Milliseconds until one more is accepted; 0 if it is accepted now. */
  readonly retryAfterMs: Millis
}

/** A window as compact data: the newest instant, and the ages of the others relative to it, newest first. */
export interface WindowSnapshot {
  readonly newest: Millis
  readonly before: readonly Millis[]
}

/**
 * The instants of the last accepted events, at most as many as the limit. One more is accepted when the oldest of them
 * has left the window, so no window (t − W, t] ever contains more than the limit, whatever the clock does between.
 * Constant time, and memory only for what was used. Instants must not decrease.
 */
export class SlidingWindow {
  readonly #limit: Limit
  /** Grows up to the limit, and is then a ring buffer. */
  readonly #times: Millis[] = []
  /** The index of the oldest instant, once it is full. */
  #next = 0

  constructor(limit: Limit) {
    this.#limit = limit
  }

  /** True if one more would be accepted now. */
  isOpen(now: Millis): boolean {
    const { most, windowMs } = this.#limit
    if (most === 0 || this.#times.length < most) return true
    return now - (this.#times[this.#next] ?? 0) >= windowMs
  }

  /** Counts one even beyond the limit: an event that cannot be refused uses up the room of one that can. */
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

  /** Counts one if it is accepted. Returns false if not. */
  take(now: Millis): boolean {
    const open = this.isOpen(now)
    if (open) this.count(now)
    return open
  }

  /** Moves all instants after the clock was set, so that their ages stay. */
  shift(by: Millis): void {
    for (const [i, time] of this.#times.entries()) this.#times[i] = time + by
  }

  /** The state of the limit; null if there is no limit. Changes nothing. */
  quota(now: Millis): Quota | null {
    const { most, windowMs } = this.#limit
    if (most === 0) return null
    const used = this.#used(now)
    const resetAt = used === 0 ? now : this.#newest(used - 1) + windowMs
    const remaining = most - used
    return { limit: most, remaining, resetAt, retryAfterMs: remaining > 0 ? 0 : resetAt - now }
  }

  /** The window as data, to be restored after hibernation; null if it is empty. */
  snapshot(now: Millis): WindowSnapshot | null {
    const used = this.#used(now)
    if (used === 0) return null
    const newest = this.#newest(0)
    const before: Millis[] = []
    for (let back = 1; back < used; back++) before.push(newest - this.#newest(back))
    return { newest, before }
  }

  /** The number of instants in the window, found by binary search, since the newest are inside. */
  #used(now: Millis): number {
    let [from, to] = [0, this.#times.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (now - this.#newest(middle) < this.#limit.windowMs) from = middle + 1
      else to = middle
    }
    return from
  }

  /** The newest instant for 0, the one before it for 1. */
  #newest(back: number): Millis {
    const { length } = this.#times
    return this.#times[(this.#next - 1 - back + 2 * length) % length] ?? 0
  }
}

/** A window that has counted these instants, in order. */
export function windowOf(limit: Limit, times: Iterable<Millis>): SlidingWindow {
  const window = new SlidingWindow(limit)
  for (const time of times) window.count(time)
  return window
}

/** The window from which a snapshot was made. */
export function restoreWindow(limit: Limit, { newest, before }: WindowSnapshot): SlidingWindow {
  return windowOf(limit, [...before.map((ms) => newest - ms).toReversed(), newest])
}

/** An instant in seconds, rounded up, so that a client that waits until then has waited long enough. */
export function epochSeconds(at: Millis): number {
  return Math.ceil(at / 1000)
}
