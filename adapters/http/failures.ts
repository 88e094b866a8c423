import type { Millis } from '../../core/ids.ts'
import { type Limit, type Quota, Ring } from '../../core/limiter.ts'

/** How often one address may show a wrong secret, or ask for a trigger that there is not, before it is told so. */
export const FAILURES: Limit = { most: 20, windowMs: 60_000 }

/** So many addresses are told apart. Beyond, those that failed longest ago are forgotten. */
const ADDRESSES_MAX = 10_000

/**
 * Whoever guesses is told less and less. Kept apart from the limits of the triggers, which outsiders must not use up; and
 * whoever has the right secret is let in all the same, for others may share his address.
 */
export class Failures {
  readonly #rings = new Map<string, Ring>()
  #now: Millis = 0

  /** Counts one. Null while there were not too many, and else what is left of the limit: nothing. */
  count(address: string, now: Millis): Quota | null {
    // A clock that was set back keeps nobody out for longer.
    if (now < this.#now) { for (const each of this.#rings.values()) each.move(now - this.#now) }
    this.#now = now
    let ring = this.#rings.get(address)
    this.#rings.delete(address)
    this.#rings.set(address, ring ??= new Ring(FAILURES))
    if (this.#rings.size > ADDRESSES_MAX) this.#rings.delete(this.#rings.keys().next().value ?? '')
    return ring.take(now) ? null : ring.quota(now)
  }
}
