import type { Event } from '../../core/events/index.ts'
import type { Millis } from '../../core/base/ids.ts'
import type { Limit, Quota } from '../../core/base/sliding-window.ts'
import { type ExcessAttempt, FailedAttempts, isGuessedKey } from '../../core/limiter/failed-attempts.ts'
import { failedAttemptLimit, rateLimited } from '../../core/limiter/rates.ts'
import type { Settings } from '../../core/settings.ts'
import type { State } from '../../core/state.ts'
import type { Platform } from './platform.ts'
import { eventOfFrame, type Frame, type RobotSocket } from './robot-socket.ts'
import { networkOf } from '../net/client-address.ts'

/** Counts failed attempts by the address of the caller, and logs the addresses that exceed the limit. */
export class AttemptLimiter {
  readonly limit: Limit
  readonly #attempts: FailedAttempts
  readonly #log: Platform['log']

  constructor(settings: Settings, log: Platform['log']) {
    this.limit = failedAttemptLimit(settings)
    this.#attempts = new FailedAttempts(this.limit)
    this.#log = log
  }

  /** Counts one. Returns null within the limit, and the exhausted quota beyond it. */
  count(address: string | null, now: Millis): Quota | null {
    const network = networkOf(address)
    const excess = this.#attempts.count(network, now)
    if (excess === null) return null
    if (excess.logged !== 'no') this.#report(network, excess)
    return excess.quota
  }

  /**
   * Turns a frame into an event. A registration with a key that was never valid counts, and the event says whether the
   * limit is exceeded.
   */
  eventOf(socket: RobotSocket, frame: Frame, state: State, now: Millis): Event {
    const event = eventOfFrame(socket.id, frame)
    if (event.type !== 'robot.message' || event.message.type !== 'register') return event
    const { id, address = null, credential } = socket
    const shown = event.credential ?? credential ?? state.sockets.get(id)?.credential ?? null
    const quota = isGuessedKey(state, shown) ? this.count(address, now) : null
    return quota === null
      ? event
      : { ...event, wrong_key_refusal: rateLimited('wrong keys from one address', this.limit, quota) }
  }

  #report(network: string, { logged }: ExcessAttempt): void {
    const seconds = this.limit.windowMs / 1000
    this.#log('warn', 'too many wrong keys, secrets or signatures from one address', {
      address: network === '' ? null : network,
      limit: this.limit.most,
      window_seconds: seconds,
      ...logged === 'last' ? { others: `further addresses are not named for ${seconds} s` } : {},
    })
  }
}
