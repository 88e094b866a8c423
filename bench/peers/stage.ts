import { mkdtempSync, rmSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ConsumerProcess, ProducerProcess, type Ran, type Submitted } from './children.ts'
import { FIRST, now } from './job.ts'
import type { Processes } from './cost.ts'
import type { Connection, Running, System } from './system.ts'
import { systemOf } from './systems.ts'

/** The way to submit jobs: by themselves or so many in a call, and so many calls under way at a time. */
export interface Submitting {
  readonly inFlight: number
  /** Null: by themselves. */
  readonly batch: number | null
}

/** Milliseconds since a job was sent, one of each for every job. */
export interface Latencies {
  readonly acknowledged: readonly number[]
  readonly taken: readonly number[]
  /** Empty where the system does not say when a job has ended. */
  readonly ended: readonly number[]
}

/** A folder of its own, which other users may enter. */
export async function temporaryFolder(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'casare-peers-'))
  await chmod(folder, 0o755)
  return folder
}

/** A system that runs, a process that submits jobs to it, and one that runs them. */
export class Stage {
  readonly running: Running
  readonly #name: string
  readonly #system: System
  readonly #folder: string | null
  readonly #producer: ProducerProcess
  readonly #consumer = new ConsumerProcess()
  readonly #ids: string[] = []
  #connection: Connection
  #how = ''
  #next = FIRST

  private constructor(
    name: string,
    system: System,
    running: Running,
    folder: string | null,
    producer: ProducerProcess,
  ) {
    this.#name = name
    this.#system = system
    this.running = running
    this.#folder = folder
    this.#connection = running.connection
    this.#producer = producer
  }

  /** Starts a system on an empty folder, or takes one that runs and is stopped by another. */
  static async open(name: string, how: string, given: Running | null = null): Promise<Stage> {
    const system = await systemOf(name)
    const folder = given === null ? await temporaryFolder() : null
    const running = given ?? await system.start(folder ?? '')
    const stage = new Stage(name, system, running, folder, new ProducerProcess())
    await stage.reopen(how)
    return stage
  }

  /** Opens the submitting side, again after a restart. */
  async reopen(how: string): Promise<void> {
    this.#how = how
    const { connection } = await this.#producer.open(this.#name, how, this.running.connection)
    this.#connection = connection
  }

  /** Closes the submitting side. */
  leave(): Promise<void> {
    return this.#producer.close()
  }

  processes(): Processes {
    return { server: this.running.pids(), submits: this.#producer.pid, runs: this.#consumer.pid }
  }

  /** From here on jobs are run. */
  work(): Promise<void> {
    return this.#consumer.open(this.#name, { ...this.#connection, how: this.#how })
  }

  /**
   * Submits jobs, waits until the last has ended, and returns how many that were a second. `waiting`: jobs of others,
   * which do not end.
   */
  async endToEnd(count: number, submitting: Submitting, waiting = 0): Promise<number> {
    const first = this.#next
    const { from } = await this.submit(count, submitting)
    once(await this.#consumer.ran(count), first, count)
    return 1_000 * count / (await this.settled(waiting) - from)
  }

  /** Resolves when all are acknowledged. */
  async submit(count: number, { inFlight, batch }: Submitting): Promise<Submitted> {
    const first = this.#next
    this.#next += count
    const submitted = batch === null
      ? await this.#producer.flood(first, count, inFlight)
      : await this.#producer.batches(first, count, batch, inFlight)
    this.#ids.push(...submitted.ids)
    return submitted
  }

  /** Has all jobs run that wait, and returns how many that were a second. */
  async drain(): Promise<number> {
    const count = this.#ids.length
    const from = now()
    await this.work()
    once(await this.#consumer.ran(count), FIRST, count)
    return 1_000 * count / (await this.settled() - from)
  }

  /** Submits jobs one at a time. */
  async latencies(count: number, waiting = 0): Promise<Latencies> {
    const first = this.#next
    this.#next += count
    const { singles, ids } = await this.#producer.singles(first, count)
    this.#ids.push(...ids)
    const ran = await this.#consumer.ran(count)
    once(ran, first, count)
    const takenAt = new Map(ran.map(({ n, at }) => [n, at]))
    await this.settled(waiting)
    return {
      acknowledged: singles.map(({ sentAt, acknowledgedAt }) => acknowledgedAt - sentAt),
      taken: singles.map(({ n, sentAt }) => (takenAt.get(n) ?? Number.NaN) - sentAt),
      ended: singles.flatMap(({ sentAt, endedAt }) => endedAt === null ? [] : [endedAt - sentAt]),
    }
  }

  /** The instant from which no other job is pending. */
  async settled(waiting = 0): Promise<number> {
    while (await this.#system.pending(this.#connection) > waiting) await setTimeout(5)
    return now()
  }

  /** Throws unless every acknowledged job has ended, once, and no other. */
  verify(): Promise<void> {
    return this.#system.verify(this.#connection, this.#ids)
  }

  /** Stops everything. */
  async close(): Promise<void> {
    try {
      await this.#consumer.close()
      await this.#producer.close()
    } finally {
      await this.discard()
    }
  }

  /** Stops everything as it is. */
  async discard(): Promise<void> {
    this.#consumer.kill()
    this.#producer.kill()
    if (this.#folder === null) return
    await this.running.stop()
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Throws unless each of these jobs was run exactly once. */
function once(ran: readonly Ran[], first: number, count: number): void {
  const seen = new Set(ran.map(({ n }) => n))
  if (ran.length !== count || seen.size !== count) throw new Error(`${count} jobs were run ${ran.length} times`)
  for (let n = first; n < first + count; n++) if (!seen.has(n)) throw new Error(`job ${n} was not run`)
}

/** Uses a stage, verifies it if its system was started for it, and closes it, whatever happens. */
export async function onStage<T>(
  name: string,
  how: string,
  use: (stage: Stage) => Promise<T>,
  given: Running | null = null,
): Promise<T> {
  const stage = await Stage.open(name, how, given)
  try {
    const value = await use(stage)
    if (given === null) await stage.verify()
    await stage.close()
    return value
  } catch (error) {
    await stage.discard()
    throw error
  }
}
