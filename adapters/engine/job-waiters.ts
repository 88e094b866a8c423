import type { JobId } from '../../core/base/ids.ts'
import { isAssigned } from '../../core/records/job.ts'
import { notFound } from '../../core/base/refusal.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { errorOf } from './errors.ts'
import { wholeJob } from './jobs.ts'
import type { Job } from './view.ts'

/** The engine's promises for the end of jobs. */
export class JobWaiters {
  readonly #fleet: Fleet
  readonly #open = new Set<Promise<Job>>()
  #reason = new Error('The engine was stopped before the job had ended')

  constructor(fleet: Fleet) {
    this.#fleet = fleet
  }

  /** Resolves with the job once it has ended. Rejects if it does not exist, when aborted, and on `stop`. */
  waitForEnd(id: JobId, signal?: AbortSignal): Promise<Job> {
    const waiting = this.#wait(id, signal).finally(() => this.#open.delete(waiting))
    this.#open.add(waiting)
    return waiting
  }

  /** Sets the error with which open waits reject, in place of the one for a stopped engine. */
  failed(reason: Error): void {
    this.#reason = reason
  }

  /** Rejects every open wait. Resolves when no read is in progress, so that the store can be closed. */
  async stop(): Promise<void> {
    this.#fleet.watchers.stop()
    await Promise.allSettled(this.#open)
  }

  async #wait(id: JobId, signal: AbortSignal | undefined): Promise<Job> {
    signal?.throwIfAborted()
    if (await this.#fleet.queries.job(id) === undefined) throw errorOf(notFound('Job', id))
    const ended = await this.#fleet.watchers.jobEnded(id, { signal })
    if (ended !== null) return wholeJob(this.#fleet, ended)
    signal?.throwIfAborted()
    throw this.#reason
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
    const unwatch = fleet.watchers.watch(() => void (busy() || end()))
  })
}
