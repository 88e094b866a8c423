import { describe, expect, test } from 'vitest'
import { snapshotOf } from '../../core/robots/snapshot.ts'
import { authorizeCall, maySeeCall } from '../../core/access/calls.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import type { JobRow } from '../../core/records/job.ts'
import type { Event } from '../../core/events/index.ts'
import { load } from '../../core/load.ts'
import type { Scope } from '../../core/records/key.ts'
import { type Bench, bench, closed, ids, messages, say, submit, summaryOf } from './bench.ts'

/** Keys decide who may register as which robot. */

function newKey(id: string, scopes: readonly Scope[], robot: string | null): Event {
  return {
    type: 'key.created',
    reply: ids.reply(id),
    key: ids.key(id),
    name: id,
    secret: ids.secret(`hash-${id}`),
    scopes,
    robot: robot === null ? null : ids.robot(robot),
  }
}

const revoke = (id: string): Event => ({ type: 'key.revoked', reply: ids.reply('revoke'), key: ids.key(id) })

const register = (robot: string, key: string | null, socket = 's1'): readonly Event[] => [
  {
    type: 'socket.opened',
    socket: ids.socket(socket),
    credential: key === null ? null : ids.secret(`hash-${key}`),
  },
  say(robot, 'register', {}, socket),
]

const SAVED: Event = {
  type: 'robot.saved',
  reply: ids.reply('saved'),
  robot: ids.robot('victim'),
  mode: 'upsert',
  name: 'Put on record',
  environment: 'default',
  max_concurrent_jobs: 1,
  tags: [],
  capabilities: {},
}

const JOB = submit('job', { robot: ids.robot('victim') })
const GONE = closed('theirs')

/** Earlier events of the robot `victim`, with open authentication and with keys. */
interface Past {
  readonly open?: readonly Event[]
  readonly keyed?: readonly Event[]
}

function after({ open = [], keyed = [] }: Past): Bench {
  const lab = bench({ robotsAuth: 'open' })
  lab.turn(...open)
  const fleet = bench({ robotsAuth: 'key' }, lab.hot())
  fleet.turn(newKey('fresh', ['robots:connect'], null), newKey('admin', ['admin'], null), ...keyed)
  return fleet
}

const OWN = newKey('own', ['robots:connect'], 'victim')

describe('[P70] a key that belongs to no robot yet is for a new one', () => {
  test.each<[string, Past]>([
    ['is connected with its own key', { keyed: [OWN, JOB, ...register('victim', 'own', 'theirs')] }],
    ['was connected with its own key', { keyed: [OWN, ...register('victim', 'own', 'theirs'), JOB, GONE] }],
    ['has a key, and has never come', { keyed: [OWN, JOB] }],
    ['has a key, was put on record, and has never come', { keyed: [OWN, SAVED, JOB] }],
    ['had a key, which was revoked', { keyed: [OWN, revoke('own')] }],
    ['was connected when its key was revoked', { keyed: [OWN, ...register('victim', 'own', 's'), revoke('own')] }],
    [
      'has bound a key of this kind itself',
      { keyed: [newKey('other', ['robots:connect'], null), ...register('victim', 'other', 'theirs')] },
    ],
    ['is connected with an admin key', { keyed: [JOB, ...register('victim', 'admin', 'theirs')] }],
    ['was connected with an admin key', { keyed: [...register('victim', 'admin', 'theirs'), GONE] }],
    ['came before keys were asked for', { open: [...register('victim', null, 'theirs'), GONE] }],
    ['was put on record, and came before keys were asked for', {
      open: [SAVED, ...register('victim', null), closed('s1')],
    }],
  ])('and not for one that %s', (_who, past) => {
    const fleet = after(past)
    const sent = fleet.turn(...register('victim', 'fresh', 'impostor'))
    expect(summaryOf(sent)).toEqual(['impostor register_ack false', 'impostor close 4403'])
    expect(messages(sent, 'register_ack')[0]?.payload).toMatchObject({
      message: 'This API key is for a new robot: make one for this robot with POST /api/v1/keys and its robot_id',
    })
    expect(summaryOf(fleet.turn(say('victim', 'job_complete', { job_id: 'job', result: 'forged' }, 'impostor'))))
      .toEqual(
        [],
      )
    expect(fleet.disk.rows.jobs.get(ids.job('job'))?.status).not.toBe('completed')
    // The key has not been used up, and is good for a new robot still.
    expect(fleet.disk.rows.keys.get(ids.key('fresh'))?.robot_id).toBeNull()
    expect(summaryOf(fleet.turn(...register('new', 'fresh')))).toContain('s1 register_ack true')
  })

  test('a robot that has a valid key must show it, also where none is asked for', () => {
    const lab = bench({ robotsAuth: 'open' })
    lab.turn(newKey('own', ['robots:connect'], 'victim'), JOB, ...register('victim', 'own', 'theirs'))
    const sent = lab.turn(...register('victim', null, 'impostor'))
    expect(summaryOf(sent)).toEqual(['impostor register_ack false', 'impostor close 4401'])
    expect(messages(sent, 'register_ack')[0]?.payload).toMatchObject({
      message: 'This robot has an API key of its own: connect with it, or revoke it',
    })
    lab.turn(revoke('own'))
    expect(summaryOf(lab.turn(...register('victim', null)))).toContain('s1 register_ack true')
  })

  test.each<[string, Past]>([
    ['has never been seen', {}],
    ['was put on record, has no key, and has never come', { keyed: [SAVED] }],
  ])('and for one that %s', (_who, past) => {
    const fleet = after(past)
    expect(summaryOf(fleet.turn(...register('victim', 'fresh')))).toContain('s1 register_ack true')
    expect(fleet.disk.rows.keys.get(ids.key('fresh'))?.robot_id).toBe('victim')
  })

  test('of two that come with two of them in one turn, the first is let in', () => {
    const fleet = after({ keyed: [newKey('other', ['robots:connect'], null)] })
    const sent = fleet.turn(...register('victim', 'fresh'), ...register('victim', 'other', 's2'))
    expect(summaryOf(sent)).toEqual([
      's1 register_ack true',
      's1 status_request',
      's2 register_ack false',
      's2 close 4403',
    ])
  })

  test('a second key that was made for the robot takes over from the first', () => {
    const fleet = after({ keyed: [...register('victim', 'fresh'), newKey('next', ['robots:connect'], 'victim')] })
    const said = summaryOf(fleet.turn(...register('victim', 'next', 's2')))
    expect(said.slice(0, 2)).toEqual(['s1 close 4409', 's2 register_ack true'])
  })
})

test.each<[string, readonly Event[]]>([
  ['key was revoked', [revoke('own')]],
  ['key belongs to another robot since', [newKey('own', ['robots:connect'], 'another')]],
])('a connection whose %s is not put back when memory has gone', (_what, meanwhile) => {
  const fleet = after({ keyed: [OWN, ...register('victim', 'own')] })
  const text = snapshotOf(fleet.state, ids.socket('s1')) ?? ''
  fleet.turn(...meanwhile)
  // The process has ended before the socket was closed, and so the socket carries what it carried before.
  const awake = load(fleet.hot(), fleet.now, 1, fleet.state.settings, [text])
  expect([awake.sockets.size, awake.sessions.size]).toEqual([0, 0])
})

describe('who may call a workflow, and see what was called', () => {
  const fleet = bench({ robotsAuth: 'key' })
  fleet.turn(
    newKey('caller', ['jobs:submit'], null),
    newKey('reader', ['jobs:read'], null),
    newKey('admin', ['admin'], null),
    newKey('robot', ['robots:connect'], 'r'),
    newKey('both', ['robots:connect', 'jobs:submit'], 'r'),
    newKey('unbound', ['robots:connect'], null),
    newKey('gone', ['robots:connect'], 'r'),
    revoke('gone'),
  )
  const access = (key: string | null, scope: 'jobs:submit' | 'jobs:read') =>
    authorizeCall(fleet.state, key === null ? null : ids.secret(`hash-${key}`), scope)
  /** `any` job, those of a robot, or a refusal. */
  const drawn = (key: string | null, scope: 'jobs:submit' | 'jobs:read'): string => {
    const one = access(key, scope)
    return isRefusal(one) ? one.refused : one.robot ?? 'any'
  }

  test.each<readonly [string | null, string, string]>([
    ['caller', 'any', 'FORBIDDEN'],
    ['reader', 'FORBIDDEN', 'any'],
    ['admin', 'any', 'any'],
    ['robot', 'r', 'r'],
    ['both', 'any', 'r'],
    ['unbound', 'FORBIDDEN', 'FORBIDDEN'],
    ['gone', 'AUTHENTICATION_FAILED', 'AUTHENTICATION_FAILED'],
    ['never', 'AUTHENTICATION_FAILED', 'AUTHENTICATION_FAILED'],
    [null, 'AUTHENTICATION_FAILED', 'AUTHENTICATION_FAILED'],
  ])('the key %s calls for %s, and sees what was called by %s', (key, calls, sees) => {
    expect([drawn(key, 'jobs:submit'), drawn(key, 'jobs:read')]).toEqual([calls, sees])
  })

  test('a robot sees what the jobs that it ran have called', () => {
    const [own, all] = [access('robot', 'jobs:read'), access('admin', 'jobs:read')]
    if (isRefusal(own) || isRefusal(all)) throw new Error('refused')
    const ranOn = (robot: string | null): JobRow => ({ robot_id: robot === null ? null : ids.robot(robot) }) as JobRow
    expect([maySeeCall(own, ranOn('r')), maySeeCall(own, ranOn('s')), maySeeCall(own, ranOn(null))])
      .toEqual([true, false, false])
    expect([maySeeCall(own, undefined), maySeeCall(all, undefined), maySeeCall(all, ranOn('s'))])
      .toEqual([false, true, true])
  })
})
