import { expect, test } from 'vitest'
import { presence } from '../../core/robots/presence.ts'
import { beat, bench, closed, ids, join, say, submit } from './bench.ts'

/** The shown state of an offline robot. */

const r = ids.robot('r')

test('one that was only put on record has never been seen', () => {
  const fleet = bench()
  const saved = {
    type: 'robot.saved',
    reply: ids.reply('x'),
    robot: r,
    name: 'R',
    environment: 'default',
    max_concurrent_jobs: 1,
    tags: [],
    capabilities: {},
  } as const
  fleet.turn({ ...saved, mode: 'create' })
  expect(fleet.disk.rows.robots.get(r)).toMatchObject({ last_seen: null, last_heartbeat: null, metrics: null })
  fleet.turn(...join('r'))
  fleet.turn({ ...saved, mode: 'update' })
  expect(fleet.disk.rows.robots.get(r)?.last_seen).toBe(fleet.now)
})

test('its last heartbeat and what that said stay, over a restart too', () => {
  const fleet = bench()
  fleet.turn(...join('r'))
  fleet.now += 5_000
  fleet.turn(say('r', 'heartbeat', { cpu_percent: 41, memory_percent: 42, disk_percent: 43 }))
  const report = { last_heartbeat: fleet.now, metrics: { cpu_percent: 41, memory_percent: 42, disk_percent: 43 } }
  fleet.now += 5_000
  fleet.turn(closed('socket-r'))
  expect(presence(fleet.state, r)).toMatchObject({ status: 'offline', ...report })
  expect(presence(bench({}, fleet.hot()).state, r)).toMatchObject({ status: 'offline', ...report })
})

test('heartbeats are not written one by one', () => {
  const fleet = bench({ seenMs: 60_000 })
  fleet.turn(...join('r'))
  let writes = 0
  for (let n = 0; n < 120; n++) {
    fleet.now += 5_000
    const before = fleet.disk.rows.robots.get(r)
    fleet.turn(beat('r', []))
    if (fleet.disk.rows.robots.get(r) !== before) writes++
  }
  expect(writes).toBe(10)
})

test('how its last connection ended', () => {
  const fleet = bench()
  const ended = () => fleet.disk.rows.robots.get(r)?.last_disconnect
  fleet.turn(...join('r'))
  expect(ended()).toBeNull()
  fleet.turn(closed('socket-r'))
  expect(ended()).toEqual({ at: fleet.now, code: null, reason: '' })
  fleet.turn(...join('r'), say('r', 'disconnect', { reason: 'lunch' }))
  expect(ended()).toEqual({ at: fleet.now, code: 1000, reason: 'lunch' })
  fleet.turn(...join('r', { socket: 's2' }))
  fleet.pass(100_000)
  expect(ended()).toEqual({ at: fleet.now, code: 4408, reason: 'No message for 100 s' })
})

test('an answer to a status request does not wipe the metrics, and brings those in its system_info', () => {
  const fleet = bench()
  fleet.turn(...join('r'), submit('j'), beat('r', []))
  fleet.turn(say('r', 'status_response', { status: 'online', system_info: { cpu_percent: 77 } }))
  expect(presence(fleet.state, r).metrics).toEqual({ cpu_percent: 77, memory_percent: 2, disk_percent: 3 })
})
