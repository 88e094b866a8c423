import type { MessageType } from '../core/protocol/message.ts'

/** The orchestrator's rate limit for a robot's messages. */
export interface Rate {
  readonly limit: number
  readonly window_seconds: number
}

/** Messages that may leave at once before the budget per minute paces them. */
const BURST = 30
/**
 * The share of the orchestrator's limit that reports may use, over time and at once. The rest is for heartbeats and
 * repeated results.
 */
const STEADY = 0.6
const AT_ONCE = 0.2
/**
 * The share of the orchestrator's window up to which a report may leave. Messages under way may arrive closer together.
 */
const FULL = 0.9

const ENDS: ReadonlySet<MessageType> = new Set(['job_complete', 'job_failed', 'job_cancelled'])
/** The answer to an offer, and the end of the job. */
const REPLIES_PER_OFFER = 2

/**
 * The budget for reports: a bucket that refills evenly, and the orchestrator's own window, in which repeated results and
 * heartbeats count too. Results and heartbeats never wait; reports do. Instants are of the monotonic clock.
 */
export class Budget {
  readonly #perMinute: number
  #rate: Rate | null = null
  #refillMs: number
  #burst = BURST
  #tokens = BURST
  #filledAt = 0
  /** True if a result has left: the next heartbeat, which asks for its confirmation, is not counted. */
  #confirms = false
  /** Replies to offers that are still to leave. They are not counted. */
  #replies = 0
  /** The instants at which the latest counted messages left. */
  #sentAt: number[] = []

  constructor(perMinute: number) {
    this.#perMinute = perMinute
    this.#refillMs = 60_000 / perMinute
  }

  /** Adopts the orchestrator's limit, if it sends one. */
  setLimit(rate: Rate | undefined): void {
    const { limit = Infinity, window_seconds = 60 } = rate ?? {}
    this.#rate = rate ?? null
    this.#refillMs = 60_000 / Math.min(this.#perMinute, (STEADY * limit * 60) / window_seconds)
    this.#burst = Math.max(1, Math.min(BURST, AT_ONCE * limit))
    this.#sentAt = this.#sentAt.slice(-limit)
    // An orchestrator that was restarted does not know of its earlier offers.
    this.#replies = 0
  }

  /** Notes that an offer has come: its replies will not be counted. */
  offered(): void {
    this.#replies += REPLIES_PER_OFFER
  }

  /** Counts a message of any type that has left, as the orchestrator does (P34). */
  messageSent(type: MessageType, now: number): void {
    if (this.#isFree(type)) return
    if (this.#sentAt.push(now) > (this.#rate?.limit ?? 0)) this.#sentAt.shift()
  }

  #isFree(type: MessageType): boolean {
    if (type === 'status_response') return true
    if (type === 'heartbeat') {
      const confirming = this.#confirms
      this.#confirms = false
      return confirming
    }
    const ends = ENDS.has(type)
    if (ends) this.#confirms = true
    if (this.#replies === 0 || !(ends || type === 'job_accept' || type === 'job_reject')) return false
    this.#replies--
    return true
  }

  /** Counts a report that has left. `messageSent` has counted it in the window already. */
  reported(): void {
    this.#tokens--
  }

  /** Milliseconds that a report has to wait; 0 if it may leave. */
  waitMs(now: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) / this.#refillMs)
    this.#filledAt = now
    const refilled = this.#tokens >= 1 ? 0 : (1 - this.#tokens) * this.#refillMs
    return Math.max(refilled, this.#windowMs(now))
  }

  #windowMs(now: number): number {
    if (this.#rate === null) return 0
    const { limit, window_seconds } = this.#rate
    // The message that must have left the window before one more fits into the reports' share.
    const former = this.#sentAt.at(-Math.max(1, Math.floor(FULL * limit)))
    return former === undefined ? 0 : Math.max(0, former + window_seconds * 1_000 - now)
  }
}
