import type { Event } from '../../core/events/index.ts'
import type { Millis } from '../../core/base/ids.ts'
import { type Limit, type Quota, SlidingWindow } from '../../core/base/sliding-window.ts'
import { rateLimited } from '../../core/limiter/rates.ts'
import type { State } from '../../core/state.ts'
import type { Platform } from './platform.ts'
import { eventOfFrame, type Frame, type RobotSocket } from './robot-socket.ts'
import { networkOf } from '../net/client-address.ts'

const WINDOW_MS: Millis = 60_000

/** The number of addresses that are tracked. Beyond it, the one that failed longest ago is forgotten. */
const ADDRESSES_MAX = 10_000

/** The number of addresses logged per window, since an attacker may use any number of them. */
const LINES_MAX = 50

interface Guesser {
  readonly window: SlidingWindow
  /** The instant at which it was last logged. */
  loggedAt: Millis
}

/**
 * Counts for each address how often it has sent a wrong key, secret or signature, or asked for a trigger that does not
 * exist. There is one count for all of these, since a client that guesses one may guess any. It is separate from the
 * limits of triggers and keys, which outsiders must not use up. A client with the right key is admitted all the same,
 * for others may share its address: so the key is looked up first, which takes one hash.
 */
export class FailedAttempts {
  readonly limit: Limit
  readonly #log: Platform['log']
  readonly #guessers = new Map<string, Guesser>()
  #now: Millis = 0
  readonly #lines: SlidingWindow

  /** `most`: failures per minute; 0 for no limit. */
  constructor(most: number, log: Platform['log']) {
    this.limit = { most, windowMs: WINDOW_MS }
    this.#log = log
    this.#lines = new SlidingWindow({ most: LINES_MAX, windowMs: WINDOW_MS })
  }

  /** Counts one. Returns null within the limit, and the exhausted quota beyond it. */
  count(address: string | null, now: Millis): Quota | null {
    // Setting the clock back must not extend anyone's block.
    if (now < this.#now) this.#move(now - this.#now)
    this.#now = now
    const network = networkOf(address)
    const guesser = this.#guessers.get(network) ?? { window: new SlidingWindow(this.limit), loggedAt: -Infinity }
    this.#guessers.delete(network)
    this.#guessers.set(network, guesser)
    if (this.#guessers.size > ADDRESSES_MAX) this.#guessers.delete(this.#guessers.keys().next().value ?? '')
    if (guesser.window.take(now)) return null
    this.#report(network, guesser, now)
    return guesser.window.quota(now)
  }

  /**
   * Turns a frame into an event. A registration with a key that was never valid counts, and the event says whether the
   * limit is exceeded.
   */
  eventOf(socket: RobotSocket, frame: Frame, { keysBySecret, sockets }: State, now: Millis): Event {
    const event = eventOfFrame(socket.id, frame)
    if (event.type !== 'robot.message' || event.message.type !== 'register') return event
    const { id, address = null, credential } = socket
    const shown = event.credential ?? credential ?? sockets.get(id)?.credential ?? null
    const quota = shown === null || keysBySecret.has(shown) ? null : this.count(address, now)
    return quota === null
      ? event
      : { ...event, wrong_key_refusal: rateLimited('wrong keys from one address', this.limit, quota) }
  }

  /** Logs one line per address and window, within a limit. */
  #report(network: string, guesser: Guesser, now: Millis): void {
    if (now - guesser.loggedAt < WINDOW_MS) return
    guesser.loggedAt = now
    if (!this.#lines.take(now)) return
    const more = this.#lines.isOpen(now) ? {} : { others: 'further addresses are not named for a minute' }
    const address = network === '' ? null : network
    this.#log('warn', 'too many wrong keys, secrets or signatures from one address', {
      address,
      limit: this.limit.most,
      window_seconds: WINDOW_MS / 1000,
      ...more,
    })
  }

  #move(by: Millis): void {
    for (const guesser of this.#guessers.values()) {
      guesser.window.shift(by)
      guesser.loggedAt += by
    }
    this.#lines.shift(by)
  }
}
