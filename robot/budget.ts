import type { MessageType } from '../core/protocol/message.ts'

/** What the orchestrator says about how much may be said. */
export interface Rate {
  readonly limit: number
  readonly window_seconds: number
}

/** Messages that may leave at once before the budget per minute paces them. */
const BURST = 30
/** How much of the orchestrator's limit reports may take, over time and at once. The rest is for results and heartbeats. */
const STEADY = 0.6
const AT_ONCE = 0.2
/** How full the orchestrator's window may be for a report to leave. What is on its way may arrive closer together. */
const FULL = 0.9

const ENDS: readonly MessageType[] = ['job_complete', 'job_failed', 'job_cancelled']

/**
 * How much the robot may report: a bucket that is refilled evenly, and the orchestrator's own window, in which results and
 * heartbeats count too. Those never wait; reports do. Instants are of the monotonic clock.
 */
export class Budget {
  readonly #perMinute: number
  #rate: Rate | null = null
  #refillMs: number
  #burst = BURST
  #tokens = BURST
  #filledAt = 0
  /** A result has left, and the next heartbeat, which asks whether it has arrived, is not counted. */
  #confirms = false
  /** When messages that count left, the latest of them. */
  #sentAt: number[] = []

  constructor(perMinute: number) {
    this.#perMinute = perMinute
    this.#refillMs = 60_000 / perMinute
  }

  /** Keeps to a limit of the orchestrator, if it names one. */
  setLimit(rate: Rate | undefined): void {
    const { limit = Infinity, window_seconds = 60 } = rate ?? {}
    this.#rate = rate ?? null
    this.#refillMs = 60_000 / Math.min(this.#perMinute, (STEADY * limit * 60) / window_seconds)
    this.#burst = Math.max(1, Math.min(BURST, AT_ONCE * limit))
    this.#sentAt = this.#sentAt.slice(-limit)
  }

  /** Counts a message that has left, of whatever kind, as the orchestrator does (P34). */
  messageSent(type: MessageType, now: number): void {
    if (ENDS.includes(type)) this.#confirms = true
    const confirming = type === 'heartbeat' && this.#confirms
    if (confirming) this.#confirms = false
    if (confirming || type === 'status_response') return
    if (this.#sentAt.push(now) > (this.#rate?.limit ?? 0)) this.#sentAt.shift()
  }

  /** Counts a report that has left, which `messageSent` has counted already. */
  reported(): void {
    this.#tokens--
  }

  /** How long a report has to wait; 0: it may leave. */
  waitMs(now: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) / this.#refillMs)
    this.#filledAt = now
    const refilled = this.#tokens >= 1 ? 0 : (1 - this.#tokens) * this.#refillMs
    return Math.max(refilled, this.#windowMs(now))
  }

  #windowMs(now: number): number {
    if (this.#rate === null) return 0
    const { limit, window_seconds } = this.#rate
    // The message that must have left the window for one more to be in its share of it.
    const former = this.#sentAt.at(-Math.max(1, Math.floor(FULL * limit)))
    return former === undefined ? 0 : Math.max(0, former + window_seconds * 1_000 - now)
  }
}
