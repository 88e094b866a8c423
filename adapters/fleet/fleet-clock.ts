import { instantText } from '../../core/base/instant.ts'
import type { Millis } from '../../core/base/ids.ts'
import { Clock } from './clock.ts'
import type { Platform } from './platform.ts'

/** A change of the machine's clock. */
export interface ClockSet {
  readonly at: Millis
  /** Positive if it was set forward. */
  readonly by: Millis
  /** The number of changes so far. */
  readonly count: number
}

/** The interval at which an idle process checks whether the clock was set. */
export const CLOCK_CHECK_MS: Millis = 30_000

/** The parts of a platform that it uses. */
export type ClockPlatform = Pick<Platform, 'hibernates' | 'now' | 'monotonic' | 'setAlarm' | 'log'>

/**
 * The clock of a fleet, with its one alarm. Both follow the monotonic clock, and a change of the wall clock is
 * detected.
 */
export class FleetClock extends Clock {
  /** The last change of the clock; null if there was none. */
  lastSet: ClockSet | null = null
  /** A clock for measuring elapsed time, from any origin. */
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

  /** Replaces the alarm by one after this number of milliseconds; null cancels it. */
  setAlarmIn(ms: Millis | null, onAlarm: () => void): void {
    const { setAlarm, now } = this.#platform
    setAlarm(ms === null ? null : now() + ms, onAlarm)
  }

  /** The present instant as text for messages. Messages of one millisecond share it. */
  text(): string {
    const at = this.now()
    if (at !== this.#text.at) this.#text = { at, text: instantText(at) }
    return this.#text.text
  }

  /**
   * Sets the alarm for an instant, and for a change of the clock. A process detects a change by checking periodically;
   * a hibernating object checks at its next event.
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

/** The amount by which a clock was set, for people: `2 h 5 min forward`. */
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
