import type { OutboxEntry } from './outbox.ts'

/** One offer of a job. A server that does not count offers leaves the number out. */
export interface Offer {
  readonly job_id: string
  readonly offer?: number | undefined
}

/**
 * The state of an offered job. `read`: its handler has not been called. `begun`: it may have been. `ended`: there is a
 * result, which the orchestrator may not have received.
 */
export type OfferRecord =
  | { readonly offer: Offer; readonly state: 'read' | 'begun' }
  | { readonly offer: Offer; readonly state: 'ended'; readonly entry: OutboxEntry }

/** A change to an offer, as it is stored. */
export type OfferNote = OfferRecord | { readonly offer: Offer; readonly state: 'settled' }

/** Stores notes so that they survive the process, without holding up the loop. */
export interface Journal {
  /**
   * Stores a note after those before it, and calls `then` when it is stored: a `read` so that it survives a power cut,
   * the others so that they survive the process. If that fails, `failed` of the owner is called before `then`.
   */
  readonly write: (note: OfferNote, then: () => void) => void
  /** Resolves when everything is stored. Never rejects. */
  readonly close: () => Promise<void>
}

/** The memory that a journal belongs to. */
export interface JournalOwner {
  /** The records that are still needed. */
  readonly kept: readonly OfferRecord[]
  /** The journal has failed, and stores no more. */
  readonly failed: (error: unknown) => void
}

/** The memory that an earlier process has left. */
export interface RestoredMemory {
  readonly id: string
  /** The number of processes that have used this memory, including this one. */
  readonly start: number
  readonly kept: readonly OfferRecord[]
}

const NOTHING = (): void => {}

/**
 * The offers that the robot has read and whose ends the orchestrator is not yet known to have. A memory has an id,
 * which guarantees: an offer that is not in it was never begun. So an offer is recorded before it is accepted, and when
 * the journal fails the robot continues with a new id. Without a journal, everything is recorded at once.
 */
export class Memory implements JournalOwner {
  #id: string
  #start: number
  #journal: Journal | null
  readonly #kept: Map<string, OfferRecord>
  readonly #earlier: Set<string>
  readonly #failed: (error: unknown) => void
  /** True if the orchestrator knows the present id. */
  #introduced = true

  /** `failed` is called when the journal has failed: the robot then has to register anew. */
  constructor(
    restored: RestoredMemory,
    open: ((owner: JournalOwner) => Journal) | null,
    failed: (error: unknown) => void,
  ) {
    this.#id = restored.id
    this.#start = restored.start
    this.#kept = new Map(restored.kept.map((kept) => [keyOf(kept.offer), kept]))
    this.#earlier = new Set(restored.kept.filter(({ state }) => state === 'begun').map(({ offer }) => keyOf(offer)))
    this.#failed = failed
    this.#journal = open?.(this) ?? null
  }

  /** A memory that ends with the process. */
  static ofProcess(): Memory {
    return new Memory({ id: crypto.randomUUID(), start: 1, kept: [] }, null, NOTHING)
  }

  /** The memory as the robot registers with it. */
  introduce(): { readonly id: string; readonly start: number; readonly offers: Offer[] } {
    this.#introduced = true
    return { id: this.#id, start: this.#start, offers: [...this.#kept.values()].map(({ offer }) => offer) }
  }

  get kept(): readonly OfferRecord[] {
    return [...this.#kept.values()]
  }

  /** True if an earlier process began the job by this very offer. Its outcome is unknown. */
  begunEarlier(offer: Offer): boolean {
    return this.#earlier.size > 0 && offer.offer !== undefined && this.#earlier.has(keyOf(offer))
  }

  /**
   * Records durably that a job is about to begin, and calls `then` when that is done; with `false` on failure: the job
   * must not begin then.
   */
  begin({ job_id, offer: number }: Offer, then: (recorded: boolean) => void): void {
    if (!this.#introduced) return then(false)
    const offer = { job_id, offer: number }
    if (this.#journal === null) return this.#note({ offer, state: 'begun' }, then)
    const done = (stored: boolean): void => {
      if (!stored) this.#kept.delete(keyOf(offer))
      then(stored)
    }
    // After `kill -9` the second note exists if the handler was called. Surviving a power cut is not worth the wait: the
    // reader of the file checks whether one is possible.
    this.#note({ offer, state: 'read' }, (stored) => stored ? this.#note({ offer, state: 'begun' }, done) : done(false))
  }

  /** Keeps the message that ends a job. `then` is called when it survives the process, or never will. */
  ended(entry: OutboxEntry, then: () => void = NOTHING): void {
    const { job_id, offer } = entry.message.payload
    this.#note({ offer: { job_id, offer }, state: 'ended', entry }, then)
  }

  /** Forgets an offer: it was refused, or the orchestrator has its end. `then` is called after that of its end. */
  settled({ job_id, offer }: Offer, then: () => void = NOTHING): void {
    this.#note({ offer: { job_id, offer }, state: 'settled' }, then)
  }

  /**
   * Forgets the jobs that earlier processes had begun: the orchestrator has had time to see that they are not running.
   */
  settleEarlier(): void {
    if (this.#earlier.size === 0) return
    for (const { offer } of this.kept) if (this.#earlier.has(keyOf(offer))) this.settled(offer)
  }

  /** Resolves when everything is stored. Never rejects. */
  async close(): Promise<void> {
    await this.#journal?.close()
    this.#journal = null
  }

  /** The journal has failed: it is complete for offers up to now, and for none after this. */
  failed(error: unknown): void {
    this.#journal = null
    this.#id = crypto.randomUUID()
    this.#start = 1
    this.#introduced = false
    this.#failed(error)
  }

  #note(note: OfferNote, then: (stored: boolean) => void): void {
    const key = keyOf(note.offer)
    this.#earlier.delete(key)
    // Results are kept in the order in which the jobs ended.
    this.#kept.delete(key)
    if (note.state !== 'settled') this.#kept.set(key, note)
    const journal = this.#journal
    if (journal === null) return then(true)
    journal.write(note, () => then(this.#journal === journal))
  }
}

function keyOf({ job_id, offer }: Offer): string {
  return `${offer ?? ''} ${job_id}`
}
