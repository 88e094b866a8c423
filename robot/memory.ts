import type { OutboxEntry } from './outbox.ts'

/** One offer of a job. A server that does not count attempts leaves it out. */
export interface Offer {
  readonly job_id: string
  readonly attempt?: number | undefined
}

/**
 * How far a job came that was offered. `read`: its handler has not been called. `begun`: it may have been. `ended`: the
 * result is there, and the orchestrator may not have it yet.
 */
export type OfferRecord =
  | { readonly offer: Offer; readonly state: 'read' | 'begun' }
  | { readonly offer: Offer; readonly state: 'ended'; readonly entry: OutboxEntry }

/** Something that happened to an offer, as it is written down. */
export type OfferNote = OfferRecord | { readonly offer: Offer; readonly state: 'settled' }

/** Where notes outlast the process. */
export interface Journal {
  /** Writes a note down, and with `durable` sees to it that it outlasts a power cut too. Throws if it cannot. */
  readonly write: (note: OfferNote, durable: boolean) => void
  /** Goes on with a file of these alone, if the present one has become much longer than that. Throws if it cannot. */
  readonly shorten: (kept: readonly OfferRecord[]) => void
  readonly close: () => void
}

/** What an earlier process with this memory has left. */
export interface RestoredMemory {
  readonly id: string
  /** How many processes there were with this memory, this one included. */
  readonly start: number
  readonly kept: readonly OfferRecord[]
}

/**
 * Which offers the robot has read, until the orchestrator is known to have their ends.
 *
 * It has a name, and vouches under this name: an offer that is not in it was never begun. So an offer is in it before it is
 * accepted, and when the journal fails, it goes on without it under another name.
 */
export class Memory {
  #id: string
  #start: number
  #journal: Journal | null
  readonly #kept: Map<string, OfferRecord>
  readonly #earlier: Set<string>
  readonly #failed: (error: unknown) => void
  /** Whether the orchestrator has been given the present name. */
  #introduced = true

  /** `failed` is called when the journal has failed: the robot has to register anew then. */
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

  /** What the robot says of it when it registers. */
  introduce(): { readonly id: string; readonly start: number; readonly offers: Offer[] } {
    this.#introduced = true
    return { id: this.#id, start: this.#start, offers: [...this.#kept.values()].map(({ offer }) => offer) }
  }

  get kept(): readonly OfferRecord[] {
    return [...this.#kept.values()]
  }

  /** Whether an earlier process has begun this very attempt. What became of it nobody knows. */
  begunEarlier(offer: Offer): boolean {
    return offer.attempt !== undefined && this.#earlier.has(keyOf(offer))
  }

  /** Notes that a job is about to begin, for good. False if that is not possible: then it must not begin. */
  begin({ job_id, attempt }: Offer): boolean {
    if (!this.#introduced) return false
    const offer = { job_id, attempt }
    this.#note({ offer, state: 'read' }, true)
    // After `kill -9` this is there if the handler has been called; that it outlasts a power cut too is not worth waiting
    // for: whoever reads the file looks whether there may have been one.
    this.#note({ offer, state: 'begun' }, false)
    if (!this.#introduced) this.#kept.delete(keyOf(offer))
    return this.#introduced
  }

  /** Keeps the message that says how a job has ended. */
  ended(entry: OutboxEntry): void {
    const { job_id, attempt } = entry.message.payload
    this.#note({ offer: { job_id, attempt }, state: 'ended', entry }, true)
  }

  /** Forgets an offer: it was refused, or its end is known to have arrived. */
  settled({ job_id, attempt }: Offer): void {
    this.#note({ offer: { job_id, attempt }, state: 'settled' }, false)
    this.#try((journal) => journal.shorten(this.kept))
  }

  /** Forgets what earlier processes had begun: the orchestrator has had time to see that it is not running. */
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
      // What the file has now is true of the offers of its time, and of no later one.
      this.#id = crypto.randomUUID()
      this.#start = 1
      this.#introduced = false
      this.#failed(error)
    }
  }
}

function keyOf({ job_id, attempt }: Offer): string {
  return `${attempt ?? ''} ${job_id}`
}
