import { describe, expect, test } from 'vitest'
import { snapshotOf } from '../../core/robots/snapshot.ts'
import { presence } from '../../core/robots/presence.ts'
import { beat, type Bench, bench, closed, complete, ids, job, join, messages, say, submit } from './bench.ts'

/** Robots whose slots are taken by work that is not ours: the rules P52 and P53. */

/** A robot with three slots, and many jobs that wait for it to say how it is. */
function waited(running: number): Bench {
  const fleet = bench()
  fleet.turn(...join('r', { slots: 3 }))
  for (let n = 1; n <= running; n++) fleet.turn(submit(`mine-${n}`), say('r', 'job_accept', { job_id: `mine-${n}` }))
  fleet.turn(say('r', 'heartbeat', { status: 'paused' }))
  for (let n = 1; n <= 5; n++) fleet.turn(submit(`j${n}`))
  return fleet
}

const offers = (fleet: Bench, status: object): number =>
  messages(fleet.turn(say('r', 'heartbeat', status)), 'job_assign').length

describe('what a robot says that it runs besides', () => {
  test.each<[string, number, object, number]>([
    ['online and nothing else', 0, { status: 'online', current_jobs: 0, active_job_ids: [] }, 3],
    ['online, with no word of jobs', 0, { status: 'online' }, 3],
    ['busy, with nothing that we know and no number', 0, { status: 'busy' }, 0],
    ['busy, with nothing that we know, and a list that is empty', 0, { status: 'busy', active_job_ids: [] }, 0],
    ['busy with one of its own', 0, { status: 'busy', current_jobs: 1, active_job_ids: [] }, 2],
    ['busy with three of its own', 0, { status: 'busy', current_jobs: 3, active_job_ids: [] }, 0],
    ['busy with a job that we do not know', 0, { status: 'busy', active_job_ids: ['x'] }, 2],
    ['online with jobs that we do not know: a list is exact', 0, { active_job_ids: ['x', 'y', 'z'] }, 0],
    ['online with a number: one slot is free by its word', 0, { current_jobs: 50 }, 1],
    ['busy with one of ours, and no number', 1, { status: 'busy' }, 2],
    ['busy with one of ours: many call themselves so', 1, {
      status: 'busy',
      current_jobs: 1,
      active_job_ids: ['mine-1'],
    }, 2],
    ['busy with one of ours and one of its own', 1, { status: 'busy', current_jobs: 2, active_job_ids: ['mine-1'] }, 1],
    ['busy with one of ours and others, by number alone', 1, { status: 'busy', current_jobs: 3 }, 0],
    ['busy with all that it can', 3, { status: 'busy', current_jobs: 3 }, 0],
  ])('[P52] %s', (_what, running, status, expected) => {
    expect(offers(waited(running), status)).toBe(expected)
  })

  test('[P52] a slot is free again with its next report, and with a result at once', () => {
    const fleet = waited(0)
    expect(offers(fleet, { status: 'busy', current_jobs: 3, active_job_ids: [] })).toBe(0)
    expect(presence(fleet.state, ids.robot('r')).status).toBe('busy')
    expect(offers(fleet, { status: 'busy', current_jobs: 2, active_job_ids: [] })).toBe(1)
    const other = waited(0)
    expect(offers(other, { active_job_ids: ['x', 'y', 'z'] })).toBe(0)
    expect(messages(other.turn(complete('r', 'y')), 'job_assign')).toHaveLength(1)
  })

  test('[P52] a robot at capacity with our own jobs is offered the next one as soon as one ends', () => {
    const fleet = waited(3)
    const active_job_ids = ['mine-1', 'mine-2', 'mine-3']
    expect(offers(fleet, { status: 'busy', current_jobs: 3, active_job_ids })).toBe(0)
    expect(messages(fleet.turn(complete('r', 'mine-1')), 'job_assign')).toHaveLength(1)
  })

  test('[P52] it is remembered where memory goes', () => {
    const fleet = waited(0)
    offers(fleet, { active_job_ids: ['x', 'y', 'z'] })
    const again = bench({}, fleet.hot(), [snapshotOf(fleet.state, ids.socket('socket-r')) ?? ''])
    again.now = fleet.now
    expect(messages(again.turn(submit('k')), 'job_assign')).toHaveLength(0)
    expect(messages(again.turn(complete('r', 'x')), 'job_assign')).toHaveLength(1)
  })
})

describe('a robot that says it is offline', () => {
  test('[P53] gets nothing and is shown as offline; its connection and its lease go on', () => {
    const fleet = waited(1)
    expect(offers(fleet, { status: 'offline', active_job_ids: ['mine-1'] })).toBe(0)
    expect(presence(fleet.state, ids.robot('r'))).toMatchObject({ status: 'offline', current_jobs: 1 })
    for (let minute = 0; minute < 10; minute++) {
      fleet.pass(60_000)
      expect(messages(fleet.turn(say('r', 'heartbeat', { status: 'offline' })), 'heartbeat_ack')).toHaveLength(1)
    }
    fleet.turn(complete('r', 'mine-1'))
    expect(job(fleet, 'mine-1').status).toBe('completed')
    expect(messages(fleet.turn(beat('r', [])), 'job_assign')).toHaveLength(3)
    expect(presence(fleet.state, ids.robot('r')).status).toBe('busy')
  })

  test('[P53] a new connection is online until it says otherwise', () => {
    const fleet = bench()
    fleet.turn(...join('r'), say('r', 'heartbeat', { status: 'offline' }), submit('j'))
    const sent = fleet.turn(closed('socket-r'), ...join('r', { socket: 'again' }))
    expect(messages(sent, 'job_assign')).toHaveLength(1)
  })
})
