import { expect, test } from 'vitest'
import { ask, DOWN, hook, OK, report } from './webhooks.ts'
import { bench, closed, complete, job, join, submit } from './bench.ts'
import { isIdle } from '../../core/explain/stats.ts'

test('a state is at rest before anything has come and after everything has ended, and not in between', () => {
  const fleet = bench()
  expect(isIdle(fleet.state)).toBe(true)
  fleet.turn(submit('j1'))
  expect(isIdle(fleet.state)).toBe(false)
  fleet.turn(...join('r1'))
  fleet.turn(complete('r1', 'j1'))
  expect(job(fleet, 'j1').status).toBe('completed')
  // The robot is still there.
  expect(isIdle(fleet.state)).toBe(false)
  fleet.turn(closed('socket-r1'))
  expect(isIdle(fleet.state)).toBe(true)
})

test('a state is not at rest while a webhook has something to be told', () => {
  const fleet = bench()
  fleet.turn(hook({ events: ['webhook.disabled'] }))
  expect(isIdle(fleet.state)).toBe(true)
  fleet.turn(ask('pinged'))
  expect(isIdle(fleet.state)).toBe(false)
  fleet.turn(report(fleet, DOWN))
  expect(isIdle(fleet.state)).toBe(false)
  fleet.pass(10_000)
  fleet.turn(report(fleet, OK))
  expect(isIdle(fleet.state)).toBe(true)
})

test('a deadline that is nobody’s but the clock’s keeps it awake', () => {
  const fleet = bench()
  fleet.state.timers.set('robot.cooldown', 'r1', 1_000)
  expect(isIdle(fleet.state)).toBe(false)
})
