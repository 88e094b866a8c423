import type { JobId } from '../../core/ids.ts'
import { isAssigned, isLive, type JobRow } from '../../core/job.ts'
import { notFound } from '../../core/protocol/refusal.ts'
import type { Fleet } from '../fleet.ts'
import { errorOf } from './refused.ts'

interface Waiter {
  readonly resolve: (job: JobRow) => void
  readonly reject: (error: Error) => void
}

/** Who waits for which job to end. They are told by the commits, nobody asks again and again. */
export class Waiting {
  readonly #fleet: Fleet
  readonly #waiters = new Map<JobId, Set<Waiter>>()
  readonly #unwatch: () => void
  #over: Error | undefined

  constructor(fleet: Fleet) {
    this.#fleet = fleet
    this.#unwatch = fleet.watch((jobs) => {
      if (this.#waiters.size === 0) return
      for (const job of jobs ?? []) this.#told(job)
      // After a failed commit it is not certain what was made durable without our having been told.
      if (jobs === null) { for (const id of this.#waiters.keys()) void this.#look(id) }
    })
  }

  /** Resolves with the job once it has ended. Rejects when there is no such job, when aborted, and on `stop`. */
  async ended(id: JobId, signal?: AbortSignal): Promise<JobRow> {
    signal?.throwIfAborted()
    if (this.#over !== undefined) throw this.#over
    const waiters = this.#waiters.get(id) ?? new Set()
    this.#waiters.set(id, waiters)
    let drop = (): void => {}
    try {
      return await new Promise<JobRow>((resolve, reject) => {
        const waiter = { resolve, reject }
        const abort = (): void => reject(signal?.reason as Error)
        drop = () => {
          waiters.delete(waiter)
          signal?.removeEventListener('abort', abort)
        }
        waiters.add(waiter)
        signal?.addEventListener('abort', abort)
        // Only now that we are told of changes: a job that ended in between would be waited for for ever.
        void this.#look(id)
      })
    } finally {
      drop()
      if (waiters.size === 0) this.#waiters.delete(id)
    }
  }

  /** Nobody is told any more. */
  stop(error: Error): void {
    this.#over ??= error
    this.#unwatch()
    for (const waiter of [...this.#waiters.values()].flatMap((waiters) => [...waiters])) waiter.reject(error)
  }

  #told(job: JobRow): void {
    if (isLive(job.status)) return
    for (const waiter of this.#waiters.get(job.id) ?? []) waiter.resolve(job)
  }

  async #look(id: JobId): Promise<void> {
    try {
      const job = await this.#fleet.queries.job(id)
      if (job === undefined) throw errorOf(notFound('Job', id))
      this.#told(job)
    } catch (error) {
      for (const waiter of this.#waiters.get(id) ?? []) waiter.reject(error as Error)
    }
  }
}

/** Resolves when no robot has a job, or when the time is up. */
export async function quiet(fleet: Fleet, mostMs: number): Promise<void> {
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
