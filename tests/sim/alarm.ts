import type { Millis } from '../../core/ids.ts'
import type { Thing } from './agenda.ts'
import type { Dice } from './dice.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

/** S7: the server's one alarm, which may come late, and twice. */
export class Alarm {
  readonly #world: World
  readonly #weather: Weather
  readonly #dice: Dice
  readonly #stallsFor: () => Millis
  #things: readonly Thing[] = []

  /** `stallsFor` is how long the process will still stand still. */
  constructor(world: World, weather: Weather, dice: Dice, stallsFor: () => Millis) {
    this.#stallsFor = stallsFor
    this.#world = world
    this.#weather = weather
    this.#dice = dice
  }

  /** Rings in so long; what it was set for before is forgotten. */
  set(ms: Millis, ring: () => void): void {
    this.silence()
    const bad = this.#dice.chance(this.#weather.often('lateAlarm'))
    const wait = Math.max(0, ms) + (bad ? this.#dice.spread(10, 30_000) : 0)
    this.#things = (bad ? [wait, wait + 1] : [wait]).map((each) => this.#world.after(each, () => this.#over(ring)))
  }

  /** Timers come before sockets. */
  #over(ring: () => void): void {
    const wait = this.#stallsFor()
    if (wait === 0) ring()
    else this.#things = [...this.#things, this.#world.after(wait, () => this.#over(ring))]
  }

  silence(): void {
    for (const thing of this.#things) this.#world.cancel(thing)
    this.#things = []
  }
}
