import type { Millis } from '../../core/ids.ts'
import { Agenda, type Thing } from './agenda.ts'
import { Dice } from './dice.ts'

/** When every simulation begins, on the clock that is right: 2026-01-05T00:00Z. */
export const BEGINNING: Millis = 1_767_571_200_000

/** Rare branches that the seeds together must reach, or the weather is too mild to prove anything. */
export const MARKS = [
  'late result',
  'adopted job',
  'crash between commit and send',
  'crash during recovery',
  'woken with its connections',
  'woken with running jobs',
  'woken with bars',
  'offer lapsed',
  'offer refused',
  'two connections of one robot',
  'commit failure recovered',
  'commit that failed was durable',
  'late commit fenced',
  'outcome unknown',
  'requeue of an always job',
  'restart with running jobs',
  'answer lost after the commit',
  'job timed out',
  'zombie spoke',
  'robot paused itself',
  'offer answered after it lapsed',
  'offer waited for its robot',
  'offer proved not to have been read',
  'offer proved not to have been taken',
  'clock set back',
  'clock set forward',
  'clock set back while down',
  'clock drifted',
  'result resent from the outbox',
  'late result after a cancel',
  'slot held by a cancelled job',
  'retry of a job that has ended',
  'requeue of a dead letter',
  'retried after a transient error',
  'dead letter',
  'idempotency key replayed',
  'idempotency key used for something else',
  'duplicate refused',
  'webhook in its cooldown',
  'waited for room under a limit',
  'offered before its elders by age',
  'queue ten times as long as there are slots',
  'job fetched from beyond the horizon',
  'robot told to shut down',
  'status request timed out',
  'key revoked',
  'impostor turned away',
  'delivery tried again',
  'delivery given up',
  'delivery replayed',
  'deliveries on the disk only',
  'told twice',
  'webhook gone',
  'webhook disabled for failing',
  'too many submissions',
  'webhook called too often',
  'robot told that it says too much',
  'log lines refused',
  'flood closed',
  'delivery repeated',
  'due instant run late',
  'due instants merged',
  'due instant skipped for its age',
  'due instant skipped for an overlap',
  'stretch of due instants',
  'job replaced by its schedule',
  'schedule changed while due',
  'schedule deleted',
  'schedule run by hand',
] as const
export type Mark = (typeof MARKS)[number]

const DAY_MS: Millis = 86_400_000

/** Of FNV-1a. */
const PRIME = 0x01000193

/** More than any turn waits. */
const TICKS = 24
const SETTLED = Promise.resolve()

/**
 * Virtual time, and everything that is still to happen in it: in order of time, then of insertion. One seed decides
 * all of it. Nothing here or in any actor may look at a real clock or throw real dice; while the world runs, both
 * throw.
 */
export class World {
  readonly seed: number
  /** True time, which no actor's clock has to agree with. */
  now: Millis = BEGINNING
  readonly marks = new Map<Mark, number>()
  /** What happened, in words; null unless somebody wants to read it. */
  readonly trace: string[] | null
  /** How many things have happened. */
  happened = 0
  readonly #agenda = new Agenda()
  #hash = 0x811c9dc5
  #day = NaN
  #date = ''
  #unsettled: (() => boolean) | null = null
  #failure: unknown = undefined

  constructor(seed: number, tracing = false) {
    this.seed = seed
    this.trace = tracing ? [] : null
  }

  /** Chance for one actor. Each has a source of its own, so that a change in one does not stir all others. */
  dice(name: string): Dice {
    return new Dice(this.seed, name)
  }

  /** Has something happen later. Returns it, so that it can be called off. */
  after(ms: Millis, run: () => void): Thing {
    return this.#agenda.add(this.now + Math.max(0, Math.round(ms)), run)
  }

  cancel(thing: Thing | null): void {
    if (thing !== null) thing.run = null
  }

  /**
   * Says that promises have been set in motion, which must come to rest before anything else happens. `atRest`, if it is
   * given, tells when they have; they may be waiting for something that is still to happen, and then it never does.
   */
  stir(atRest = (): boolean => false): void {
    this.#unsettled = atRest
  }

  mark(mark: Mark): void {
    this.marks.set(mark, (this.marks.get(mark) ?? 0) + 1)
  }

  /** An instant in ISO 8601. */
  iso(at: Millis): string {
    const day = Math.floor(at / DAY_MS)
    // Formatting a date costs as much as writing the message that it goes into.
    if (day !== this.#day) [this.#day, this.#date] = [day, new Date(day * DAY_MS).toISOString().slice(0, 11)]
    return `${this.#date}${clock(BEGINNING + at - day * DAY_MS)}Z`
  }

  /**
   * Notes what happened: for the hash that shows two runs to be the same, and for people. `full` is for the hash. Where it
   * says it all, the words of what happens often are made only for who reads them.
   */
  note(short: string | (() => string), full = ''): void {
    if (typeof short === 'string') this.#hash = fold(this.#hash, short)
    this.#hash = fold(this.#hash, full)
    this.trace?.push(`${clock(this.now)}  ${typeof short === 'string' ? short : short()}`)
  }

  /** Equal for two runs in which the same things happened. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0')
  }

  /** Runs what may break a rule where somebody else would catch the exception. */
  guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Ends the run with this failure: for code whose exceptions somebody else would catch. The first one counts. */
  fail(error: unknown): void {
    this.#failure ??= error
  }

  /** Lets things happen until the instant has come or `done` says so. Throws what went wrong. */
  async run(until: Millis, done: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.#agenda.peek()
      if (next === undefined || next.at > until || done()) break
      this.#agenda.shift()
      this.now = next.at
      this.happened++
      next.run?.()
      if (this.#unsettled !== null) await this.#settle(this.#unsettled)
      if (this.#failure !== undefined) throw this.#failure
    }
    if (!done()) this.now = Math.max(this.now, until)
  }

  async #settle(atRest: () => boolean): Promise<void> {
    this.#unsettled = null
    // A turn waits a few times, on promises that are kept already. Waiting for the event loop instead costs far more.
    for (let left = TICKS; left > 0 && !atRest(); left--) await SETTLED
  }
}

/** Runs `work` while real time and real chance cannot be had. What needs them shows itself by throwing. */
export async function timeless<T>(work: () => Promise<T>): Promise<T> {
  const { now } = Date
  const { random } = Math
  const forbidden = (what: string) => (): never => {
    throw new Error(`${what} was called during a simulation`)
  }
  Date.now = forbidden('Date.now')
  Math.random = forbidden('Math.random')
  try {
    return await work()
  } finally {
    Date.now = now
    Math.random = random
  }
}

/** A time since the beginning, as people read it. */
export function clock(at: Millis): string {
  if (at < BEGINNING) return `-${clock(2 * BEGINNING - at)}`
  const ms = at - BEGINNING
  const seconds = Math.floor(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  const [hour, minute, second] = [Math.floor(minutes / 60), minutes % 60, seconds % 60]
  return `${DIGITS[hour] ?? hour}:${DIGITS[minute]}:${DIGITS[second]}.${String(ms % 1000).padStart(3, '0')}`
}

/** Numbers below one hundred, with two digits. */
const DIGITS = Array.from({ length: 100 }, (_, number) => String(number).padStart(2, '0'))

function fold(hash: number, text: string): number {
  let folded = hash
  for (let i = 0; i < text.length; i++) folded = Math.imul(folded ^ text.charCodeAt(i), PRIME)
  return folded
}
