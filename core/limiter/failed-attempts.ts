import type { Millis, SecretHash } from '../base/ids.ts'
import type { Refusal, RefusalCode } from '../base/refusal.ts'
import { type Limit, type Quota, SlidingWindow } from '../base/sliding-window.ts'
import type { State } from '../state.ts'

/** The number of networks that are tracked. Beyond it, the one that failed longest ago is forgotten. */
const NETWORKS_MAX = 10_000
/** The number of networks logged per window, since an attacker may use any number of them. */
const LOGGED_MAX = 50

/** Refusals that tell a caller that it has guessed wrong: a secret, or the address of a trigger. */
const FAILURES: ReadonlySet<RefusalCode> = new Set(['AUTHENTICATION_FAILED', 'TRIGGER_NOT_FOUND'])

/** True for a refusal that counts as a failed attempt of a caller without an API key. */
export function isFailedAttempt({ refused }: Refusal): boolean {
  return FAILURES.has(refused)
}

/** True for an API key that never was one here. A missing key is not a guess, and neither is one that was valid once. */
export function isGuessedKey(state: State, credential: SecretHash | null): boolean {
  return credential !== null && !state.keysBySecret.has(credential)
}

/** A failed attempt beyond the limit. */
export interface ExcessAttempt {
  readonly quota: Quota
  /** `yes`: log the network. `last`: log it, and no further networks for a while. */
  readonly logged: 'no' | 'yes' | 'last'
}

interface Guesser {
  readonly window: SlidingWindow
  /** The instant at which it was last logged. */
  loggedAt: Millis
}

/**
 * Counts for each network how often it has sent a wrong key, secret or signature, or asked for a trigger that does not
 * exist. There is one count for all of these, since a client that guesses one may guess any. It is separate from the
 * limits of triggers and keys, which outsiders must not use up. A client with the right key is admitted all the same,
 * for others may share its address: so the key is looked up first, which takes one hash.
 *
 * The counts are not part of the state: a restart forgets them, and no row says who has guessed.
 */
export class FailedAttempts {
  readonly limit: Limit
  readonly #guessers = new Map<string, Guesser>()
  readonly #logged: SlidingWindow
  #now: Millis = 0

  constructor(limit: Limit) {
    this.limit = limit
    this.#logged = new SlidingWindow({ most: LOGGED_MAX, windowMs: limit.windowMs })
  }

  /** Counts one. Returns null within the limit. */
  count(network: string, now: Millis): ExcessAttempt | null {
    // Setting the clock back must not extend a block.
    if (now < this.#now) this.#shift(now - this.#now)
    this.#now = now
    const guesser = this.#guessers.get(network) ?? { window: new SlidingWindow(this.limit), loggedAt: -Infinity }
    this.#guessers.delete(network)
    this.#guessers.set(network, guesser)
    if (this.#guessers.size > NETWORKS_MAX) this.#guessers.delete(this.#guessers.keys().next().value ?? '')
    if (guesser.window.take(now)) return null
    const quota = guesser.window.quota(now)
    return quota === null ? null : { quota, logged: this.#log(guesser, now) }
  }

  /** Each network is logged once per window. */
  #log(guesser: Guesser, now: Millis): ExcessAttempt['logged'] {
    if (now - guesser.loggedAt < this.limit.windowMs) return 'no'
    guesser.loggedAt = now
    if (!this.#logged.take(now)) return 'no'
    return this.#logged.isOpen(now) ? 'yes' : 'last'
  }

  #shift(by: Millis): void {
    for (const guesser of this.#guessers.values()) {
      guesser.window.shift(by)
      guesser.loggedAt += by
    }
    this.#logged.shift(by)
  }
}
