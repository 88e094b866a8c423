import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Limit, restoreWindow, SlidingWindow, windowOf } from '../../core/base/sliding-window.ts'

/** The obvious way: every instant at which something was counted, and how many of them are in the window. */
class List {
  readonly times: number[] = []
  readonly limit: Limit

  constructor(limit: Limit) {
    this.limit = limit
  }

  within(now: number): readonly number[] {
    return this.times.filter((time) => time > now - this.limit.windowMs && time <= now)
  }

  take(now: number): boolean {
    const open = this.within(now).length < this.limit.most
    if (open) this.times.push(now)
    return open
  }

  /** The first instant, looked for one by one, at which fewer of them are in the window. */
  resetAt(now: number): number {
    const used = this.within(now).length
    if (used === 0) return now
    let at = now
    while (this.within(now).filter((time) => time > at - this.limit.windowMs).length === used) at++
    return at
  }
}

const limits = fc.record({ most: fc.integer({ min: 1, max: 12 }), windowMs: fc.integer({ min: 1, max: 60 }) })
/** The time between successive events: many at one instant, and some after whole windows. */
const steps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 100 })), {
  maxLength: 120,
})

describe('the ring', () => {
  test('accepts what a list of all instants accepts, and tells what it tells', () => {
    fc.assert(fc.property(limits, steps, (limit, waits) => {
      const [ring, list] = [new SlidingWindow(limit), new List(limit)]
      let now = 1_000
      for (const wait of waits) {
        now += wait
        expect(ring.take(now)).toBe(list.take(now))
        const remaining = limit.most - list.within(now).length
        const resetAt = list.resetAt(now)
        const retryAfterMs = remaining > 0 ? 0 : resetAt - now
        expect(ring.quota(now)).toEqual({ limit: limit.most, remaining, resetAt, retryAfterMs })
      }
    }))
  })

  test('never accepts more than its limit in any window, however it is asked', () => {
    fc.assert(fc.property(limits, steps, (limit, waits) => {
      const ring = new SlidingWindow(limit)
      const accepted: number[] = []
      let now = 0
      for (const wait of waits) if (ring.take(now += wait)) accepted.push(now)
      for (const end of accepted) {
        const inside = accepted.filter((time) => time > end - limit.windowMs && time <= end)
        expect(inside.length).toBeLessThanOrEqual(limit.most)
      }
    }))
  })

  test('what may not be refused is counted, and keeps out what may', () => {
    fc.assert(fc.property(limits, steps, fc.array(fc.boolean(), { minLength: 120 }), (limit, waits, forced) => {
      const [ring, list] = [new SlidingWindow(limit), new List(limit)]
      let now = 0
      for (const [index, wait] of waits.entries()) {
        now += wait
        if (forced[index] === true) {
          ring.count(now)
          list.times.push(now)
        } else expect(ring.take(now)).toBe(list.take(now))
        const used = Math.min(limit.most, list.within(now).length)
        expect(ring.quota(now)?.remaining).toBe(limit.most - used)
        expect(ring.isOpen(now)).toBe(used < limit.most)
      }
    }))
  })

  test('is as it was after it was carried', () => {
    fc.assert(fc.property(limits, steps, steps, (limit, before, after) => {
      const ring = new SlidingWindow(limit)
      let now = 0
      for (const wait of before) ring.take(now += wait)
      const carried = ring.snapshot(now)
      const again = carried === null
        ? new SlidingWindow(limit)
        : restoreWindow(limit, JSON.parse(JSON.stringify(carried)))
      for (const wait of after) {
        expect(again.quota(now)).toEqual(ring.quota(now))
        now += wait
        expect(again.take(now)).toBe(ring.take(now))
      }
    }))
  })
})

describe('at the boundary', () => {
  const limit = { most: 50, windowMs: 60_000 }
  const burst = (ring: SlidingWindow, at: number, count: number): number =>
    Array.from({ length: count }, () => ring.take(at)).filter(Boolean).length

  test('a burst before the minute is over and one after it are one burst', () => {
    const ring = new SlidingWindow(limit)
    expect(burst(ring, 59_900, 50)).toBe(50)
    expect(burst(ring, 60_100, 50)).toBe(0)
    expect(burst(ring, 119_899, 50)).toBe(0)
    expect(burst(ring, 119_900, 60)).toBe(50)
  })

  test('what was refused is accepted at the instant that was told, and not a millisecond earlier', () => {
    const ring = windowOf(limit, Array.from({ length: 50 }, (_, index) => 1_000 + index))
    const quota = ring.quota(2_000)
    expect(quota).toEqual({ limit: 50, remaining: 0, resetAt: 61_000, retryAfterMs: 59_000 })
    expect(ring.isOpen(60_999)).toBe(false)
    expect(ring.take(61_000)).toBe(true)
    expect(ring.isOpen(61_000), 'the next one leaves a millisecond later').toBe(false)
  })

  test('nothing is used up while nothing has been accepted', () => {
    expect(new SlidingWindow(limit).quota(5)).toEqual({ limit: 50, remaining: 50, resetAt: 5, retryAfterMs: 0 })
  })

  test('no limit is none', () => {
    const ring = new SlidingWindow({ most: 0, windowMs: 60_000 })
    expect(burst(ring, 0, 1_000)).toBe(1_000)
    expect(ring.quota(0)).toBeNull()
    expect(ring.snapshot(0)).toBeNull()
  })
})
