import { expect, test } from 'vitest'
import { setClock } from './bench.ts'
import { fire, outcome, ready } from './triggers.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND

test.each([MINUTE, 5 * MINUTE, 24 * 60 * MINUTE])(
  'a cooldown that is over stays over when the clock is set back by %i ms',
  (by) => {
    const fleet = ready({ cooldown_ms: MINUTE })
    expect(outcome(fleet, fire({}))).toBe('fired')
    fleet.pass(MINUTE)
    setClock(fleet, -by)
    expect(outcome(fleet, fire({}))).toBe('fired')
    fleet.pass(MINUTE + SECOND)
    expect(outcome(fleet, fire({}))).toBe('fired')
  },
)

test('nor does it begin when the clock comes to the instant at which its trigger had fired', () => {
  const fleet = ready({ cooldown_ms: MINUTE })
  expect(outcome(fleet, fire({}))).toBe('fired')
  fleet.pass(MINUTE)
  setClock(fleet, -2 * MINUTE)
  fleet.pass(MINUTE + SECOND)
  expect(outcome(fleet, fire({}))).toBe('fired')
})
