import type { JobRow } from '../../core/records/job.ts'

/** Gets the jobs that a turn has changed; null when each has to be looked up anew. Must not throw. */
export type JobListener = (jobs: Iterable<JobRow> | null) => void

/** Those who wait for a job of a fleet to change. */
export class Watchers {
  readonly #listeners = new Set<JobListener>()

  /** Whether there are any. */
  get any(): boolean {
    return this.#listeners.size > 0
  }

  /** Returns how to end it. */
  add(listener: JobListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  notify(jobs: ReadonlyMap<unknown, JobRow> | null): void {
    for (const listener of this.#listeners) listener(jobs?.values() ?? null)
  }
}
