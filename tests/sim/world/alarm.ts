import type { Millis } from '../../../core/base/ids.ts'
import type { AgendaEntry } from './agenda.ts'
import type { Chance } from './chance.ts'
import type { Faults } from './faults.ts'
import type { World } from './world.ts'

/** S7: the server's one alarm, which may come late, and twice. */
export class Alarm {
  readonly #world: World
  readonly #faults: Faults
  readonly #chance: Chance
  readonly #stallsFor: () => Millis
  #entries: readonly AgendaEntry[] = []

  /** `stallsFor` is how long the process will still stand still. */
  constructor(world: World, faults: Faults, chance: Chance, stallsFor: () => Millis) {
    this.#stallsFor = stallsFor
    this.#world = world
    this.#faults = faults
    this.#chance = chance
  }

  /** Rings in so long; what it was set for before is forgotten. */
  set(ms: Millis, ring: () => void): void {
    this.silence()
    const bad = this.#chance.happens(this.#faults.rates('lateAlarm'))
    const wait = Math.max(0, ms) + (bad ? this.#chance.spread(10, 30_000) : 0)
    this.#entries = (bad ? [wait, wait + 1] : [wait]).map((each) => this.#world.after(each, () => this.#over(ring)))
  }

  /** Timers come before sockets. */
  #over(ring: () => void): void {
    const wait = this.#stallsFor()
    if (wait === 0) ring()
    else this.#entries = [...this.#entries, this.#world.after(wait, () => this.#over(ring))]
  }

  silence(): void {
    for (const thing of this.#entries) this.#world.cancel(thing)
    this.#entries = []
  }
}
