import { describe, expect, test } from 'vitest'
import { Clock, SET_MS } from '../../../adapters/fleet/clock.ts'
import { adjustmentText } from '../../../adapters/fleet/fleet-clock.ts'
import { START } from '../../core/bench.ts'

const SECOND = 1_000
const HOUR = 3_600_000

/** A clock on dials in the hands of the test. */
function clockOn() {
  const dials = { wall: START, steady: 5 }
  const clock = new Clock({ wall: () => dials.wall, monotonic: () => dials.steady })
  /** Advances elapsed time, and the wall clock by another amount. */
  const pass = (ms: number, wall = ms): number => {
    dials.steady += ms
    dials.wall += wall
    return clock.now() - START
  }
  return { clock, dials, pass }
}

describe('between two settings', () => {
  test('time goes on by what is steady', () => {
    const { clock, pass } = clockOn()
    expect([clock.now(), pass(10), pass(HOUR), clock.adjust()]).toEqual([START, 10, HOUR + 10, 0])
  })

  test.each([0.999, 1.001, 0.98, 1.02])('a wall that drifts, to %d of the pace, is kept to', (pace) => {
    const { clock, dials, pass } = clockOn()
    let last = clock.now()
    for (let i = 0; i < 10_000; i++) {
      pass(SECOND, SECOND * pace)
      expect(clock.now()).toBeGreaterThan(last)
      last = clock.now()
      expect(clock.adjust()).toBe(0)
    }
    expect(Math.abs(clock.now() - dials.wall)).toBeLessThan(SET_MS)
  })

  test.each([SET_MS, -SET_MS])(
    '%i ms more or less are taken up within half a minute, and time never stands still',
    (by) => {
      const { clock, dials, pass } = clockOn()
      dials.wall += by
      let last = clock.now()
      for (let i = 0; i < 300; i++) {
        pass(100)
        expect(clock.now() - last).toBeGreaterThanOrEqual(94)
        last = clock.now()
      }
      expect(clock.adjust()).toBe(0)
      expect(Math.abs(clock.now() - dials.wall)).toBeLessThanOrEqual(1)
    },
  )
})

describe.each([30 * SECOND, -30 * SECOND, 2 * HOUR, -2 * HOUR, 8_760 * HOUR, -8_760 * HOUR])(
  'a step of %i ms',
  (by) => {
    test('changes nothing until it is taken up, and then time is the wall again', () => {
      const { clock, dials, pass } = clockOn()
      dials.wall += by
      expect([clock.isSet, pass(SECOND)]).toEqual([true, SECOND])
      expect([clock.adjust(), clock.adjust(), clock.isSet]).toEqual([by, 0, false])
      expect(clock.now()).toBe(dials.wall)
      expect(pass(SECOND)).toBe(2 * SECOND + by)
    })
  },
)

test('rows that are ahead of the clock are where time begins, and then it is the wall', () => {
  const { clock, dials } = clockOn()
  clock.resumeFrom(START + 2 * HOUR)
  expect([clock.now(), clock.isSet]).toEqual([START + 2 * HOUR, true])
  expect([clock.adjust(), clock.now()]).toEqual([-2 * HOUR, dials.wall])
})

test.each([2 * HOUR, -2 * HOUR])(
  'a step of %i ms that did not reach the disk is taken up once more, and one that did is not',
  (by) => {
    const { clock, dials, pass } = clockOn()
    dials.wall += by
    expect(clock.adjust()).toBe(by)
    pass(SECOND)
    clock.resumeFrom(START)
    expect([clock.now(), clock.adjust(), clock.now()]).toEqual([START + SECOND, by, dials.wall])
    clock.resumeFrom(dials.wall)
    expect([clock.now(), clock.adjust()]).toEqual([dials.wall, 0])
    // The turn in which it was taken up is of an instant just after that.
    dials.wall += by
    expect(clock.adjust()).toBe(by)
    pass(3)
    clock.resumeFrom(dials.wall)
    expect([clock.now(), clock.adjust()]).toEqual([dials.wall, 0])
  },
)

test('where nothing is steady time that goes back is a clock that was set, and time that goes on has passed', () => {
  const dials = { now: START }
  const clock = new Clock({ wall: () => dials.now, monotonic: () => dials.now })
  dials.now += 2 * HOUR
  expect([clock.now() - START, clock.adjust()]).toEqual([2 * HOUR, 0])
  dials.now -= HOUR
  expect([clock.now() - START, clock.adjust(), clock.now() - START]).toEqual([2 * HOUR, -HOUR, HOUR])
})

test.each([
  [7_500_000, '2 h 5 min forward'],
  [-86_400_000, '1 d back'],
  [-1_500, '1 s back'],
])('%i ms are told as %s', (by, text) => expect(adjustmentText(by)).toBe(text))
