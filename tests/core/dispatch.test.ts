import { describe, expect, test } from 'vitest'
import {
  answers,
  beat,
  type Bench,
  bench,
  complete,
  ids,
  job,
  join,
  messages,
  say,
  submit,
  summaryOf,
} from './bench.ts'

describe('who gets which job', () => {
  test('a job is offered the moment it is submitted, and the next the moment a slot is free', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    expect(summaryOf(fleet.turn(submit('j1'), submit('j2')))).toEqual(['socket-r1 job_assign j1#1'])
    fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }))
    expect(summaryOf(fleet.turn(complete('r1', 'j1')))).toEqual(['socket-r1 job_assign j2#1'])
  })

  test('the more urgent goes first, and among equals the earlier', () => {
    const fleet = bench()
    for (const [id, priority] of [['a', 1], ['b', 0], ['c', 3], ['d', 1]] as const) fleet.turn(submit(id, { priority }))
    const order: string[] = []
    fleet.turn(...join('r1'))
    for (let id = offered(fleet); id !== undefined; id = offered(fleet)) {
      order.push(id)
      fleet.turn(complete('r1', id))
    }
    expect(order).toEqual(['c', 'a', 'd', 'b'])
  })

  test('a job that has waited long enough goes before one that is more urgent', () => {
    const fleet = bench({ agingMs: 60_000 })
    fleet.turn(submit('old', { priority: 0 }))
    fleet.pass(181_000)
    fleet.turn(submit('new', { priority: 2 }))
    expect(summaryOf(fleet.turn(...join('r1')))).toContain('socket-r1 job_assign old#1')
  })

  test.each<[string, object, object, boolean]>([
    ['any job to any robot', {}, {}, true],
    ['its own environment', { environment: 'production' }, { environment: 'production' }, true],
    ['another environment', { environment: 'production' }, { environment: 'test' }, false],
    ['a robot in default serves every environment', { environment: 'production' }, { environment: 'default' }, true],
    ['a job without environment goes anywhere', {}, { environment: 'production' }, true],
    ['tags that it has', { required_tags: ['sap'] }, { tags: ['sap', 'office'] }, true],
    ['a tag that it lacks', { required_tags: ['sap', 'citrix'] }, { tags: ['sap'] }, false],
    ['a capability', { required_capabilities: ['office'] }, { capabilities: { office: true } }, true],
    [
      'a capability that it says it lacks',
      { required_capabilities: ['office'] },
      { capabilities: { office: false } },
      false,
    ],
    ['the robot that was asked for', { robot: ids.robot('r1') }, {}, true],
    ['another robot', { robot: ids.robot('r2') }, {}, false],
    ['the robot that was asked for, but it lacks a tag', { robot: ids.robot('r1'), required_tags: ['x'] }, {}, false],
  ])('%s', (_name, wants, traits, runs) => {
    const fleet = bench()
    fleet.turn(...join('r1', traits))
    fleet.turn(submit('j1', wants))
    expect(job(fleet, 'j1').robot_id).toBe(runs ? 'r1' : null)
    const other = bench()
    other.turn(submit('j1', wants))
    other.turn(...join('r1', traits))
    expect(job(other, 'j1').robot_id).toBe(runs ? 'r1' : null)
  })

  test('the least loaded robot is asked first, and among equals the one that has been idle longest', () => {
    const fleet = bench()
    fleet.turn(...join('r1', { slots: 4 }))
    fleet.pass(10)
    fleet.turn(...join('r2', { slots: 2 }))
    const robots = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => {
      fleet.turn(submit(id))
      return job(fleet, id).robot_id
    })
    expect(robots).toEqual(['r1', 'r2', 'r1', 'r1', 'r2', 'r1'])
  })

  test('[P9] a robot that says it is paused gets nothing until it says otherwise', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), say('r1', 'heartbeat', { status: 'paused' }))
    fleet.turn(submit('j1'))
    expect(job(fleet, 'j1').robot_id).toBeNull()
    expect(summaryOf(fleet.turn(beat('r1')))).toContain('socket-r1 job_assign j1#1')
  })

  test('nothing is offered or taken in while draining, and what runs may end', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1'), say('r1', 'job_accept', { job_id: 'j1' }), submit('j2'))
    fleet.turn({ type: 'drain' })
    expect(answers(fleet.turn(submit('j3')))).toMatchObject([{ refusal: { refused: 'UNAVAILABLE' } }])
    expect(summaryOf(fleet.turn(complete('r1', 'j1')))).toEqual([])
    expect(job(fleet, 'j1').status).toBe('completed')
    expect(job(fleet, 'j2').status).toBe('queued')
  })
})

describe('an offer', () => {
  test('[P25] is on record, with its number, in the turn that speaks of it', () => {
    const fleet = bench()
    fleet.turn(...join('r1', { slots: 2 }))
    const [offer] = messages(fleet.turn(submit('j1', { timeout_ms: 90_000, priority: 2 })), 'job_assign')
    expect(offer?.payload).toEqual({
      job_id: 'j1',
      workflow_id: 'w1',
      workflow_name: 'Workflow',
      workflow_json: '{"nodes":{}}',
      priority: 2,
      timeout_seconds: 90,
      parameters: {},
      attempt: 1,
      offer: 1,
    })
    expect(job(fleet, 'j1')).toMatchObject({
      status: 'queued',
      offer: 1,
      robot_id: 'r1',
      offer_until: fleet.now + 15_000,
    })
  })

  test('[P25] is taken up by any word of the job but a refusal', () => {
    for (const word of ['job_progress', 'job_complete', 'job_failed', 'job_cancelled'] as const) {
      const fleet = bench()
      fleet.turn(...join('r1'), submit('j1'))
      fleet.turn(say('r1', word, { job_id: 'j1', progress: 1, offer: 1 }))
      expect(fleet.disk.history.map(({ event }) => event).slice(0, 3)).toEqual(['submit', 'offer', 'accept'])
    }
  })
})

describe('offers that nobody takes up', () => {
  test('[P26] a job that is refused waits, and then goes to another robot before the one that refused it', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    fleet.turn(submit('j1'))
    expect(summaryOf(fleet.turn(say('r1', 'job_reject', { job_id: 'j1', reason: 'Robot is paused' })))).toEqual([])
    expect(job(fleet, 'j1')).toMatchObject({ status: 'pending', refusals: 1 })
    fleet.turn(...join('r2'), beat('r2', []))
    expect(summaryOf(fleet.pass(5_000))).toEqual(['socket-r2 job_assign j1#2'])
  })

  test('[P26] with nobody else there, the robot that refused is asked again, each time after a longer wait', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    fleet.turn(submit('j1'))
    const waits: number[] = []
    for (let i = 0; i < 6; i++) {
      fleet.turn(say('r1', 'job_reject', { job_id: 'j1' }), beat('r1'))
      const since = fleet.now
      while (offered(fleet) === undefined) {
        fleet.pass(500)
        if ((fleet.now - since) % 30_000 === 0) fleet.turn(beat('r1'))
      }
      waits.push((fleet.now - since) / 1000)
    }
    for (const [i, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(7.5 * 2 ** i)
      expect(wait).toBeLessThanOrEqual(10.5 * 2 ** i)
    }
  })

  test('[P26] a robot that refuses everything is not asked for the whole queue', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    let offers = messages(fleet.turn(...Array.from({ length: 100 }, (_, i) => submit(`j${i}`))), 'job_assign').length
    for (let i = 0; i < 60; i++) {
      const id = offered(fleet)
      const sent = id === undefined ? [] : fleet.turn(say('r1', 'job_reject', { job_id: id }))
      offers += messages([...sent, ...fleet.pass(1_000)], 'job_assign').length
    }
    expect(offers).toBeLessThan(10)
  })

  test('[P26] an offer that is not answered lapses, and its robot is not asked again before it says it has not got it', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    fleet.turn(submit('j1', { retry_safety: 'unless_accepted' }))
    fleet.pass(15_000)
    expect(job(fleet, 'j1').status).toBe('pending')
    fleet.pass(60_000)
    expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', offer_until: null })
    expect(summaryOf(fleet.turn(beat('r1', [])))).toEqual(['socket-r1 heartbeat_ack'])
    expect(summaryOf(fleet.turn(say('r1', 'status_response', { active_job_ids: [] })))).toEqual([])
    expect(summaryOf(fleet.turn(say('r1', 'status_response', { active_job_ids: [] })))).toEqual([
      'socket-r1 job_assign j1#2',
    ])
  })

  test('a job that no robot takes ends when its time in the queue is over', () => {
    const fleet = bench({ queueTtlMs: 60_000 })
    fleet.turn(submit('j1'))
    fleet.pass(60_000)
    expect(job(fleet, 'j1')).toMatchObject({ status: 'timeout', error_type: 'QueueTimeout' })
    expect(fleet.state.jobs.size).toBe(0)
  })
})

function offered(fleet: Bench): string | undefined {
  return [...fleet.state.jobs.values()].find((row) => row.status === 'queued' && row.offer_until !== null)?.id
}
