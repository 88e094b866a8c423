import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/event.ts'
import { isWaiting, type JobRow, type Priority } from '../../core/job.ts'
import { load } from '../../core/load.ts'
import { effectivePriority } from '../../core/queue.ts'
import type { State } from '../../core/state.ts'
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
  spoken,
  START,
  submit,
} from './rows.ts'

describe('who gets which job', () => {
  test('a job is offered the moment it is submitted, and the next the moment a slot is free', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    expect(spoken(fleet.turn(submit('j1'), submit('j2')))).toEqual(['socket-r1 job_assign j1#1'])
    fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }))
    expect(spoken(fleet.turn(complete('r1', 'j1')))).toEqual(['socket-r1 job_assign j2#1'])
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
    expect(spoken(fleet.turn(...join('r1')))).toContain('socket-r1 job_assign old#1')
  })

  test.each<[string, object, object, boolean]>([
    ['any job to any robot', {}, {}, true],
    ['its own environment', { environment: 'production' }, { environment: 'production' }, true],
    ['another environment', { environment: 'production' }, { environment: 'test' }, false],
    ['a robot in default serves every environment', { environment: 'production' }, { environment: 'default' }, true],
    ['a job without environment goes anywhere', {}, { environment: 'production' }, true],
    ['tags that it has', { requiredTags: ['sap'] }, { tags: ['sap', 'office'] }, true],
    ['a tag that it lacks', { requiredTags: ['sap', 'citrix'] }, { tags: ['sap'] }, false],
    ['a capability', { requiredCapabilities: ['office'] }, { capabilities: { office: true } }, true],
    [
      'a capability that it says it lacks',
      { requiredCapabilities: ['office'] },
      { capabilities: { office: false } },
      false,
    ],
    ['the robot that was asked for', { robot: ids.robot('r1') }, {}, true],
    ['another robot', { robot: ids.robot('r2') }, {}, false],
    ['the robot that was asked for, but it lacks a tag', { robot: ids.robot('r1'), requiredTags: ['x'] }, {}, false],
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

  test('a robot that says it is paused gets nothing until it says otherwise', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), say('r1', 'heartbeat', { status: 'paused' }))
    fleet.turn(submit('j1'))
    expect(job(fleet, 'j1').robot_id).toBeNull()
    expect(spoken(fleet.turn(beat('r1')))).toContain('socket-r1 job_assign j1#1')
  })

  test('nothing is offered or taken in while draining, and what runs may end', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1'), say('r1', 'job_accept', { job_id: 'j1' }), submit('j2'))
    fleet.turn({ type: 'drain' })
    expect(answers(fleet.turn(submit('j3')))).toMatchObject([{ refusal: { refused: 'UNAVAILABLE' } }])
    expect(spoken(fleet.turn(complete('r1', 'j1')))).toEqual([])
    expect(job(fleet, 'j1').status).toBe('completed')
    expect(job(fleet, 'j2').status).toBe('queued')
  })
})

describe('offers that nobody takes up', () => {
  test('a job that is refused waits, and then goes to another robot before the one that refused it', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    fleet.turn(submit('j1'))
    expect(spoken(fleet.turn(say('r1', 'job_reject', { job_id: 'j1', reason: 'Robot is paused' })))).toEqual([])
    expect(job(fleet, 'j1')).toMatchObject({ status: 'pending', refusals: 1 })
    fleet.turn(...join('r2'))
    expect(spoken(fleet.pass(5_000))).toEqual(['socket-r2 job_assign j1#2'])
  })

  test('with nobody else there, the robot that refused is asked again, each time after a longer wait', () => {
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

  test('a robot that refuses everything is not asked for the whole queue', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    let offers = messages(fleet.turn(...Array.from({ length: 100 }, (_, i) => submit(`j${i}`))), 'job_assign').length
    for (let i = 0; i < 60; i++) {
      const id = offered(fleet)
      const said = id === undefined ? [] : fleet.turn(say('r1', 'job_reject', { job_id: id }))
      offers += messages([...said, ...fleet.pass(1_000)], 'job_assign').length
    }
    expect(offers).toBeLessThan(10)
  })

  test('an offer that is not answered lapses, and its robot is not asked again before it says it has not got it', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    fleet.turn(submit('j1'))
    fleet.pass(15_000)
    expect(job(fleet, 'j1').status).toBe('pending')
    fleet.pass(60_000)
    expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', offer_until: null })
    expect(spoken(fleet.turn(beat('r1', ['j1'])))).toEqual(['socket-r1 heartbeat_ack'])
    expect(spoken(fleet.turn(beat('r1', [])))).toEqual(['socket-r1 heartbeat_ack', 'socket-r1 job_assign j1#2'])
  })

  test('a robot that accepts too late is told to stop, and what it reports changes nothing', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    fleet.turn(submit('j1'))
    fleet.pass(15_000)
    expect(spoken(fleet.turn(say('r1', 'job_accept', { job_id: 'j1' })))).toEqual(['socket-r1 job_cancel j1'])
    fleet.turn(complete('r1', 'j1', { late: true }))
    expect(job(fleet, 'j1').status).toBe('pending')
    expect(fleet.disk.history.at(-1)).toMatchObject({ event: 'late_result', job_id: 'j1' })
  })

  test('a job that must never be run twice fails when its offer lapses', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    fleet.turn(submit('j1', { retrySafety: 'never' }))
    fleet.pass(15_000)
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
  })

  test('a job that no robot takes ends when its time in the queue is over', () => {
    const fleet = bench({ queueTtlMs: 60_000 })
    fleet.turn(submit('j1'))
    fleet.pass(60_000)
    expect(job(fleet, 'j1')).toMatchObject({ status: 'timeout', error_type: 'QueueTimeout' })
    expect(fleet.state.jobs.size).toBe(0)
  })
})

describe('against the obvious', () => {
  const events = fc.array(
    fc.oneof(
      fc.record({
        do: fc.constant('submit' as const),
        priority: fc.nat(3),
        environment: fc.constantFrom('', 'a', 'b'),
        tags: fc.constantFrom([], ['x'], ['x', 'y']),
        pin: fc.constantFrom(null, null, null, 0, 1),
      }),
      fc.record({
        do: fc.constant('join' as const),
        robot: fc.nat(3),
        environment: fc.constantFrom('default', 'a', 'b'),
        tags: fc.constantFrom([], ['x'], ['x', 'y']),
        slots: fc.integer({ min: 0, max: 3 }),
      }),
      fc.record({ do: fc.constantFrom('finish', 'reject', 'pause', 'beat') as fc.Arbitrary<Verb>, robot: fc.nat(3) }),
      fc.record({ do: fc.constant('leave' as const), robot: fc.nat(3) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(100, 5_000, 20_000, 90_000, 200_000) }),
    ),
    { maxLength: 60 },
  )
  type Verb = 'finish' | 'reject' | 'pause' | 'beat'

  test('after every event no waiting job has a free robot that may run it, and what was offered was the best', () => {
    fc.assert(
      fc.property(events, (list) => {
        const fleet = bench()
        let n = 0
        for (const event of list) {
          const before = new Map(fleet.state.jobs)
          drive(fleet, event as never, () => `j${++n}`)
          noneLeftBehind(fleet.state)
          urgentFirst(fleet.state, before, fleet.now)
          sameAfterRestart(fleet)
        }
      }),
      { numRuns: 300 },
    )
  })

  interface Step {
    readonly do: 'submit' | 'join' | 'leave' | 'wait' | Verb
    readonly robot: number
    readonly priority: Priority
    readonly environment: string
    readonly tags: readonly string[]
    readonly pin: number | null
    readonly slots: number
    readonly ms: number
  }

  function drive(fleet: Bench, step: Step, fresh: () => string): void {
    const robot = `r${step.robot}`
    const socket = fleet.state.sessions.get(ids.robot(robot))?.socket
    const held = [...(fleet.state.held.get(ids.robot(robot)) ?? [])][0]
    const on = (make: (socket: string) => Event) => socket !== undefined && fleet.turn(make(socket))
    switch (step.do) {
      case 'submit': {
        const pin = step.pin === null ? null : ids.robot(`r${step.pin}`)
        fleet.turn(submit(fresh(), { ...step, requiredTags: step.tags, robot: pin } as never))
        return
      }
      case 'join':
        fleet.turn(...join(robot, { ...step, socket: fresh() }))
        return
      case 'leave':
        on((socket) => ({ type: 'socket.closed', socket: ids.socket(socket) }))
        return
      case 'wait':
        fleet.pass(step.ms)
        return
      case 'finish':
        if (held !== undefined) on((socket) => say(robot, 'job_complete', { job_id: held, result: {} }, socket))
        return
      case 'reject':
        if (held !== undefined) on((socket) => say(robot, 'job_reject', { job_id: held, reason: '' }, socket))
        return
      case 'pause':
        on((socket) => say(robot, 'heartbeat', { status: 'paused' }, socket))
        return
      case 'beat':
        on((socket) => beat(robot, undefined, socket))
    }
  }

  function mayRun(state: State, row: JobRow, id: string): boolean {
    const robot = state.robots.get(ids.robot(id))
    const session = state.sessions.get(ids.robot(id))
    if (robot === undefined || session === undefined || session.paused || session.resting) return false
    return (state.held.get(robot.id)?.size ?? 0) < robot.max_concurrent_jobs && !session.barred.has(row.id) &&
      (row.pinned_robot_id === null || row.pinned_robot_id === robot.id) &&
      (row.environment === '' || robot.environment === 'default' || robot.environment === row.environment) &&
      row.required_tags.every((tag) => robot.tags.includes(tag))
  }

  function noneLeftBehind(state: State): void {
    for (const row of state.jobs.values()) {
      if (!isWaiting(row)) continue
      for (const id of state.robots.keys()) expect(mayRun(state, row, id), `${row.id} could go to ${id}`).toBe(false)
    }
  }

  /** I20: nobody who waited before, and could have had the robot, is more urgent than who got it. */
  function urgentFirst(state: State, before: ReadonlyMap<string, JobRow>, now: number): void {
    for (const row of state.jobs.values()) {
      const was = before.get(row.id)
      if (row.offer_until === null || row.attempt === (was?.attempt ?? 0) || row.robot_id === null) continue
      const robot = state.robots.get(row.robot_id)
      const session = state.sessions.get(row.robot_id)
      for (const other of state.jobs.values()) {
        if (!isWaiting(other) || robot === undefined || session?.barred.has(other.id) === true) continue
        const fits = (other.pinned_robot_id === null || other.pinned_robot_id === robot.id) &&
          (other.environment === '' || robot.environment === 'default' || robot.environment === other.environment) &&
          other.required_tags.every((tag) => robot.tags.includes(tag))
        const urgency = (of: JobRow) =>
          effectivePriority({ ...of, queuedAt: of.queued_at ?? 0 }, now, state.settings.agingMs)
        if (fits) expect(urgency(other), `${other.id} before ${row.id}`).toBeLessThanOrEqual(urgency(row))
      }
    }
  }

  /** Memory is a cache of the store: what a restart would make of the rows is what is in memory. */
  function sameAfterRestart(fleet: Bench): void {
    const again = load(fleet.hot(), START, 1, fleet.state.settings)
    const derived = (state: State) => ({
      jobs: [...state.jobs.values()].toSorted((a, b) => a.seq - b.seq),
      held: [...state.held].map(([robot, jobs]) => [robot, [...jobs].toSorted()]).toSorted(),
      definitions: [...state.definitions],
      waiting: [...state.roster.classes.values()].flatMap((jobs) =>
        jobs.byPriority.flatMap((heap) => heap.values().map(({ id }) => id))
      ).toSorted(),
      robots: [...state.robots.values()].toSorted((a, b) => a.id < b.id ? -1 : 1),
    })
    expect(derived(again)).toEqual(derived(fleet.state))
  }
})

function offered(fleet: Bench): string | undefined {
  return [...fleet.state.jobs.values()].find((row) => row.status === 'queued' && row.offer_until !== null)?.id
}
