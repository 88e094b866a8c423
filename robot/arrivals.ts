import type { RunningJob } from './job.ts'

/** An offer that is being recorded, and is not accepted yet. */
interface Arrival {
  readonly offer: number | undefined
  /** The job that begins then; null for one whose result waits here. */
  readonly job: RunningJob | null
  /** Called after the answer to the offer. */
  readonly after: (() => void)[]
}

/** The offers that are being recorded, by job, in the order in which they came, which is that of their answers. */
export class Arrivals {
  readonly #arrivals = new Map<string, Arrival>()

  get size(): number {
    return this.#arrivals.size
  }

  get(jobId: string): Arrival | undefined {
    return this.#arrivals.get(jobId)
  }

  add(jobId: string, offer: number | undefined, job: RunningJob | null): void {
    this.#arrivals.set(jobId, { offer, job, after: [] })
  }

  /** Runs `answer`, and what had to come after it. */
  answer(jobId: string, answer: () => void): void {
    const after = this.#arrivals.get(jobId)?.after ?? []
    this.#arrivals.delete(jobId)
    answer()
    for (const then of after) then()
  }

  /**
   * Calls `then` once the offers that have come so far are answered; at once if they are. A list of jobs must wait for
   * that: it would say that the robot has not got them.
   */
  whenAnswered(then: () => void): void {
    const last = [...this.#arrivals.values()].at(-1)
    if (last === undefined) then()
    else last.after.push(then)
  }

  abortAll(): void {
    for (const { job } of this.#arrivals.values()) job?.abort('shutdown')
  }
}
