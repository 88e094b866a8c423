import type { Child } from '../child.ts'
import { startChild } from '../child.ts'
import type { Connection } from './system.ts'

/** The processes of a measurement, and what they can be asked for. */

/** Jobs that were submitted and acknowledged. */
export interface Submitted {
  readonly ids: readonly string[]
  /** When the first was sent. */
  readonly from: number
}

/** Instants of one job that was submitted alone. */
export interface Single {
  readonly n: number
  readonly sentAt: number
  readonly acknowledgedAt: number
  /** Null where the system does not say when a job has ended. */
  readonly endedAt: number | null
}

/** A run of a job. */
export interface Ran {
  readonly n: number
  readonly at: number
}

export interface Opened {
  /** The addresses at which the others reach the system. */
  readonly connection: Connection
}

/** Submits jobs. */
export class ProducerProcess {
  #closed = false
  readonly #child: Child = startChild(new URL('./producer.ts', import.meta.url))

  get pid(): number {
    return this.#child.pid
  }

  open(system: string, how: string, connection: Connection): Promise<Opened> {
    return this.#child.ask('open', { system, how, connection })
  }

  /** Submits jobs one by one, so many of them under way at a time. */
  flood(first: number, count: number, inFlight: number): Promise<Submitted> {
    return this.#child.ask('flood', { first, count, inFlight })
  }

  /** Submits jobs in batches. */
  batches(first: number, count: number, size: number, inFlight: number): Promise<Submitted> {
    return this.#child.ask('batches', { first, count, size, inFlight })
  }

  /** Submits jobs one at a time, each after the end of the one before. */
  singles(
    first: number,
    count: number,
  ): Promise<{ readonly singles: readonly Single[]; readonly ids: readonly string[] }> {
    return this.#child.ask('singles', { first, count })
  }

  /** Closing it again changes nothing. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#child.ask('close')
    this.#child.end()
  }

  kill(): void {
    this.#child.end()
  }
}

/** Runs jobs. */
export class ConsumerProcess {
  readonly #child: Child = startChild(new URL('./consumer.ts', import.meta.url))

  get pid(): number {
    return this.#child.pid
  }

  open(system: string, connection: Connection): Promise<void> {
    return this.#child.ask('open', { system, connection })
  }

  /** Resolves with all that were run since the last call, once there are so many. */
  ran(count: number): Promise<readonly Ran[]> {
    return this.#child.ask('ran', { count })
  }

  async close(): Promise<void> {
    await this.#child.ask('close')
    this.#child.end()
  }

  kill(): void {
    this.#child.end()
  }
}
