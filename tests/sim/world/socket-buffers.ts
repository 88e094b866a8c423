import type { Event } from '../../../core/events/index.ts'
import type { Millis } from '../../../core/base/ids.ts'
import type { Chance } from './chance.ts'
import type { World } from './world.ts'

/** S9: while the process stands still what is sent to it waits in its sockets, and is read in several goes afterwards. */
export class SocketBuffers {
  readonly #world: World
  readonly #chance: Chance
  readonly #push: (event: Event) => void
  readonly #unread: Event[] = []
  #until: Millis = 0

  constructor(world: World, push: (event: Event) => void) {
    this.#world = world
    this.#chance = world.chance('sockets')
    this.#push = push
  }

  /** The remaining time of the stall. */
  get stallsFor(): Millis {
    return Math.max(0, this.#until - this.#world.now)
  }

  /** Something has arrived: it is read at once, unless it has to wait. */
  arrive(event: Event): void {
    if (this.stallsFor === 0 && this.#unread.length === 0) this.#push(event)
    else this.#unread.push(event)
  }

  /** From now on it stands still for so long. `over` is called then. */
  stall(ms: Millis, over: () => void): void {
    this.#until = Math.max(this.#until, this.#world.now + Math.ceil(ms))
    this.#world.after(Math.ceil(ms), over)
    this.#poll(ms + 1)
  }

  /** One look at the sockets. */
  read(): void {
    if (this.stallsFor > 0) return
    for (const event of this.#unread.splice(0, this.#chance.whole(1, 20))) this.#push(event)
  }

  /** The process is gone, and its connections with it. */
  drop(): void {
    this.#unread.length = 0
  }

  #poll(ms: Millis): void {
    this.#world.after(ms, () => {
      if (this.stallsFor > 0) return
      this.read()
      if (this.#unread.length > 0) this.#poll(1)
    })
  }
}
