import { Heap } from './heap.ts'
import type { Millis } from './ids.ts'

/**
 * Every deadline, by name. The shell sees only the nearest, and asks after every turn: a lost or repeated alarm is
 * harmless, because all it means is "look at the clock".
 */
export type TimerName =
  | 'job.ready'
  | 'job.unclaimed'
  | 'job.offer'
  | 'job.timeout'
  | 'job.stop'
  | 'schedule.due'
  | 'robot.status'
  | 'store.horizon'
  | 'store.forget'
  | 'robot.silent'
  | 'robot.lost'
  | 'robot.barred'
  | 'robot.rest'
  | 'socket.unregistered'
  | 'webhook.due'
  | 'webhook.call'
  | 'webhook.page'

export interface Timer {
  readonly at: Millis
  readonly why: TimerName
  readonly id: string
  /** Breaks ties in the order in which the timers were set. */
  readonly order: number
}

/**
 * What a deadline is set and found by. A job has one deadline at a time, whatever it is for, so setting another
 * replaces it.
 */
function keyOf(why: TimerName, id: string): string {
  return why.startsWith('job.') ? id : `${why} ${id}`
}

export class Timers {
  readonly #heap = new Heap<string, Timer>((a, b) => a.at < b.at || (a.at === b.at && a.order < b.order))
  #order = 0

  get size(): number {
    return this.#heap.size
  }

  /** Sets or moves the deadline of this name and id. */
  set(why: TimerName, id: string, at: Millis): void {
    const key = keyOf(why, id)
    const before = this.#heap.get(key)
    if (before?.at === at && before.why === why) return
    this.#heap.set(key, { at, why, id, order: ++this.#order })
  }

  cancel(why: TimerName, id: string): void {
    this.#heap.delete(keyOf(why, id))
  }

  /** When this one comes; never, if it is not set. */
  at(why: TimerName, id: string): Millis {
    const timer = this.#heap.get(keyOf(why, id))
    return timer?.why === why ? timer.at : Infinity
  }

  /** Whether the reasons of all deadlines pass the test. Looks at each of them. */
  every(test: (why: TimerName) => boolean): boolean {
    return this.#heap.values().every(({ why }) => test(why))
  }

  /** The nearest deadline and its reason, or undefined when nothing is to come. */
  next(): Timer | undefined {
    return this.#heap.peek()
  }

  /** Takes out the nearest deadline that has come, or nothing. */
  due(now: Millis): Timer | undefined {
    const timer = this.#heap.peek()
    if (timer === undefined || timer.at > now) return undefined
    this.#heap.delete(keyOf(timer.why, timer.id))
    return timer
  }
}
