import type { JobId } from '../../core/base/ids.ts'
import { isAssigned, isLive, type JobRow } from '../../core/records/job.ts'
import { notFound } from '../../core/base/refusal.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { errorOf } from './errors.ts'
import type { Job } from './view.ts'

interface Waiter {
  readonly resolve: (job: Job) => void
  readonly reject: (error: Error) => void
}

/** Promises for the end of jobs. They are notified by commits, without polling. */
export class JobWaiters {
  readonly #fleet: Fleet
  readonly #show: (job: JobRow) => Promise<Job>
  readonly #showing = new Set<Promise<unknown>>()
  readonly #waiters = new Map<JobId, Set<Waiter>>()
  readonly #unwatch: () => void
  #over: Error | undefined

  /** `show` reads the details of a job that has ended. */
  constructor(fleet: Fleet, show: (job: JobRow) => Promise<Job>) {
    this.#fleet = fleet
    this.#show = show
    this.#unwatch = fleet.watch((jobs) => {
      if (this.#waiters.size === 0) return
      for (const job of jobs ?? []) this.#changed(job)
      // After a failed commit, something may have become durable without a notification.
      if (jobs === null) { for (const id of this.#waiters.keys()) void this.#look(id) }
    })
  }

  /** Resolves with the job once it has ended. Rejects if it does not exist, when aborted, and on `stop`. */
  async waitForEnd(id: JobId, signal?: AbortSignal): Promise<Job> {
    signal?.throwIfAborted()
    if (this.#over !== undefined) throw this.#over
    const waiters = this.#waiters.get(id) ?? new Set()
    this.#waiters.set(id, waiters)
    let drop = (): void => {}
    try {
      return await new Promise<Job>((resolve, reject) => {
        const waiter = { resolve, reject }
        const abort = (): void => reject(signal?.reason as Error)
        drop = () => {
          waiters.delete(waiter)
          signal?.removeEventListener('abort', abort)
        }
        waiters.add(waiter)
        signal?.addEventListener('abort', abort)
        // Only after subscribing: a job that ended in between would be awaited for ever.
        void this.#look(id)
      })
    } finally {
      drop()
      if (waiters.size === 0) this.#waiters.delete(id)
    }
  }

  /** Resolves when no read is in progress, so that the store can be closed. */
  async whenShown(): Promise<void> {
    while (this.#showing.size > 0) await Promise.allSettled(this.#showing)
  }

  /** Rejects every waiting promise, and later ones. */
  stop(error: Error): void {
    this.#over ??= error
    this.#unwatch()
    for (const waiter of [...this.#waiters.values()].flatMap((waiters) => [...waiters])) waiter.reject(error)
  }

  #changed(job: JobRow): void {
    const waiters = [...this.#waiters.get(job.id) ?? []]
    if (isLive(job.status) || waiters.length === 0) return
    const showing = this.#end(job, waiters).finally(() => this.#showing.delete(showing))
    this.#showing.add(showing)
  }

  async #end(job: JobRow, waiters: readonly Waiter[]): Promise<void> {
    try {
      const shown = await this.#show(job)
      for (const { resolve } of waiters) resolve(shown)
    } catch (error) {
      for (const { reject } of waiters) reject(error as Error)
    }
  }

  async #look(id: JobId): Promise<void> {
    try {
      const job = await this.#fleet.queries.job(id)
      if (job === undefined) throw errorOf(notFound('Job', id))
      this.#changed(job)
    } catch (error) {
      for (const waiter of this.#waiters.get(id) ?? []) waiter.reject(error as Error)
    }
  }
}

/** Resolves when no robot has a job, or after `mostMs`. */
export async function whenDrained(fleet: Fleet, mostMs: number): Promise<void> {
  const busy = (): boolean => [...fleet.state.jobs.values()].some(isAssigned)
  if (!busy() || mostMs <= 0) return
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      unwatch()
      resolve()
    }
    const timer = globalThis.setTimeout(end, Math.min(mostMs, 2 ** 31 - 1))
    const unwatch = fleet.watch(() => void (busy() || end()))
  })
}
