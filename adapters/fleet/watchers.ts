import type { JobRow } from '../../core/records/job.ts'

/** Called with the jobs that a turn has changed; with null if each has to be read again. Must not throw. */
export type JobListener = (jobs: Iterable<JobRow> | null) => void

/** Listeners for changes of a fleet's jobs. */
export class Watchers {
  readonly #listeners = new Set<JobListener>()

  /** True if there are listeners. */
  get any(): boolean {
    return this.#listeners.size > 0
  }

  /** Returns a function that removes it. */
  add(listener: JobListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  notify(jobs: ReadonlyMap<unknown, JobRow> | null): void {
    for (const listener of this.#listeners) listener(jobs?.values() ?? null)
  }
}
