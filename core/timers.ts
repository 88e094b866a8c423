import { Heap } from './base/heap.ts'
import type { Millis } from './base/ids.ts'

/**
 * Every deadline, by name. The shell sees only the nearest, and asks after every turn. A lost or repeated alarm is
 * harmless, because it only means "check the clock".
 */
export type TimerName =
  | 'job.ready'
  | 'job.queue-timeout'
  | 'job.offer'
  | 'job.timeout'
  | 'job.stop'
  | 'schedule.due'
  | 'robot.status'
  | 'store.horizon'
  | 'store.forget'
  | 'robot.lease'
  | 'robot.lost'
  | 'robot.exclusion'
  | 'robot.cooldown'
  | 'robot.conflict'
  | 'log.close'
  | 'socket.registration'
  | 'webhook.due'
  | 'webhook.request'
  | 'webhook.page'
  | 'trigger.skips'

export interface Timer {
  readonly at: Millis
  readonly why: TimerName
  readonly id: string
  /** Breaks ties by the order in which the timers were set. */
  readonly order: number
}

/** A job has one deadline at a time, and setting another replaces it, so all of them form one group. */
type TimerGroup = 'job' | Exclude<TimerName, `job.${string}`>

function groupOf(why: TimerName): TimerGroup {
  return why.startsWith('job.') ? 'job' : why as TimerGroup
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

export class Timers {
  /** A heap for each group, in which a timer is found by its id, since every message of a robot moves one. */
  readonly #groups = new Map<TimerGroup, Heap<string, Timer>>()
  #order = 0

  get size(): number {
    let size = 0
    for (const heap of this.#groups.values()) size += heap.size
    return size
  }

  /** Sets or moves the deadline of this name and id. */
  set(why: TimerName, id: string, at: Millis): void {
    const group = groupOf(why)
    let heap = this.#groups.get(group)
    if (heap === undefined) this.#groups.set(group, heap = new Heap(isBefore))
    const before = heap.get(id)
    if (before?.at === at && before.why === why) return
    heap.set(id, { at, why, id, order: ++this.#order })
  }

  cancel(why: TimerName, id: string): void {
    this.#groups.get(groupOf(why))?.delete(id)
  }

  /** The instant of a deadline; Infinity if it is not set. */
  at(why: TimerName, id: string): Millis {
    const timer = this.#groups.get(groupOf(why))?.get(id)
    return timer?.why === why ? timer.at : Infinity
  }

  /**
   * Moves all deadlines after the clock was set, so that they are as far off as before, except those with these names.
   */
  shift(by: Millis, but: ReadonlySet<TimerName>): void {
    for (const heap of this.#groups.values()) {
      for (const timer of heap.values()) if (!but.has(timer.why)) heap.set(timer.id, { ...timer, at: timer.at + by })
    }
  }

  /** True if the names of all deadlines pass the test. Visits each of them. */
  every(test: (why: TimerName) => boolean): boolean {
    for (const heap of this.#groups.values()) if (!heap.values().every(({ why }) => test(why))) return false
    return true
  }

  /** The nearest deadline and its name, or undefined. */
  next(): Timer | undefined {
    let next: Timer | undefined
    for (const heap of this.#groups.values()) {
      const timer = heap.peek()
      if (timer !== undefined && (next === undefined || isBefore(timer, next))) next = timer
    }
    return next
  }

  /** Every deadline that is due, in no particular order. */
  allDue(now: Millis): readonly Timer[] {
    return [...this.#groups.values()].flatMap((heap) => heap.upTo(({ at }) => at <= now))
  }

  /** Removes and returns the nearest deadline that is due, or undefined. */
  due(now: Millis): Timer | undefined {
    const timer = this.next()
    if (timer === undefined || timer.at > now) return undefined
    this.cancel(timer.why, timer.id)
    return timer
  }
}
