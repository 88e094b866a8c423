import { afterAll, beforeAll, expect, test } from 'vitest'
import { cleanUp } from '../process/program.ts'
import { Server } from '../wire/server.ts'
import { node } from '../wire/targets/node.ts'
import { closeAll } from '../wire/wire.ts'
import { FLOODS } from './floods.ts'
import { groundOf } from './ground.ts'
import { layTo, type Outcome } from './siege.ts'

/**
 * Each flood for a moment, on Node. How long heartbeats wait depends on the machine and what else it does, so here it is
 * only asked that all of them are answered, and what the attackers are answered: `npm run siege` measures.
 */

const SECONDS = 1.2

const server = new Server(node, {}, {})
const outcomes = new Map<string, Outcome>()
const of = (flood: string): Outcome => {
  const outcome = outcomes.get(flood)
  if (outcome === undefined) throw new Error(`flood ${flood} has not come to its end`)
  return outcome
}

afterAll(cleanUp)
afterAll(async () => {
  closeAll()
  await server.stop()
  expect(server.faults()).toBe('')
})
beforeAll(async () => {
  await server.start()
  const floods = FLOODS.map(({ name }) => name)
  // Throws where a robot that means well loses its connection.
  for await (
    const one of layTo({ ground: groundOf(server), floods, seconds: SECONDS, quietSeconds: 0, server: undefined })
  ) {
    outcomes.set(one.flood, one)
  }
})

test.each(FLOODS.map(({ name, what }) => [name, what]))('%s: others are answered beside %s', (name) => {
  const { beats, tally } = of(name)
  expect(beats.length).toBeGreaterThan(0)
  // So that it stays a flood: something was sent, and came to an end.
  expect(tally.sent + tally.sockets).toBeGreaterThan(10)
  expect(tally.notes['without an end']).toBeUndefined()
})

test.each(FLOODS.map(({ name }) => name))('%s: nothing fails inside', (name) => {
  expect(Object.keys(of(name).tally.answers).filter((status) => /^5(?!03)/.test(status))).toEqual([])
})

test('who guesses keys is told to stop', () => {
  const { answers } = of('keys').tally
  expect(Object.keys(answers).filter((status) => !['101', '401', '429'].includes(status))).toEqual([])
  // Twenty in a minute, of which other floods from the same address may have used up all.
  expect(answers[401] ?? 0).toBeLessThanOrEqual(20)
  expect(answers[429]).toBeGreaterThan(0)
})

test('a chain ends by itself, however wide it is', () => {
  expect(of('chains').tally.notes['jobs']).toBeLessThanOrEqual(1_001)
})

test('a request for another protocol is served without it, and one with a Host that is none is refused', () => {
  expect(Object.keys(of('upgrades').tally.answers)).toEqual(['200', '400', '426'])
})

test('who floods before a registration is closed', () => {
  const { sockets, most, answers } = of('frames').tally
  expect(Object.keys(answers)).toEqual(['101'])
  // Others take the places of those that were closed.
  expect(sockets).toBeGreaterThan(most)
})
