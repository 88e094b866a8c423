import { expect, test } from 'vitest'
import { snapshotOf } from '../../core/robots/snapshot.ts'
import { newEffects } from '../../core/turn.ts'
import { load } from '../../core/load.ts'
import { refuse } from '../../core/base/refusal.ts'
import type { State } from '../../core/state.ts'
import { step } from '../../core/step.ts'
import { type Bench, bench, ids, job, join, messages, NO_ROWS, say, submit } from './bench.ts'
import { NOTHING_PREFETCHED } from '../../core/prefetch.ts'

/** The snapshots of a fleet's open sockets. */
function carried({ state }: Bench): readonly string[] {
  return [...state.sockets.keys()].flatMap((socket) => snapshotOf(state, socket) ?? [])
}

/** Its memory is gone, its rows and its sockets are there. */
function wake(fleet: Bench): State {
  return load(fleet.hot(), fleet.now, 1, fleet.state.settings, carried(fleet))
}

const REPORT = { status: 'online', active_job_ids: [], cpu_percent: 5, memory_percent: 6, disk_percent: 7 }

test('a session that is restored is the session that it was', () => {
  const fleet = bench()
  fleet.turn(
    ...join('r1', { slots: 4, memory: { id: 'm1', start: 1, offers: [] } }),
    submit('a'),
    submit('b'),
    submit('c', { retry_safety: 'unless_accepted' }),
  )
  fleet.turn(submit('d'))
  fleet.turn(say('r1', 'job_reject', { job_id: 'a', reason: 'no' }))
  fleet.turn(say('r1', 'job_accept', { job_id: 'b' }))
  fleet.turn(say('r1', 'status_response', { robot_id: 'r1', ...REPORT }))
  fleet.pass(20_000)
  const before = fleet.state.sessions.get(ids.robot('r1'))
  const state = wake(fleet)
  expect(before?.excluded.size).toBe(1)
  expect(before?.missing.size).toBe(1)
  expect(before?.offers.get(ids.job('d'))).toBe(3)
  expect(before?.memory).toBe('m1')
  const reported = { ...before?.reported, active_job_ids: null }
  expect(state.sessions.get(ids.robot('r1'))).toEqual({ ...before, reported })
  for (const why of ['robot.lease', 'robot.cooldown'] as const) {
    expect(state.timers.at(why, 'r1'), why).toBe(fleet.state.timers.at(why, 'r1'))
  }
  expect(state.timers.at('robot.lost', 'r1')).toBe(Infinity)
})

test('a socket that has not registered still has to, in the time that it had', () => {
  const fleet = bench({ registerMs: 10_000 })
  fleet.turn({ type: 'socket.opened', socket: ids.socket('s'), credential: null })
  fleet.pass(4_000)
  expect(wake(fleet).timers.at('socket.registration', 's')).toBe(fleet.now + 6_000)
})

test('a lease that has run out while memory was gone has run out', () => {
  const fleet = bench({ leaseMs: 100_000 })
  fleet.turn(...join('r1'))
  const texts = carried(fleet)
  const state = load(fleet.hot(), fleet.now + 200_000, 1, fleet.state.settings, texts)
  expect(state.timers.at('robot.lease', 'r1')).toBe(fleet.now + 100_000)
})

test('what cannot be restored is left out, to be closed', () => {
  const fleet = bench()
  fleet.turn(...join('r1'))
  const [text = ''] = carried(fleet)
  const restored = (...texts: readonly string[]) => load(fleet.hot(), fleet.now, 1, fleet.state.settings, texts).sockets
  expect(restored(text).size).toBe(1)
  expect(restored(text.replace('"version":6', '"version":5')).size, 'of another version').toBe(0)
  expect(restored(text, text.replace('socket-r1', 'socket-2')).size, 'a robot has one connection').toBe(1)
  expect(load(NO_ROWS, fleet.now, 1, fleet.state.settings, [text]).sockets.size, 'of a robot that is gone').toBe(0)
})

test('a socket that is closing, or whose robot has too much to remember, carries nothing', () => {
  const fleet = bench({ offerMs: 1_000, backoffMs: 1_000 })
  fleet.turn(...join('r1'), ...join('r2', { slots: 200 }))
  fleet.turn(...join('r1', { socket: 'newer' }))
  expect(snapshotOf(fleet.state, ids.socket('socket-r1'))).toBeNull()
  const session = fleet.state.sessions.get(ids.robot('r2'))
  for (let n = 0; n < 400; n++) session?.excluded.set(ids.job(`a job with a longer id, number ${n}`), 1)
  expect(snapshotOf(fleet.state, ids.socket('socket-r2'))).toBeNull()
})

test('an offer that is on its way when memory goes is answered as if nothing had been', () => {
  const fleet = bench()
  fleet.turn(...join('r1'), submit('a'))
  const again = bench({}, fleet.hot(), carried(fleet))
  again.turn(say('r1', 'job_accept', { job_id: 'a' }))
  expect(job(again, 'a')).toMatchObject({ status: 'running', offer: 1 })
  expect(messages(again.pass(60_000), 'job_assign')).toHaveLength(0)
})

test('every frame is carried, one that is no message and is not even answered too', () => {
  const fleet = bench({ robotMessagesMax: 3, robotMessagesMs: 60_000 })
  fleet.turn(...join('r1'))
  const sent: string[] = []
  for (let i = 0; i < 6; i++) {
    fleet.pass(100)
    const turn = { now: fleet.now, prefetched: NOTHING_PREFETCHED, out: newEffects(100 + i, fleet.now), facts: [] }
    const garbled = { refusal: refuse('INVALID_JSON', 'Malformed JSON'), id: undefined }
    step(fleet.state, { type: 'robot.malformed', socket: ids.socket('socket-r1'), bytes: 1, ...garbled }, turn)
    sent.push([...turn.out.snapshots].join())
  }
  expect(sent).toEqual(Array.from({ length: 6 }, () => 'socket-r1'))
})
