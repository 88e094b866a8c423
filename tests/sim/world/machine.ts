import { FleetClock } from '../../../adapters/fleet/fleet-clock.ts'
import type { Millis } from '../../../core/base/ids.ts'
import { Alarm } from './alarm.ts'
import type { CommitOptions } from './commits.ts'
import type { Chance } from './chance.ts'
import type { Mutant, ServerClock } from '../mutants/mutant.ts'

/** C1: what clocks are set by. */
const STEP_MS_MIN: Millis = 30_000
const STEP_MS_MAX: Millis = 365 * 86_400_000

/** The machine of the server: a clock, which can be set, and an alarm. Both outlive its processes. */
export class Machine {
  readonly alarm: Alarm
  readonly #options: CommitOptions & { readonly mutant: Mutant }
  readonly #chance: Chance

  /** `stallsFor` is how long the process will still stand still. */
  constructor(options: CommitOptions & { readonly mutant: Mutant }, chance: Chance, stallsFor: () => Millis) {
    this.#options = options
    this.#chance = chance
    this.alarm = new Alarm(options.world, options.faults, chance, stallsFor)
  }

  /** C1: the clock is set. */
  setClock(): void {
    const ms = this.#chance.spread(STEP_MS_MIN, STEP_MS_MAX) * (this.#chance.happens(0.5) ? 1 : -1)
    this.#options.world.note(`server: the clock is set by ${Math.round(ms / 1000)} s`)
    this.#options.truth.time.machineClock.set(ms)
  }

  /** It begins anew, and takes its time from a battery that may be wrong. */
  restart(): void {
    if (this.#options.faults.rates('clockJump') > 0 && this.#chance.happens(0.1)) this.setClock()
  }

  /** C2: from now on the clock gains, or loses, so much of each second. */
  drift(rate: number): void {
    if (rate !== 0) this.#options.world.mark('clock drifted')
    this.#options.truth.time.machineClock.drift(rate)
  }

  /** A process begins with rows whose last instant is this one. */
  begun(last: Millis): void {
    const { time } = this.#options.truth
    if (last > time.machineClock.wall()) this.#options.world.mark('clock set back while down')
    time.begun(last)
  }

  /**
   * The clock of a new process. Its alarm follows the monotonic clock, as `setTimeout` does, and stays set while the
   * process sleeps.
   */
  newClock(): ServerClock {
    const { truth, mutant, world } = this.#options
    const { machineClock } = truth.time
    const clock = new FleetClock({
      hibernates: false,
      now: () => machineClock.wall(),
      monotonic: () => machineClock.monotonic(),
      setAlarm: (at, ring) => at === null ? this.alarm.silence() : this.alarm.set(at - machineClock.wall(), ring),
      log: (_level, message) => {
        world.mark(message.endsWith('back') ? 'clock set back' : 'clock set forward')
        world.note(`server: ${message}`)
      },
    })
    return mutant.clock(clock, machineClock)
  }
}
