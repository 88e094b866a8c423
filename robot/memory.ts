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

/** Stores notes so that they survive the process. */
export interface Journal {
  /** Writes a note. `durable` waits until it would survive a power cut. Throws on failure. */
  readonly write: (note: OfferNote, durable: boolean) => void
  /** Replaces the file by one with only these records, if it has grown much longer than that. Throws on failure. */
  readonly shorten: (kept: readonly OfferRecord[]) => void
  readonly close: () => void
}

/** The memory that an earlier process has left. */
export interface RestoredMemory {
  readonly id: string
  /** The number of processes that have used this memory, including this one. */
  readonly start: number
  readonly kept: readonly OfferRecord[]
}

/**
 * The offers that the robot has read and whose ends the orchestrator is not yet known to have. A memory has an id,
 * which guarantees: an offer that is not in it was never begun. So an offer is recorded before it is accepted, and when
 * the journal fails the robot continues with a new id.
 */
export class Memory {
  #id: string
  #start: number
  #journal: Journal | null
  readonly #kept: Map<string, OfferRecord>
  readonly #earlier: Set<string>
  readonly #failed: (error: unknown) => void
  /** True if the orchestrator knows the present id. */
  #introduced = true

  /** `failed` is called when the journal has failed: the robot then has to register anew. */
  constructor(restored: RestoredMemory, journal: Journal | null, failed: (error: unknown) => void) {
    this.#id = restored.id
    this.#start = restored.start
    this.#journal = journal
    this.#kept = new Map(restored.kept.map((kept) => [keyOf(kept.offer), kept]))
    this.#earlier = new Set(restored.kept.filter(({ state }) => state === 'begun').map(({ offer }) => keyOf(offer)))
    this.#failed = failed
  }

  /** A memory that ends with the process. */
  static ofProcess(): Memory {
    return new Memory({ id: crypto.randomUUID(), start: 1, kept: [] }, null, () => {})
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
    return offer.offer !== undefined && this.#earlier.has(keyOf(offer))
  }

  /** Records durably that a job is about to begin. Returns false on failure: the job must not begin then. */
  begin({ job_id, offer: number }: Offer): boolean {
    if (!this.#introduced) return false
    const offer = { job_id, offer: number }
    this.#note({ offer, state: 'read' }, true)
    // After `kill -9` this note exists if the handler was called. Surviving a power cut is not worth the wait: the
    // reader of the file checks whether one is possible.
    this.#note({ offer, state: 'begun' }, false)
    if (!this.#introduced) this.#kept.delete(keyOf(offer))
    return this.#introduced
  }

  /** Keeps the message that ends a job. */
  ended(entry: OutboxEntry): void {
    const { job_id, offer } = entry.message.payload
    this.#note({ offer: { job_id, offer }, state: 'ended', entry }, true)
  }

  /** Forgets an offer: it was refused, or the orchestrator has its end. */
  settled({ job_id, offer }: Offer): void {
    this.#note({ offer: { job_id, offer }, state: 'settled' }, false)
    this.#try((journal) => journal.shorten(this.kept))
  }

  /**
   * Forgets the jobs that earlier processes had begun: the orchestrator has had time to see that they are not running.
   */
  settleEarlier(): void {
    for (const { offer } of this.kept) if (this.#earlier.has(keyOf(offer))) this.settled(offer)
  }

  close(): void {
    this.#journal?.close()
    this.#journal = null
  }

  #note(note: OfferNote, durable: boolean): void {
    const key = keyOf(note.offer)
    this.#earlier.delete(key)
    // Results are kept in the order in which the jobs ended.
    this.#kept.delete(key)
    if (note.state !== 'settled') this.#kept.set(key, note)
    this.#try((journal) => journal.write(note, durable))
  }

  #try(act: (journal: Journal) => void): void {
    const journal = this.#journal
    if (journal === null) return
    try {
      act(journal)
    } catch (error) {
      this.#journal = null
      journal.close()
      // The file is complete for offers up to now, and for none after this.
      this.#id = crypto.randomUUID()
      this.#start = 1
      this.#introduced = false
      this.#failed(error)
    }
  }
}

function keyOf({ job_id, offer }: Offer): string {
  return `${offer ?? ''} ${job_id}`
}
