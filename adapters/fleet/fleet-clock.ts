import type { Millis } from '../../core/base/ids.ts'
import { Clock } from './clock.ts'
import type { Platform } from './platform.ts'

/** The clock of the machine was put right, or wrong. */
export interface ClockSet {
  readonly at: Millis
  /** Positive when it was set forward. */
  readonly by: Millis
  /** How often that has happened. */
  readonly count: number
}

/** How often a process that has nothing else to do looks whether the clock was set. */
export const CLOCK_CHECK_MS: Millis = 30_000

/** What it needs of a runtime. */
export type ClockPlatform = Pick<Platform, 'hibernates' | 'now' | 'monotonic' | 'setAlarm' | 'log'>

/** The clock of a fleet, with its one alarm: both go by the monotonic clock, and a clock that is set is noticed. */
export class FleetClock extends Clock {
  /** How the clock was set last; null: it was not. */
  lastSet: ClockSet | null = null
  /** What elapsed time is measured by, from where is all the same. */
  readonly monotonic: () => Millis
  readonly #platform: ClockPlatform
  #text = { at: 0, text: '' }

  constructor(platform: ClockPlatform) {
    const monotonic = platform.monotonic ?? platform.now
    super({ wall: platform.now, monotonic })
    this.monotonic = monotonic
    this.#platform = platform
  }

  override adjust(): Millis {
    const by = super.adjust()
    if (by === 0) return 0
    this.lastSet = { at: this.now(), by, count: (this.lastSet?.count ?? 0) + 1 }
    this.#platform.log('warn', `the clock was set ${adjustmentText(by)}`, { by_ms: by })
    return by
  }

  /** Rings in so long, in place of every alarm before; null: not at all. */
  setAlarmIn(ms: Millis | null, onAlarm: () => void): void {
    const { setAlarm, now } = this.#platform
    setAlarm(ms === null ? null : now() + ms, onAlarm)
  }

  /** The present instant as messages have it. Many have the same. */
  text(): string {
    const at = this.now()
    if (at !== this.#text.at) this.#text = { at, text: new Date(at).toISOString() }
    return this.#text.text
  }

  /**
   * Rings at this instant, and when the clock was set. Where memory stays that is seen by looking now and then; elsewhere
   * nobody would be there to look, and whatever comes next sees it.
   */
  setAlarm(at: Millis | null, onAlarm: () => void): void {
    const { hibernates } = this.#platform
    if (at === null && hibernates) return this.setAlarmIn(null, onAlarm)
    const ms = Math.min((at ?? Infinity) - this.now(), hibernates ? Infinity : CLOCK_CHECK_MS)
    this.setAlarmIn(ms, () => {
      if (this.isSet || (at !== null && this.now() >= at)) onAlarm()
      else this.setAlarm(at, onAlarm)
    })
  }
}

/** How far a clock was set, for people: `2 h 5 min forward`. */
export function adjustmentText(by: Millis): string {
  const units = [[86_400_000, 'd'], [3_600_000, 'h'], [60_000, 'min'], [1_000, 's']] as const
  let left = Math.abs(by)
  const parts: string[] = []
  for (const [ms, unit] of units) {
    const count = Math.floor(left / ms)
    left -= count * ms
    if (count > 0 && parts.length < 2) parts.push(`${count} ${unit}`)
  }
  return `${parts.join(' ')} ${by > 0 ? 'forward' : 'back'}`
}
