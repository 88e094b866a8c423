import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import { presence } from '../../core/robots/presence.ts'
import { answers, beat, bench, closed, complete, ids, job, join, running, say, submit, summaryOf } from './bench.ts'

const control = (verb: 'pause' | 'resume' | 'shutdown', robot = 'r1', graceful = true): Event => ({
  type: 'control.requested',
  reply: ids.reply(verb),
  robot: ids.robot(robot),
  control: verb,
  graceful,
})
const ask = (robot = 'r1'): Event => ({
  type: 'status.requested',
  reply: ids.reply('status'),
  robot: ids.robot(robot),
})

describe('pause, resume, shutdown', () => {
  test('[P32] a paused robot is told, gets nothing, keeps what it has, and goes on when it is resumed', () => {
    const fleet = running()
    expect(summaryOf(fleet.turn(control('pause'), submit('j2')))).toEqual(['socket-r1 pause'])
    expect(summaryOf(fleet.turn(complete('r1', 'j1')))).toEqual([])
    expect(presence(fleet.state, ids.robot('r1')).status).toBe('maintenance')
    expect(summaryOf(fleet.turn(control('resume')))).toEqual(['socket-r1 resume', 'socket-r1 job_assign j2#1'])
  })

  test('[P32] it is remembered while the robot is away, and after a restart', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), closed('socket-r1'), control('pause'), submit('j1'))
    const restarted = bench({}, fleet.hot())
    expect(summaryOf(restarted.turn(...join('r1', { socket: 's2' })))).toEqual([
      's2 register_ack true',
      's2 pause',
      's2 status_request',
    ])
    expect(job({ ...restarted, disk: fleet.disk }, 'j1').robot_id).toBeNull()
  })

  test('[P32] a robot that was told to shut down gets nothing until it has said goodbye and comes again', () => {
    const fleet = running()
    expect(summaryOf(fleet.turn(control('shutdown'), submit('j2')))).toEqual(['socket-r1 shutdown'])
    fleet.turn(complete('r1', 'j1'))
    expect(job(fleet, 'j2').robot_id).toBeNull()
    fleet.turn(closed('socket-r1'))
    expect(summaryOf(fleet.turn(...join('r1', { socket: 's2' })))).toEqual([
      's2 register_ack true',
      's2 shutdown',
      's2 status_request',
    ])
    fleet.turn(say('r1', 'disconnect', { reason: 'Shutdown' }, 's2'))
    expect(summaryOf(fleet.turn(...join('r1', { socket: 's3' })))).toContain('s3 job_assign j2#1')
  })

  test('a robot that is not known cannot be told anything', () => {
    expect(answers(bench().turn(control('pause'), ask()))).toMatchObject([
      { refusal: { refused: 'NOT_FOUND' } },
      { refusal: { refused: 'NOT_FOUND' } },
    ])
  })
})

test.each([[null, 'active'], ['pause', 'paused'], ['resume', 'resuming'], ['shutdown', 'draining']] as const)(
  'after %s a robot is %s, and offered jobs where docs/STATES.md says so',
  (asked, mode) => {
    const page = readFileSync(new URL('../../docs/STATES.md', import.meta.url), 'utf8')
    const fleet = bench()
    fleet.turn(...join('r1'), ...(asked === null ? [] : [control(asked)]))
    expect(fleet.state.robots.get(ids.robot('r1'))?.mode).toBe(mode)
    const isOffered = summaryOf(fleet.turn(submit('j1'))).includes('socket-r1 job_assign j1#1')
    expect(page).toContain(`\n| \`${mode}\` | ${isOffered ? 'yes' : 'no'} |`)
  },
)

test('[P32] a resume that is lost with its connection is said again, until the robot says that it goes on', () => {
  const fleet = bench()
  const paused = (socket: string) => say('r1', 'heartbeat', { status: 'paused' }, socket)
  fleet.turn(...join('r1'), control('pause'), paused('socket-r1'), submit('j1'), control('resume'), closed('socket-r1'))
  const restarted = bench({}, fleet.hot())
  expect(summaryOf(restarted.turn(...join('r1', { socket: 's2' })))).toContain('s2 resume')
  restarted.turn(paused('s2'), closed('s2'))
  expect(summaryOf(restarted.turn(...join('r1', { socket: 's3' })))).toContain('s3 resume')
  restarted.turn(beat('r1', [], 's3'), closed('s3'))
  expect(summaryOf(restarted.turn(...join('r1', { socket: 's4' })))).not.toContain('s4 resume')
})

describe('asking a robot how it is', () => {
  const reply = (socket?: string) =>
    say('r1', 'status_response', { status: 'busy', uptime_seconds: 7, system_info: { os: 'Windows 11' } }, socket)

  test('[P33] everybody who asked is answered by its answer', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    expect(summaryOf(fleet.turn(ask(), ask()))).toEqual(['socket-r1 status_request', 'socket-r1 status_request'])
    const given = answers(fleet.turn(reply()))
    expect(given).toHaveLength(2)
    expect(given[0]).toMatchObject({ type: 'status', report: { uptime_seconds: 7, system_info: { os: 'Windows 11' } } })
  })

  test('[P33] one that does not answer in time, or is not there, or goes, is told to whoever asked', () => {
    const fleet = bench()
    expect(answers(fleet.turn(...join('r1'), ask()))).toEqual([])
    expect(answers(fleet.pass(10_000))).toMatchObject([{ refusal: { refused: 'TIMEOUT' } }])
    expect(answers(fleet.turn(ask(), closed('socket-r1')))).toMatchObject([{
      refusal: { refused: 'CONNECTION_ERROR' },
    }])
    expect(answers(fleet.turn(ask()))).toMatchObject([{ refusal: { refused: 'CONNECTION_ERROR' } }])
  })
})

describe('a robot on record', () => {
  test('may be put there before it connects, and what it says of itself then wins', () => {
    const fleet = bench()
    const saved: Event = {
      type: 'robot.saved',
      reply: ids.reply('saved'),
      robot: ids.robot('r1'),
      mode: 'create',
      name: 'Robot 1',
      environment: 'production',
      max_concurrent_jobs: 3,
      tags: ['a'],
      capabilities: {},
    }
    expect(answers(fleet.turn(saved))).toMatchObject([{ robot: { id: 'r1', mode: 'active' } }])
    expect(answers(fleet.turn(saved))).toMatchObject([{ refusal: { refused: 'CONFLICT' } }])
    const other = { ...saved, mode: 'update', robot: ids.robot('r2') } as Event
    expect(answers(fleet.turn(other))).toMatchObject([{ refusal: { refused: 'NOT_FOUND' } }])
    expect(presence(fleet.state, ids.robot('r1')).status).toBe('offline')
    fleet.turn(...join('r1', { tags: ['b'] }), beat('r1'))
    expect(fleet.state.robots.get(ids.robot('r1'))).toMatchObject({ tags: ['b'], environment: 'default' })
  })
})
