import type { Millis, RobotId } from '../../../core/base/ids.ts'
import type { AgendaEntry } from './agenda.ts'
import type { World } from './world.ts'

/** A robot's process: it runs, it stands still, and when it has ended, what it had in mind is forgotten. */
export class Process {
  readonly #world: World
  readonly #id: RobotId
  /** Counts lives: what an earlier one had in mind does not happen any more. */
  #life = 0
  #up = false
  #paused = false
  /** Events that occurred while it was paused. */
  #missed: (() => void)[] = []

  constructor(world: World, id: RobotId) {
    this.#world = world
    this.#id = id
  }

  get up(): boolean {
    return this.#up
  }

  start(): void {
    this.#up = true
  }

  end(how: string): void {
    this.#world.note(`${this.#id}: its process ${how}`)
    this.#life++
    this.#up = false
    this.#paused = false
    this.#missed = []
  }

  /** R2: it stops where it is, and goes on later. Its connection stays open, and what arrives is kept for it. */
  pause(ms: Millis): void {
    if (!this.#up || this.#paused) return
    const life = this.#life
    this.#paused = true
    this.#world.note(`${this.#id}: stops for ${Math.round(ms / 1000)} s`)
    this.#world.after(ms, () => {
      if (life === this.#life) this.resume()
    })
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#world.mark('zombie spoke')
    for (const run of this.#missed.splice(0)) this.#run(run)
  }

  get life(): number {
    return this.#life
  }

  /** Does something later, if the process is still the same then. */
  later(ms: Millis, run: () => void): AgendaEntry {
    const life = this.#life
    return this.#world.after(ms, () => this.inLife(life, run))
  }

  /** Does something if it is still that life, and in a pause not before it is over. */
  inLife(life: number, run: () => void): void {
    if (life === this.#life) this.#run(run)
  }

  #run(run: () => void): void {
    if (this.#paused) this.#missed.push(run)
    else run()
  }
}
