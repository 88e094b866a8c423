import { Heap } from './base/heap.ts'
import type { Millis } from './base/ids.ts'

/**
 * Every deadline, by name. The shell sees only the nearest, and asks after every turn: a lost or repeated alarm is
 * harmless, because all it means is "look at the clock".
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

export interface Timer {
  readonly at: Millis
  readonly why: TimerName
  readonly id: string
  /** Breaks ties in the order in which the timers were set. */
  readonly order: number
}

/** A job has one deadline at a time, whatever it is for, so setting another replaces it: all of them are one group. */
type TimerGroup = 'job' | Exclude<TimerName, `job.${string}`>

function groupOf(why: TimerName): TimerGroup {
  return why.startsWith('job.') ? 'job' : why as TimerGroup
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

export class Timers {
  /** A heap for each group, so that a timer is found by its id: every message of a robot moves one. */
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

  /** When this one comes; never, if it is not set. */
  at(why: TimerName, id: string): Millis {
    const timer = this.#groups.get(groupOf(why))?.get(id)
    return timer?.why === why ? timer.at : Infinity
  }

  /** The clock was set: what was so long off is as long off now. The deadlines of these reasons are left where they are. */
  shift(by: Millis, but: ReadonlySet<TimerName>): void {
    for (const heap of this.#groups.values()) {
      for (const timer of heap.values()) if (!but.has(timer.why)) heap.set(timer.id, { ...timer, at: timer.at + by })
    }
  }

  /** Whether the reasons of all deadlines pass the test. Looks at each of them. */
  every(test: (why: TimerName) => boolean): boolean {
    for (const heap of this.#groups.values()) if (!heap.values().every(({ why }) => test(why))) return false
    return true
  }

  /** The nearest deadline and its reason, or undefined when nothing is to come. */
  next(): Timer | undefined {
    let next: Timer | undefined
    for (const heap of this.#groups.values()) {
      const timer = heap.peek()
      if (timer !== undefined && (next === undefined || isBefore(timer, next))) next = timer
    }
    return next
  }

  /** Takes out the nearest deadline that has come, or nothing. */
  due(now: Millis): Timer | undefined {
    const timer = this.next()
    if (timer === undefined || timer.at > now) return undefined
    this.cancel(timer.why, timer.id)
    return timer
  }
}
