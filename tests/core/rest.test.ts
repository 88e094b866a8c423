import { expect, test } from 'vitest'
import { isAtRest } from '../../core/rest.ts'
import { ask, DOWN, hook, OK, report } from './hooks.ts'
import { bench, closed, complete, job, join, submit } from './rows.ts'

test('a state is at rest before anything has come and after everything has ended, and not in between', () => {
  const fleet = bench()
  expect(isAtRest(fleet.state)).toBe(true)
  fleet.turn(submit('j1'))
  expect(isAtRest(fleet.state)).toBe(false)
  fleet.turn(...join('r1'))
  fleet.turn(complete('r1', 'j1'))
  expect(job(fleet, 'j1').status).toBe('completed')
  // The robot is still there.
  expect(isAtRest(fleet.state)).toBe(false)
  fleet.turn(closed('socket-r1'))
  expect(isAtRest(fleet.state)).toBe(true)
})

test('a state is not at rest while a webhook has something to be told', () => {
  const fleet = bench()
  fleet.turn(hook({ events: ['webhook.disabled'] }))
  expect(isAtRest(fleet.state)).toBe(true)
  fleet.turn(ask('pinged'))
  expect(isAtRest(fleet.state)).toBe(false)
  fleet.turn(report(fleet, DOWN))
  expect(isAtRest(fleet.state)).toBe(false)
  fleet.pass(10_000)
  fleet.turn(report(fleet, OK))
  expect(isAtRest(fleet.state)).toBe(true)
})

test('a deadline that is nobody’s but the clock’s keeps it awake', () => {
  const fleet = bench()
  fleet.state.timers.set('robot.rest', 'r1', 1_000)
  expect(isAtRest(fleet.state)).toBe(false)
})
