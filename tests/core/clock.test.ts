import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scheduledJobId } from '../../core/records/schedule.ts'
import { ask, DOWN, hook, report } from './webhooks.ts'
import { beat, type Bench, bench, ids, job, join, say, setClock, START, submit, summaryOf } from './bench.ts'
import { runLog, save, schedule, workflow } from './schedules.ts'
import { perform, stories } from './stories.ts'
import { fire, outcome, ready } from './triggers.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [30 * SECOND, 50 * MINUTE, 2 * HOUR, DAY, 365 * DAY].flatMap((ms) => [ms, -ms])

/** A fleet in which a robot runs a job for so long already. */
function runningFor(ms: number): Bench {
  const fleet = bench()
  fleet.turn(...join('r1'))
  fleet.turn(submit('j', { timeout_ms: MINUTE }))
  fleet.turn(say('r1', 'job_accept', { job_id: 'j' }))
  fleet.pass(ms)
  return fleet
}

describe.each(STEPS)('a clock that is set by %i ms', (by) => {
  test.each(['r1', 'r2'])(
    'leaves free robots in the order in which they became free, whether or not %s reports',
    (robot) => {
      const fleet = bench()
      fleet.turn(...join('r1'), beat('r1', []))
      fleet.pass(5_000)
      fleet.turn(...join('r2'), beat('r2', []))
      setClock(fleet, by)
      fleet.turn(beat(robot, []))
      expect(summaryOf(fleet.turn(submit('j')))).toEqual(['socket-r1 job_assign j#1'])
    },
  )

  test('ends no job sooner or later', () => {
    const fleet = runningFor(10 * SECOND)
    expect(summaryOf(setClock(fleet, by))).toEqual([])
    expect(job(fleet, 'j')).toMatchObject({ status: 'running', started_at: fleet.now - 10 * SECOND })
    for (let beats = 0; beats < 4; beats++) {
      fleet.pass(12 * SECOND)
      fleet.turn(beat('r1', ['j']))
    }
    fleet.pass(1_999)
    expect(job(fleet, 'j').status).toBe('running')
    fleet.pass(1)
    expect(job(fleet, 'j').status).toBe('timeout')
  })

  test('takes a lease no sooner or later', () => {
    const fleet = runningFor(0)
    const { leaseMs } = fleet.state.settings
    fleet.pass(leaseMs / 2)
    setClock(fleet, by)
    fleet.pass(leaseMs / 2 - 1)
    expect(fleet.state.sessions.size).toBe(1)
    fleet.pass(1)
    expect(fleet.state.sessions.size).toBe(0)
  })

  test('leaves a job at the time that people named', () => {
    const fleet = bench()
    const scheduledTime = START + 20 * MINUTE
    fleet.turn(submit('j', { scheduled_time: scheduledTime }))
    setClock(fleet, by)
    if (fleet.now < scheduledTime) {
      fleet.pass(scheduledTime - fleet.now - 1)
      expect(job(fleet, 'j')).toMatchObject({ status: 'pending', ready_at: scheduledTime })
    }
    fleet.pass(1)
    expect(job(fleet, 'j').status).toBe('queued')
  })

  test('gives nobody more or less of a limit', () => {
    const fleet = bench({ submissionsMax: 1, submissionsMs: MINUTE })
    const key = ids.key('k')
    fleet.turn(submit('a', { key }))
    fleet.pass(20 * SECOND)
    setClock(fleet, by)
    fleet.pass(39 * SECOND)
    fleet.turn(submit('b', { key }))
    fleet.pass(SECOND)
    fleet.turn(submit('c', { key }))
    expect([...fleet.state.jobs.keys()]).toEqual(['a', 'c'])
  })

  test('leaves a cooldown as long as it is', () => {
    const fleet = ready({ cooldown_ms: MINUTE })
    expect(outcome(fleet, fire({}))).toBe('fired')
    fleet.pass(20 * SECOND)
    setClock(fleet, by)
    fleet.pass(39 * SECOND)
    expect(outcome(fleet, fire({}))).not.toBe('fired')
    fleet.pass(SECOND)
    expect(outcome(fleet, fire({}))).toBe('fired')
  })

  test('leaves the answer to a request as long as it is kept, and a duplicate a duplicate', () => {
    const fleet = bench({ idempotencyMs: HOUR, duplicateMs: MINUTE })
    const idempotency = { key: 'k', fingerprint: 'f' }
    const again = { duplicate_key: 'd', check_duplicate: true }
    fleet.turn(...join('r1'))
    fleet.turn(submit('a', { ...again, idempotency }))
    fleet.turn(say('r1', 'job_accept', { job_id: 'a' }), say('r1', 'job_complete', { job_id: 'a', result: {} }))
    fleet.pass(30 * SECOND)
    setClock(fleet, by)
    fleet.pass(29 * SECOND)
    fleet.turn(submit('b', again), submit('c', { idempotency }))
    fleet.pass(SECOND)
    fleet.turn(submit('d', again))
    fleet.pass(HOUR)
    fleet.turn(submit('e', { idempotency }))
    expect([...fleet.disk.rows.jobs.keys()]).toEqual(['a', 'd', 'e'])
  })

  test('tries a delivery again when it would have', () => {
    const fleet = bench({ deliveryBackoffMs: [MINUTE] })
    fleet.turn(hook(), ask('pinged'))
    fleet.turn(report(fleet, DOWN))
    fleet.pass(20 * SECOND)
    setClock(fleet, by)
    fleet.pass(20 * SECOND)
    expect(fleet.calls).toHaveLength(0)
    fleet.pass(2 * MINUTE)
    expect(fleet.calls).toHaveLength(1)
  })

  test('fires every schedule at its true time, and no instant twice', () => {
    const fleet = bench()
    fleet.turn(...workflow(), save())
    fleet.pass(2 * HOUR + 30 * MINUTE)
    setClock(fleet, by)
    fleet.turn({ type: 'tick' })
    const before = runLog(fleet).length
    const next = (Math.floor(fleet.now / HOUR) + 1) * HOUR
    expect(schedule(fleet).next_run).toBeLessThanOrEqual(by < 0 && -by < 3 * HOUR ? START + 3 * HOUR : next)
    fleet.pass(4 * HOUR)
    const dues = fleet.disk.scheduleRuns.filter(({ job_id }) => job_id !== null).map(({ due_at }) => due_at)
    expect(new Set(dues).size).toBe(dues.length)
    expect(runLog(fleet).length).toBeGreaterThan(before)
    expect(schedule(fleet).next_run).toBe((Math.floor(fleet.now / HOUR) + 1) * HOUR)
  })
})

describe('a clock that is put right', () => {
  test('lets what was decided while it was ahead stay decided, and everything else be due again', () => {
    const fleet = bench()
    fleet.turn(...workflow(), save())
    // Two hours ahead for a moment: one instant runs late for both.
    setClock(fleet, 2 * HOUR + MINUTE)
    fleet.turn({ type: 'tick' })
    expect(runLog(fleet)).toEqual(['01-05T10:00 merged', '01-05T11:00 fired'])
    setClock(fleet, -2 * HOUR - MINUTE)
    fleet.pass(3 * HOUR)
    expect(runLog(fleet).slice(2)).toEqual(['01-05T10:00 fired', '01-05T12:00 fired'])
    expect(fleet.state.earlyRuns.size).toBe(0)
  })

  test('does not run again what was due once and has run', () => {
    const fleet = bench()
    fleet.turn(...workflow(), save({ frequency: 'once', cron_expression: '', run_at: START + HOUR }))
    setClock(fleet, 2 * HOUR - MINUTE)
    fleet.turn({ type: 'tick' })
    setClock(fleet, MINUTE - 2 * HOUR)
    expect(schedule(fleet)).toMatchObject({ next_run: null, run_count: 1 })
    fleet.pass(DAY)
    expect(runLog(fleet)).toEqual(['01-05T10:00 late'])
  })

  test('runs at its true time what was due once and was skipped for its age', () => {
    const fleet = bench()
    fleet.turn(...workflow(), save({ frequency: 'once', cron_expression: '', run_at: START + HOUR }))
    setClock(fleet, DAY)
    fleet.turn({ type: 'tick' })
    setClock(fleet, -DAY)
    fleet.pass(HOUR)
    expect(runLog(fleet)).toEqual(['01-05T10:00 skipped misfire', '01-05T10:00 fired'])
  })

  test('is found by the next process too', () => {
    const fleet = bench()
    fleet.turn(...workflow(), save())
    fleet.pass(HOUR)
    const id = scheduledJobId(ids.schedule('s'), START + HOUR)
    expect(job(fleet, id).created_at).toBe(START + HOUR)
    const hot = { ...fleet.hot(), earlyRuns: [{ schedule_id: ids.schedule('s'), due_at: START + 2 * HOUR }] }
    const next = bench({}, hot)
    next.pass(HOUR + MINUTE)
    next.pass(HOUR)
    expect(next.disk.scheduleRuns.filter(({ due_at }) => due_at === START + 2 * HOUR)).toEqual([])
  })
})

/** Random stories, each run twice, once with a change of the clock. The behaviour of a fleet must not depend on it. */
function nothingDiffers(set: (fleet: Bench, by: number) => void, given: { numRuns: number; seed?: number }): void {
  fc.assert(
    fc.property(stories, fc.nat(), fc.constantFrom(...STEPS), (steps, chance, by) => {
      const fleets = [bench(), bench()] as const
      const when = chance % (steps.length + 1)
      for (const [index, step] of steps.entries()) {
        if (index === when) set(fleets[1], by)
        for (const fleet of fleets) {
          let names = 0
          perform(fleet, step, () => `${index}-${names++}`)
        }
        expect(asOfNow(fleets[1])).toEqual(asOfNow(fleets[0]))
      }
    }),
    given,
  )
}

test('what a fleet does never depends on whether its clock is set', () => nothingDiffers(setClock, { numRuns: 300 }))

/** Typical errors of programs when the clock is set. */
const PLANTED: Readonly<Record<string, (fleet: Bench, by: number) => void>> = {
  'a step is time that has passed': (fleet, by) => {
    fleet.now += by
    fleet.turn({ type: 'tick' })
  },
  'deadlines stay at the instant that they had': (fleet, by) => {
    const { timers } = fleet.state
    const { shift: move } = timers
    timers.shift = () => {}
    setClock(fleet, by)
    timers.shift = move
  },
  'leases stay where they were': (fleet, by) => {
    const before = [...fleet.state.sessions.values()].map((session) => [session, session.lastFrameAt] as const)
    setClock(fleet, by)
    for (const [session, heardAt] of before) session.lastFrameAt = heardAt
  },
  'what is on the disk only stays': (fleet, by) => {
    const before = new Map(fleet.disk.rows.jobs)
    setClock(fleet, by)
    for (const [id, row] of before) fleet.disk.rows.jobs.set(id, row)
  },
}

test.each(Object.keys(PLANTED))('planted: %s', (bug) => {
  // With a seed, for a story that shows it has to be among them.
  expect(() => nothingDiffers(PLANTED[bug] ?? setClock, { numRuns: 300, seed: 1 })).toThrow()
})

/** The state of a fleet, with every instant as the time to or from now. */
function asOfNow(fleet: Bench) {
  const since = (at: number | null): number | null => (at === null ? null : at - fleet.now)
  return {
    jobs: [...fleet.disk.rows.jobs.values()].map((row) =>
      Object.entries(row).map(([name, value]) => {
        if (!/_(at|until)$/.test(name)) return value
        // Old ended jobs are history, and stay as they are.
        return row.completed_at === null || name === 'stop_until' ? since(value as number | null) : null
      })
    ),
    sessions: [...fleet.state.sessions.values()].map((session) => ({
      ...session,
      since: since(session.since),
      lastFrameAt: since(session.lastFrameAt),
      idleSince: since(session.idleSince),
      reported: session.reported && { ...session.reported, at: since(session.reported.at) },
    })),
    timers: [...fleet.state.robots.keys()].map((id) =>
      (['robot.lease', 'robot.lost', 'robot.cooldown'] as const).map((why) => since(fleet.state.timers.at(why, id)))
    ),
    seq: fleet.state.seq,
  }
}

test('every instant in memory goes along, or is one of the wall', () => {
  const fleet = ready({ cooldown_ms: HOUR })
  fleet.turn(...join('r1'), ...join('r2'), hook(), ask('pinged'), save())
  fleet.turn(submit('j'), submit('later', { scheduled_time: fleet.now + MINUTE }), fire({}))
  fleet.turn(say('r1', 'job_accept', { job_id: 'j' }), beat('r1', ['j']))
  const before = new Map(instants(fleet))
  setClock(fleet, DAY)
  const left = [...instants(fleet)].filter(([path, at]) => before.get(path) === at).map(([path]) => path)
  // Instants chosen by users, and those at which something was made or changed.
  const wall = /\.(created_at|updated_at|scheduled_time|next_run|fires_at|decided_until|last_seen)$|horizon/
  expect(left.filter((path) => !wall.test(path) && path !== 'jobs.later.ready_at')).toEqual([])
})

/** Every number in memory that looks like an instant, by where it stands. */
function* instants(fleet: Bench): Generator<readonly [string, number]> {
  const seen = new Set<unknown>()
  function* walk(value: unknown, path: string): Generator<readonly [string, number]> {
    if (typeof value === 'number' && Math.abs(value - START) < 2 * DAY) yield [path, value]
    if (typeof value !== 'object' || value === null || seen.has(value)) return
    seen.add(value)
    const inner = value instanceof Map ? value : value instanceof Set ? [...value].entries() : Object.entries(value)
    for (const [key, each] of inner) yield* walk(each, path === '' ? String(key) : `${path}.${String(key)}`)
  }
  yield* walk(fleet.state, '')
}
