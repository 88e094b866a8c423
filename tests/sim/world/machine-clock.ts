import type { ClockSource } from '../../../adapters/fleet/clock.ts'
import type { Millis } from '../../../core/base/ids.ts'
import type { World } from './world.ts'

/** C1, C2: the clock of the server's machine, which people set, and which goes too fast or too slow. Processes come and go. */
export class MachineClock implements ClockSource {
  /** The true time of the last change. */
  setAt: Millis = 0
  readonly #world: World
  #setBy = 0
  #rate = 0
  #drifted = 0
  #since: Millis

  constructor(world: World) {
    this.#world = world
    this.#since = world.now
  }

  /** The time that it shows. */
  wall(): Millis {
    return this.neverSet() + this.#setBy
  }

  /** True time, as `performance.now()` is for all that matters. */
  monotonic(): Millis {
    return this.#world.now
  }

  /** The time that it would show if it had never been set. */
  neverSet(): Millis {
    const { now } = this.#world
    return Math.floor(now + this.#drifted + (now - this.#since) * this.#rate)
  }

  set(by: Millis): void {
    this.#setBy += Math.round(by)
    this.setAt = this.#world.now
  }

  /** From here on it gains so much of each second, or loses it. */
  drift(rate: number): void {
    const { now } = this.#world
    this.#drifted += (now - this.#since) * this.#rate
    this.#since = now
    this.#rate = rate
  }
}
