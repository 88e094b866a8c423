import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import { presence } from '../../core/robots/presence.ts'
import {
  answers,
  beat,
  bench,
  closed,
  complete,
  ids,
  job,
  join,
  messages,
  running,
  say,
  submit,
  summaryOf,
} from './bench.ts'

const opened = (socket: string, credential: string | null = null): Event => ({
  type: 'socket.opened',
  socket: ids.socket(socket),
  credential: credential === null ? null : ids.secret(credential),
})
describe('connecting', () => {
  test('[P21] a robot that comes back with a job that another has on offer is not given it a second time', () => {
    const fleet = bench({ offerMs: 15_000, backoffMs: 5_000, graceMs: 30_000 })
    fleet.turn(...join('r1'), submit('a', { retry_safety: 'always' }), say('r1', 'job_accept', { job_id: 'a' }))
    fleet.turn(closed('socket-r1'), ...join('r2'), beat('r2', []))
    expect(messages(fleet.pass(30_000), 'job_assign')).toHaveLength(1)
    expect(job(fleet, 'a').robot_id).toBe('r2')
    fleet.turn(...join('r1', { socket: 'again' }), beat('r1', ['a'], 'again'))
    // The other one does not answer, and is gone.
    const sent = [...fleet.pass(15_000), ...fleet.turn(closed('socket-r2')), ...fleet.pass(20_000)]
    expect(messages(sent, 'job_assign')).toEqual([])
    const answer = say('r1', 'status_response', { status: 'online', active_job_ids: [] }, 'again')
    expect(messages(fleet.turn(answer), 'job_assign')).toHaveLength(1)
  })

  test('[P11] the answer to register is the first thing a robot hears, and a job may follow at once', () => {
    const fleet = bench()
    fleet.turn(submit('j1'))
    const sent = fleet.turn(...join('r1'))
    expect(summaryOf(sent)).toEqual([
      'socket-r1 register_ack true',
      'socket-r1 status_request',
      'socket-r1 job_assign j1#1',
    ])
    expect(messages(sent, 'register_ack')[0]).toMatchObject({
      correlation_id: 'register-r1',
      payload: { robot_id: 'r1', success: true, config: { heartbeat_interval: 30, log_batch_size: 100 } },
    })
  })

  test('[P12] before it has registered, nothing that a socket says is heard', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1'), opened('stranger'))
    expect(summaryOf(fleet.turn(say('r1', 'job_complete', { job_id: 'j1', result: {} }, 'stranger'))))
      .toEqual(['stranger error AUTHENTICATION_FAILED'])
    expect(job(fleet, 'j1').status).toBe('queued')
  })

  test('[P13] a socket that does not register is closed', () => {
    const fleet = bench()
    fleet.turn(opened('s1'))
    expect(summaryOf(fleet.pass(10_000))).toEqual(['s1 close 4408'])
    expect(summaryOf(fleet.turn(say('r1', 'register', { robot_id: 'r1' }, 's1')))).toEqual([])
  })

  test('[P14] of two connections of one robot the newer holds; the older is closed and can do nothing more', () => {
    const fleet = running()
    const sent = summaryOf(fleet.turn(...join('r1', { socket: 'newer' })))
    expect(sent).toEqual(['socket-r1 close 4409', 'newer register_ack true', 'newer status_request'])
    expect(summaryOf(fleet.turn(complete('r1', 'j1')))).toEqual([])
    expect(job(fleet, 'j1').status).toBe('running')
    fleet.turn(closed('socket-r1'))
    expect(presence(fleet.state, ids.robot('r1')).status).toBe('busy')
    fleet.turn(say('r1', 'job_complete', { job_id: 'j1', result: {} }, 'newer'))
    expect(job(fleet, 'j1').status).toBe('completed')
  })

  test('[P15] a robot is who its connection says, whatever it writes', () => {
    const fleet = running()
    fleet.turn(...join('r2'))
    const forged = say('r1', 'job_complete', { job_id: 'j1', result: {} }, 'socket-r2')
    expect(summaryOf(fleet.turn(forged))).toEqual(['socket-r2 error FORBIDDEN'])
    fleet.turn(complete('r2', 'j1', { forged: true }))
    expect(job(fleet, 'j1').status).toBe('running')
  })

  test('[P15] a connection belongs to one robot for good', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    expect(summaryOf(fleet.turn(say('r2', 'register', {}, 'socket-r1')))).toEqual(['socket-r1 error FORBIDDEN'])
    expect(fleet.state.robots.has(ids.robot('r2'))).toBe(false)
  })
})

describe('keys', () => {
  const withKeys = () => {
    const fleet = bench({ robotsAuth: 'key' })
    const key = (id: string, scopes: readonly string[], robot: string | null) =>
      fleet.turn({
        type: 'key.created',
        reply: ids.reply(id),
        key: ids.key(id),
        name: id,
        secret: ids.secret(`hash-${id}`),
        scopes: scopes as never,
        robot: robot as never,
      })
    key('k1', ['robots:connect'], null)
    key('k2', ['robots:connect'], 'r2')
    key('reader', ['jobs:read'], null)
    key('admin', ['admin'], null)
    return fleet
  }
  const register = (robot: string, key: string | null, socket = 's1'): readonly Event[] => [
    opened(socket, key === null ? null : `hash-${key}`),
    say(robot, 'register', {}, socket),
  ]

  test.each([
    ['[P16] no key', 'r1', null, ['s1 register_ack false', 's1 close 4401']],
    ['[P16] an unknown key', 'r1', 'k9', ['s1 register_ack false', 's1 close 4401']],
    ['[P16] a key without the scope', 'r1', 'reader', ['s1 register_ack false', 's1 close 4403']],
    ['[P16] the key of another robot', 'r1', 'k2', ['s1 register_ack false', 's1 close 4403']],
    ['[P16] its own key', 'r2', 'k2', ['s1 register_ack true', 's1 status_request']],
    ['an admin key, for any robot', 'r7', 'admin', ['s1 register_ack true', 's1 status_request']],
  ])('%s', (_name, robot, key, sent) => {
    const fleet = withKeys()
    expect(summaryOf(fleet.turn(...register(robot, key)))).toEqual(sent)
  })

  test('[P17] a key that belongs to no robot yet belongs to the first that registers with it', () => {
    const fleet = withKeys()
    expect(summaryOf(fleet.turn(...register('r1', 'k1')))).toContain('s1 register_ack true')
    expect(fleet.disk.rows.keys.get(ids.key('k1'))?.robot_id).toBe('r1')
    expect(summaryOf(fleet.turn(...register('r3', 'k1', 's3')))).toEqual(['s3 register_ack false', 's3 close 4403'])
  })

  test('[P16] the key in register goes before the one of the upgrade', () => {
    const fleet = withKeys()
    const event = { ...say('r2', 'register', {}, 's1'), credential: ids.secret('hash-k2') } as Event
    expect(summaryOf(fleet.turn(opened('s1', 'hash-reader'), event))).toContain('s1 register_ack true')
  })

  test('[P17] a key that is revoked ends its connections at once, and opens nothing any more', () => {
    const fleet = withKeys()
    fleet.turn(...register('r2', 'k2'))
    const said = fleet.turn({ type: 'key.revoked', reply: ids.reply('x'), key: ids.key('k2') })
    expect(summaryOf(said)).toEqual(['s1 close 4401'])
    expect(answers(said)).toMatchObject([{ key: { id: 'k2' } }])
    expect(summaryOf(fleet.turn(...register('r2', 'k2', 's2')))).toEqual(['s2 register_ack false', 's2 close 4401'])
  })
})

describe('staying alive', () => {
  test('[P18] a heartbeat is answered with its id; the answer means that all before it is durable', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    expect(messages(fleet.turn(beat('r1')), 'heartbeat_ack'))
      .toMatchObject([{ correlation_id: 'heartbeat-r1', payload: { robot_id: 'r1' } }])
  })

  test('[P22] a robot that says nothing for the lease is taken for gone; any message renews it', () => {
    const fleet = running()
    fleet.pass(99_000)
    fleet.turn(say('r1', 'job_progress', { job_id: 'j1', progress: 10, current_node: '', message: '' }))
    expect(summaryOf(fleet.pass(99_000))).toEqual([])
    expect(summaryOf(fleet.pass(1_000))).toEqual(['socket-r1 close 4408'])
    expect(presence(fleet.state, ids.robot('r1')).status).toBe('offline')
  })

  test('[P23] a robot that comes back within the grace keeps its job', () => {
    const fleet = running()
    fleet.turn(closed('socket-r1'))
    fleet.pass(119_000)
    fleet.turn(...join('r1', { socket: 's2' }), beat('r1', ['j1'], 's2'))
    fleet.pass(60_000)
    fleet.turn(say('r1', 'job_complete', { job_id: 'j1', result: { ok: 1 } }, 's2'))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'completed', offer: 1, result: '{"ok":1}' })
  })

  test('[P23] a robot that does not come back leaves its job with an unknown outcome, not with a second run', () => {
    const fleet = running()
    fleet.turn(closed('socket-r1'))
    fleet.pass(120_000)
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
  })

  test('[P23] a job that may always be run again goes back to the queue', () => {
    const fleet = running('always')
    fleet.turn(closed('socket-r1'), ...join('r2'))
    fleet.pass(60_000)
    fleet.turn(beat('r2'))
    expect(summaryOf(fleet.pass(60_000))).toContain('socket-r2 job_assign j1#2')
  })

  test('[P23] a job that the robot has forgotten is lost after two of its lists, not after one', () => {
    const fleet = running()
    fleet.turn(beat('r1', []))
    expect(job(fleet, 'j1').status).toBe('running')
    fleet.turn(beat('r1', []))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
  })

  test('[P23] a job on offer whose answer was lost is adopted from the list of the robot', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1'))
    fleet.turn(closed('socket-r1'), ...join('r1', { socket: 's2' }), beat('r1', ['j1'], 's2'))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'running', offer: 1 })
  })

  test('[P42] a job on offer that its robot has not got, after it came anew, is offered again at once', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1', { retry_safety: 'unless_accepted' }), closed('socket-r1'))
    fleet.pass(10)
    fleet.turn(...join('r1', { socket: 's2' }), beat('r1', [], 's2'))
    expect(summaryOf(fleet.pass(0))).toEqual(['s2 job_assign j1#2'])
  })

  test('[P27] a job that runs too long ends, and its robot is told to stop', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1', { timeout_ms: 60_000 }), say('r1', 'job_accept', { job_id: 'j1' }))
    expect(summaryOf(fleet.pass(60_000))).toEqual(['socket-r1 job_cancel j1'])
    expect(job(fleet, 'j1')).toMatchObject({ status: 'timeout', error_type: 'TimeoutError' })
  })
})
