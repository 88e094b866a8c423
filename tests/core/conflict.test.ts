import { expect, test } from 'vitest'
import { snapshotOf } from '../../core/robots/snapshot.ts'
import { explain } from '../../core/explain/explain.ts'
import { presence } from '../../core/robots/presence.ts'
import { beat, type Bench, bench, closed, ids, join, messages, say, submit, summaryOf } from './bench.ts'

/** Two machines under one robot id: the rule P54. */

const r = ids.robot('r')
const seen = (fleet: Bench) => presence(fleet.state, r).conflict
const codes = (fleet: Bench, id: string) => {
  const row = fleet.state.jobs.get(ids.job(id))
  return row === undefined ? [] : explain(fleet.state, row, fleet.now).blockers.map(({ code }) => code)
}

/** Each comes back five seconds after it was replaced. */
function fight(fleet: Bench, times: number): readonly string[] {
  const sent: string[] = []
  for (let n = 0; n < times; n++) {
    fleet.now += 5_000
    const socket = `s${fleet.now}`
    const older = fleet.state.sessions.get(r)?.socket ?? ''
    sent.push(...summaryOf(fleet.turn(...join('r', { socket }), closed(older), beat('r', [], socket))))
  }
  return sent.filter((text) => / close | error /.test(text))
}

test('[P54] three takeovers of a live connection are a conflict: in the log, in the view, in words to the robots', () => {
  const fleet = bench()
  fleet.turn(...join('r'), beat('r', []))
  expect(fight(fleet, 2).every((text) => text.endsWith('close 4409'))).toBe(true)
  expect([seen(fleet), fleet.warnings]).toEqual([null, []])
  const since = fleet.now - 5_000
  expect(fight(fleet, 1)).toEqual([expect.stringMatching(/ error CONFLICT$/), expect.stringMatching(/ close 4409$/)])
  expect(seen(fleet)).toEqual({ since, takeovers: 3 })
  expect(fleet.warnings).toMatchObject([{ details: { robot: 'r', takeovers: 3 } }])
  fight(fleet, 60)
  expect(fleet.warnings, 'five minutes of it are one line').toHaveLength(1)
  fight(fleet, 120)
  expect(fleet.warnings).toHaveLength(2)
})

test('[P54] the closed connection is told why', () => {
  const fleet = bench()
  fleet.turn(...join('r'))
  fight(fleet, 3)
  const sends = fleet.turn(...join('r', { socket: 'last' }))
  expect(messages(sends, 'error')[0]?.payload.error_message).toBe(
    'Another machine connects as the robot r, and each replaces the other: give one of them an id and a key of its own',
  )
  expect(fleet.disk.rows.robots.get(r)?.last_disconnect).toMatchObject({
    code: 4409,
    reason: 'Replaced by a newer connection, 4 times by turns: another machine uses this robot id',
  })
})

test('[P54] explain says so of jobs that the robot has, and of those that wait for it', () => {
  const fleet = bench()
  fleet.turn(...join('r'), submit('held'), say('r', 'job_accept', { job_id: 'held' }))
  fleet.turn(submit('waits'), submit('other', { required_tags: ['x'] }))
  fight(fleet, 3)
  expect(codes(fleet, 'waits')).toContain('ROBOT_ID_CONFLICT')
  expect(codes(fleet, 'other')).not.toContain('ROBOT_ID_CONFLICT')
  const again = bench()
  again.turn(...join('r'), submit('held'), say('r', 'job_accept', { job_id: 'held' }))
  for (let n = 0; n < 3; n++) again.turn(...join('r', { socket: `s${n}` }))
  expect(codes(again, 'held')).toEqual(['ROBOT_ID_CONFLICT'])
})

test('[P54] it is over when nobody has been replaced for five minutes, and the next one is a line of its own', () => {
  const fleet = bench()
  fleet.turn(...join('r'))
  fight(fleet, 3)
  fleet.turn(beat('r', [], fleet.state.sessions.get(r)?.socket))
  for (let n = 0; n < 6; n++) {
    fleet.pass(50_000)
    fleet.turn(beat('r', [], fleet.state.sessions.get(r)?.socket))
  }
  expect(seen(fleet)).toBeNull()
  fight(fleet, 3)
  expect(fleet.warnings).toHaveLength(2)
})

test('a robot that comes back while its dead connection is still open is one robot', () => {
  const fleet = bench()
  fleet.turn(...join('r'))
  for (let n = 0; n < 10; n++) {
    fleet.now += 40_000
    fleet.turn(...join('r', { socket: `s${n}` }))
  }
  expect(seen(fleet)).toBeNull()
  // Nor is one whose line breaks every moment.
  for (let n = 0; n < 10; n++) {
    fleet.now += 1_000
    fleet.turn(closed(fleet.state.sessions.get(r)?.socket ?? ''), ...join('r', { socket: `t${n}` }))
  }
  expect(seen(fleet)).toBeNull()
})

test('[P54] it is remembered where memory goes', () => {
  const fleet = bench()
  fleet.turn(...join('r'))
  fight(fleet, 4)
  const text = snapshotOf(fleet.state, fleet.state.sessions.get(r)?.socket ?? ids.socket('')) ?? ''
  expect(seen(bench({}, fleet.hot(), [text]))).toEqual(seen(fleet))
})

test('explain says of a job whose robot is away since when, and how its connection ended', () => {
  const fleet = bench()
  fleet.turn(...join('r'), submit('j'), say('r', 'job_accept', { job_id: 'j' }))
  fleet.turn(say('r', 'disconnect', { reason: 'lunch' }))
  const row = fleet.state.jobs.get(ids.job('j'))
  const explanation = row === undefined ? null : explain(fleet.state, row, fleet.now)
  const why = 'r has been away since 2026-01-05T09:00:00.000Z, closed with 1000: lunch'
  expect(explanation?.blockers).toEqual([{ code: 'ROBOT_OFFLINE', message: why }])
  expect(explanation?.summary).toBe(`It is running on ${why.replace('r has', 'r, which has')}.`)
})
