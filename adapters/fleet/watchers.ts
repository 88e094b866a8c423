import type { JobId } from '../../core/base/ids.ts'
import { isLive, type JobRow } from '../../core/records/job.ts'

/** Called with the jobs that a turn has changed; with null if each has to be read again. Must not throw. */
export type JobListener = (jobs: Iterable<JobRow> | null) => void

/** The conditions that end a wait before the job ends. */
export interface WaitUntil {
  readonly signal?: AbortSignal | undefined
  /** The longest wait, in milliseconds. */
  readonly mostMs?: number | undefined
  /** Called at the beginning and every second, for conditions without an event, such as a revoked key. */
  readonly isOver?: (() => boolean) | undefined
}

/** The interval of calls of `isOver`. */
const LOOK_MS = 1_000
/** The longest time that a timer can count. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** Settles one wait. */
type Wait = (job: JobRow | null) => void

/** Listeners for changes of a fleet's jobs, and promises for their ends. Commits notify them, without polling. */
export class Watchers {
  readonly #find: (id: JobId) => Promise<JobRow | undefined>
  readonly #listeners = new Set<JobListener>()
  readonly #waits = new Map<JobId, Set<Wait>>()
  #isStopped = false

  /** `find` reads a job from the store. */
  constructor(find: (id: JobId) => Promise<JobRow | undefined>) {
    this.#find = find
  }

  /** True if there are listeners or waits. */
  get any(): boolean {
    return this.#listeners.size > 0 || this.#waits.size > 0
  }

  /**
   * Calls `listener` with the jobs that a turn has changed, once that is durable, and with null after a failed commit:
   * then every awaited job has to be read again. Returns a function that stops it.
   */
  watch(listener: JobListener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /**
   * Resolves with the job once its end is durable. Resolves with null if the wait ends first: by a condition of `WaitUntil`,
   * because the fleet stops, or because the job does not exist. This is the only way to wait for the end of a job.
   */
  async jobEnded(id: JobId, { signal, mostMs = Infinity, isOver }: WaitUntil = {}): Promise<JobRow | null> {
    if (this.#isStopped || signal?.aborted === true || isOver?.() === true || mostMs <= 0) return null
    const until = performance.now() + mostMs
    let timer: ReturnType<typeof setTimeout> | undefined
    let wait: Wait = () => {}
    const over = (): void => wait(null)
    try {
      return await new Promise<JobRow | null>((resolve, reject) => {
        wait = resolve
        this.#add(id, wait)
        const look = (): void => {
          const left = until - performance.now()
          if (left <= 0 || isOver?.() === true) return over()
          if (left < Infinity || isOver !== undefined) {
            timer = setTimeout(look, Math.min(isOver === undefined ? TIMER_MS_MAX : LOOK_MS, left))
          }
        }
        look()
        signal?.addEventListener('abort', over)
        // Read the job only after the wait was added: an end in between would go unnoticed.
        this.#find(id)
          .then((job) => job !== undefined && isLive(job.status) ? undefined : resolve(job ?? null), reject)
      })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', over)
      this.#delete(id, wait)
    }
  }

  /** Reports the jobs that a turn has changed; null after a failed commit, of which it is unknown whether it was durable. */
  notify(jobs: ReadonlyMap<unknown, JobRow> | null): void {
    for (const listener of this.#listeners) listener(jobs?.values() ?? null)
    if (this.#waits.size === 0) return
    for (const job of jobs?.values() ?? []) this.#ended(job)
    if (jobs === null) { for (const id of this.#waits.keys()) void this.#lookUp(id) }
  }

  /** Ends every wait, and later ones at once. */
  stop(): void {
    this.#isStopped = true
    for (const waits of this.#waits.values()) for (const wait of waits) wait(null)
  }

  #add(id: JobId, wait: Wait): void {
    const waits = this.#waits.get(id) ?? new Set()
    this.#waits.set(id, waits.add(wait))
  }

  #delete(id: JobId, wait: Wait): void {
    const waits = this.#waits.get(id)
    if (waits?.delete(wait) === true && waits.size === 0) this.#waits.delete(id)
  }

  #ended(job: JobRow): void {
    if (isLive(job.status)) return
    for (const wait of this.#waits.get(job.id) ?? []) wait(job)
  }

  /** Read errors are ignored here: a store that fails makes the fleet recover again, or stop. */
  async #lookUp(id: JobId): Promise<void> {
    const job = await this.#find(id).catch(() => undefined)
    if (job !== undefined) this.#ended(job)
  }
}
