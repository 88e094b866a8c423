import type { Millis } from '../../../core/base/ids.ts'
import { Agenda, type AgendaEntry } from './agenda.ts'
import { Chance } from './chance.ts'
import { fold, type Mark } from '../trace.ts'

/** The beginning of every simulation, on the right clock: 2026-01-05T00:00Z. */
export const BEGINNING: Millis = 1_767_571_200_000

const DAY_MS: Millis = 86_400_000

/** More than any turn waits. */
const TICKS = 24
const SETTLED = Promise.resolve()

/**
 * Virtual time, and everything that is still to happen in it: in order of time, then of insertion. One seed decides
 * all of it. Nothing here or in any actor may look at a real clock or draw real random numbers; while the world runs, both
 * throw.
 */
export class World {
  readonly seed: number
  /** True time, which no actor's clock has to agree with. */
  now: Millis = BEGINNING
  readonly marks = new Map<Mark, number>()
  /** Descriptions of the events; null unless tracing is on. */
  readonly trace: string[] | null
  /** The number of events so far. */
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
  chance(name: string): Chance {
    return new Chance(this.seed, name)
  }

  /** Schedules an event. Returns it, so that it can be cancelled. */
  after(ms: Millis, run: () => void): AgendaEntry {
    return this.#agenda.add(this.now + Math.max(0, Math.round(ms)), run)
  }

  cancel(thing: AgendaEntry | null): void {
    if (thing !== null) thing.run = null
  }

  /**
   * Declares that promises were started, which must settle before the next event. `atRest`, if given, tells whether
   * they have; they may wait for a later event, and then it never does.
   */
  settleFirst(atRest = (): boolean => false): void {
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
   * Records an event: for the hash that shows two runs to be equal, and for people. `full` is only hashed. If it is
   * complete, descriptions of frequent events are only made when tracing is on.
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

  /** Runs code whose exceptions would be caught elsewhere, and fails the run if it violates a rule. */
  guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Ends the run with this failure, for code whose exceptions would be caught elsewhere. The first one counts. */
  fail(error: unknown): void {
    this.#failure ??= error
  }

  /** Runs events until the instant or until `done` returns true. Throws the failure, if there is one. */
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
