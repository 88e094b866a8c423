import type { Outgoing } from '../core/protocol/message.ts'

/** A message that ends a job. */
export type ResultMessage = Outgoing<'job_complete' | 'job_failed' | 'job_cancelled'>

/** A message that refuses a job which was never begun. */
export type RejectMessage = Outgoing<'job_reject'>

export interface OutboxEntry<M extends ResultMessage | RejectMessage = ResultMessage> {
  /** The message id. It stays the same however often the message is sent. */
  readonly id: string
  readonly message: M
}

interface Held<M extends ResultMessage | RejectMessage> {
  readonly entry: OutboxEntry<M>
  /** The number of the send on the present connection, counting all sends; 0 if it was not sent on it. */
  sentAs: number
}

/**
 * The results that the orchestrator may not have yet. The protocol does not acknowledge results, but the orchestrator
 * answers a heartbeat only after everything before it on the same connection is durable. So a result is safe once a
 * heartbeat that left after it on the same connection is answered. Until then it is kept, and sent again on every new
 * connection.
 */
export class Outbox<M extends ResultMessage | RejectMessage = ResultMessage> {
  readonly #held = new Map<string, Held<M>>()
  /** The id of the latest result of each job. */
  readonly #latest = new Map<string, string>()
  /** Unanswered heartbeats, each with the number of results sent before it. */
  readonly #heartbeats = new Map<string, number>()
  #sends = 0

  get size(): number {
    return this.#held.size
  }

  /** Keeps a result, marked as not sent. */
  put(entry: OutboxEntry<M>): void {
    this.#held.set(entry.id, { entry, sentAs: 0 })
    this.#latest.set(entry.message.payload.job_id, entry.id)
  }

  /** Notes that a result left on the present connection. */
  sent(id: string): void {
    const held = this.#held.get(id)
    if (held !== undefined) held.sentAs = ++this.#sends
  }

  /** Notes that a heartbeat left on the present connection. */
  heartbeat(id: string): void {
    if (this.#held.size > 0) this.#heartbeats.set(id, this.#sends)
  }

  /** True if a result waits that no heartbeat has followed yet. */
  get unasked(): boolean {
    const asked = Math.max(0, ...this.#heartbeats.values())
    for (const { sentAs } of this.#held.values()) if (sentAs > asked) return true
    return false
  }

  /** Takes out and returns the results that the answer to this heartbeat makes safe. */
  answered(heartbeatId: string): readonly OutboxEntry<M>[] {
    const upTo = this.#heartbeats.get(heartbeatId)
    if (upTo === undefined) return []
    // Answers come in order, so the heartbeats before this one have had theirs or never will.
    for (const [id, sends] of this.#heartbeats) if (sends <= upTo) this.#heartbeats.delete(id)
    const safe: OutboxEntry<M>[] = []
    for (const { entry, sentAs } of this.#held.values()) if (sentAs > 0 && sentAs <= upTo) safe.push(entry)
    for (const { id } of safe) this.drop(id)
    return safe
  }

  /** Forgets what was sent on the connection that has just ended: none of it is known to have arrived. */
  disconnected(): void {
    this.#heartbeats.clear()
    this.#sends = 0
    for (const held of this.#held.values()) held.sentAs = 0
  }

  get(id: string): OutboxEntry<M> | undefined {
    return this.#held.get(id)?.entry
  }

  /** The latest result of a job that waits here. */
  of(jobId: string): OutboxEntry<M> | undefined {
    return this.get(this.#latest.get(jobId) ?? '')
  }

  /** All waiting results, in the order in which the jobs ended. */
  all(): readonly OutboxEntry<M>[] {
    return [...this.#held.values()].map((held) => held.entry)
  }

  drop(id: string): void {
    const jobId = this.get(id)?.message.payload.job_id ?? ''
    this.#held.delete(id)
    if (this.#latest.get(jobId) === id) this.#latest.delete(jobId)
  }
}
