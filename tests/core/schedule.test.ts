import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import type { ScheduleSpec } from '../../core/records/schedule.ts'
import { preview, scheduledJobId, upcoming } from '../../core/records/schedule.ts'
import { answers, type Bench, bench, complete, ids, job, join, START } from './bench.ts'
import { byHand, runLog, save, schedule, turnOn, workflow } from './schedules.ts'

// The clock of these tests begins on Monday, 2026-01-05, at 09:00Z.
const MINUTE = 60_000
const HOUR = 60 * MINUTE

function fleetWith(plan: Partial<ScheduleSpec> = {}): Bench {
  const fleet = bench()
  fleet.turn(...workflow(), save(plan))
  return fleet
}

/** Advances time without running timers, as when the process is down. */
function sleep(fleet: Bench, ms: number): void {
  fleet.now += ms
  fleet.turn({ type: 'tick' })
}

const outcome = (fleet: Bench, event: Event) => {
  const [answer] = answers(fleet.turn(event))
  return answer?.type === 'refusal'
    ? [answer.refusal.refused, [answer.refusal.details['fields']].flat()[0]]
    : answer?.type
}

describe('a schedule', () => {
  test('makes a job when it is due, and not before', () => {
    const fleet = fleetWith()
    fleet.pass(HOUR - 1)
    expect(runLog(fleet)).toEqual([])
    fleet.pass(1)
    expect(runLog(fleet)).toEqual(['01-05T10:00 fired'])
    const id = scheduledJobId(ids.schedule('s'), START + HOUR)
    expect(job(fleet, id)).toMatchObject({ schedule_id: 's', due_at: START + HOUR, created_by: 'schedule:s' })
    expect(schedule(fleet)).toMatchObject({ next_run: START + 2 * HOUR, last_run: START + HOUR, run_count: 1 })
  })

  test('counts what has completed', () => {
    const fleet = fleetWith()
    fleet.pass(HOUR)
    fleet.turn(...join('r1'))
    const id = scheduledJobId(ids.schedule('s'), START + HOUR)
    fleet.turn(complete('r1', id, {}, 1))
    expect(schedule(fleet)).toMatchObject({ run_count: 1, success_count: 1 })
  })

  test('is due once, when it says', () => {
    const fleet = fleetWith({ frequency: 'once', cron_expression: '', run_at: START + 90 * MINUTE })
    fleet.pass(24 * HOUR)
    expect(runLog(fleet)).toEqual(['01-05T10:30 fired'])
    expect(schedule(fleet)).toMatchObject({ next_run: null, enabled: true })
  })

  test('is due between its start and its end only, both included', () => {
    const fleet = fleetWith({ start_at: START + 3 * HOUR, end_at: START + 4 * HOUR })
    fleet.pass(24 * HOUR)
    expect(runLog(fleet)).toEqual(['01-05T12:00 fired', '01-05T13:00 fired'])
  })

  test('while it is disabled nothing is due, and nothing was when it is enabled again', () => {
    const fleet = fleetWith()
    fleet.turn(turnOn(false, 'month end'))
    expect(schedule(fleet)).toMatchObject({ enabled: false, note: 'month end', next_run: null })
    fleet.pass(3.5 * HOUR)
    fleet.turn(turnOn(true))
    expect(schedule(fleet)).toMatchObject({ enabled: true, note: '', next_run: START + 4 * HOUR })
    expect(runLog(fleet)).toEqual([])
  })

  test('runs by hand, disabled or not, and waits for nothing but its gate', () => {
    const fleet = fleetWith({ overlap: 'skip' })
    fleet.turn(turnOn(false), byHand('a'), byHand('b'))
    expect(runLog(fleet)).toEqual(['now fired by hand', 'now fired by hand'])
    expect(schedule(fleet)).toMatchObject({ run_count: 2, last_run: START, next_run: null })
    expect(job(fleet, 'b')).toMatchObject({ schedule_id: 's', due_at: null, created_by: 'tester', status: 'queued' })
  })

  test('what is due is decided before an edit, a switch or the end of the schedule', () => {
    for (const change of [save({ cron_expression: '30 * * * *' }, 'update'), turnOn(false)]) {
      const fleet = fleetWith()
      fleet.now += HOUR
      fleet.turn(change)
      expect(runLog(fleet)).toEqual(['01-05T10:00 fired'])
    }
    const fleet = fleetWith()
    fleet.now += HOUR
    fleet.turn({ type: 'schedule.deleted', reply: ids.reply('d'), schedule: ids.schedule('s') })
    expect([runLog(fleet), fleet.disk.rows.schedules.size]).toEqual([['01-05T10:00 fired'], 0])
    fleet.pass(24 * HOUR)
    expect(runLog(fleet).length).toBe(1)
  })

  test('is one job for each instant, whatever comes twice', () => {
    const made = new Set<string>()
    for (let i = 0; i < 100_000; i++) made.add(scheduledJobId(ids.schedule(`s-${i % 1_000}`), START + i * MINUTE))
    expect(made.size).toBe(100_000)
    const [a = '', b = ''] = [scheduledJobId(ids.schedule('s'), START), scheduledJobId(ids.schedule('s'), START + 1)]
    expect(a).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(a < b).toBe(true)
  })

  test('goes on after a restart where it was', () => {
    const fleet = fleetWith()
    fleet.pass(90 * MINUTE)
    const again = bench({}, fleet.hot())
    again.now = fleet.now
    again.pass(HOUR)
    expect(runLog(again)).toEqual(['01-05T11:00 fired'])
    expect(schedule(again)).toMatchObject({ run_count: 2, next_run: START + 3 * HOUR })
  })

  test('decides nothing while the process is about to stop', () => {
    const fleet = fleetWith()
    fleet.turn({ type: 'drain' })
    fleet.pass(HOUR)
    expect([runLog(fleet), outcome(fleet, turnOn(false))]).toEqual([[], ['UNAVAILABLE', undefined]])
    const again = bench({}, fleet.hot())
    again.now = fleet.now
    sleep(again, 2 * MINUTE)
    expect(runLog(again)).toEqual(['01-05T10:00 late'])
  })
})

describe('what was missed', () => {
  test.each<[string, Partial<ScheduleSpec>, number, readonly string[]]>([
    ['run_once: the latest runs for all', {}, 3.5 * HOUR, [
      '01-05T10:00 merged',
      '01-05T11:00 merged',
      '01-05T12:00 late',
    ]],
    ['run_once: the latest is on time', {}, 3 * HOUR + 59_000, [
      '01-05T10:00 merged',
      '01-05T11:00 merged',
      '01-05T12:00 fired',
    ]],
    ['run_once: too late, and nothing runs', { cron_expression: '0 8 * * *' }, 49 * HOUR, [
      '01-06T08:00 skipped misfire',
      '01-07T08:00 skipped misfire',
    ]],
    ['run_once: a grace of its own', { cron_expression: '0 8 * * *', misfire_grace_ms: 3 * HOUR }, 49 * HOUR, [
      '01-06T08:00 merged',
      '01-07T08:00 late',
    ]],
    ['skip: what is late does not run', { misfire: 'skip' }, 2.5 * HOUR, [
      '01-05T10:00 skipped misfire',
      '01-05T11:00 skipped misfire',
    ]],
    ['skip: what is on time does', { misfire: 'skip' }, 2 * HOUR + 30_000, [
      '01-05T10:00 skipped misfire',
      '01-05T11:00 fired',
    ]],
    ['run_all: everything runs', { misfire: 'run_all' }, 3 * HOUR, [
      '01-05T10:00 late',
      '01-05T11:00 late',
      '01-05T12:00 fired',
    ]],
    ['run_all: within its grace', { misfire: 'run_all', misfire_grace_ms: HOUR + MINUTE }, 3 * HOUR, [
      '01-05T10:00 skipped misfire',
      '01-05T11:00 late',
      '01-05T12:00 fired',
    ]],
    ['a stretch is told of in one row', { cron_expression: '* * * * *' }, 48 * HOUR + 30_000, [
      '01-05T09:01 to 01-07T08:59 merged',
      '01-07T09:00 fired',
    ]],
  ])('%s', (_name, plan, ms, expected) => {
    const fleet = fleetWith(plan)
    sleep(fleet, ms)
    expect(runLog(fleet)).toEqual(expected)
  })

  test('run_all runs the latest hundred, and no more', () => {
    const fleet = fleetWith({ cron_expression: '*/10 * * * *', misfire: 'run_all' })
    sleep(fleet, 48 * HOUR)
    expect(runLog(fleet)[0]).toBe('01-05T09:10 to 01-06T16:20 skipped misfire')
    expect([runLog(fleet).length, runLog(fleet).at(1), runLog(fleet).at(-1)]).toEqual([
      101,
      '01-06T16:30 late',
      '01-07T09:00 fired',
    ])
  })

  test('a year of seconds costs no walk', () => {
    const fleet = fleetWith({ frequency: 'cron', cron_expression: '* * * * * *' })
    const began = performance.now()
    sleep(fleet, 365 * 24 * HOUR)
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(fleet.disk.scheduleRuns.map((run) => run.outcome)).toEqual(['merged', 'fired'])
    expect(fleet.disk.scheduleRuns[0]?.until).toBe(fleet.now - 1_000)
  })
})

describe('while an earlier job has not ended', () => {
  const statuses = (fleet: Bench) => [...fleet.disk.rows.jobs.values()].map(({ status }) => status)

  test.each<[ScheduleSpec['overlap'], readonly string[], readonly string[]]>([
    ['allow', ['10:00 fired', '11:00 fired', '12:00 fired'], ['queued', 'queued', 'queued']],
    ['skip', ['10:00 fired', '11:00 skipped overlap', '12:00 skipped overlap'], ['queued']],
    ['queue_one', ['10:00 fired', '11:00 fired', '12:00 skipped overlap'], ['queued', 'pending']],
    ['queue_all', ['10:00 fired', '11:00 fired', '12:00 fired'], ['queued', 'pending', 'pending']],
    ['cancel_running', ['10:00 fired', '11:00 fired', '12:00 fired'], ['cancelled', 'cancelled', 'queued']],
  ])('%s', (overlap, lines, status) => {
    const fleet = fleetWith({ overlap })
    fleet.pass(3.5 * HOUR)
    expect(runLog(fleet)).toEqual(lines.map((line) => `01-05T${line}`))
    expect(statuses(fleet)).toEqual(status)
  })

  test('the next may run when the one before has ended, or the schedule has gone', () => {
    for (const how of ['ended', 'edited', 'deleted']) {
      const fleet = fleetWith({ overlap: 'queue_one' })
      fleet.pass(2 * HOUR)
      fleet.turn(...join('r1', { slots: 5 }))
      const first = scheduledJobId(ids.schedule('s'), START + HOUR)
      if (how === 'ended') fleet.turn(complete('r1', first, {}, job(fleet, first).offer))
      if (how === 'edited') fleet.turn(save({ overlap: 'allow' }, 'update'))
      if (how === 'deleted') {
        fleet.turn({ type: 'schedule.deleted', reply: ids.reply('d'), schedule: ids.schedule('s') })
      }
      expect(statuses(fleet)[1], how).toBe('queued')
    }
  })
})

describe('what is refused or skipped', () => {
  test.each<[string, Partial<ScheduleSpec>, readonly unknown[]]>([
    ['a workflow that is not there', { workflow_id: ids.workflow('x') }, ['NOT_FOUND', 'workflow_id']],
    ['a pool that is not there', { pool: 'x' }, ['NOT_FOUND', 'pool']],
    ['a time that has passed', { frequency: 'once', run_at: START }, ['INVALID_PAYLOAD', 'run_at']],
    ['an end that has passed', { end_at: START - 1 }, ['INVALID_PAYLOAD', 'end_at']],
    ['an end before the first time', { end_at: START + 1 }, ['INVALID_PAYLOAD', 'end_at']],
  ])('%s', (_name, plan, expected) => {
    const fleet = bench()
    fleet.turn(...workflow())
    expect(outcome(fleet, save(plan))).toEqual(expected)
    expect(fleet.state.schedules.size).toBe(0)
  })

  test('one that is not there, or there already, or one too many', () => {
    const fleet = bench({ schedulesMax: 1 })
    fleet.turn(...workflow())
    expect(outcome(fleet, save({}, 'update'))).toEqual(['NOT_FOUND', undefined])
    expect(outcome(fleet, byHand('a'))).toEqual(['NOT_FOUND', undefined])
    fleet.turn(save())
    expect(outcome(fleet, save())).toEqual(['CONFLICT', 'id'])
    expect(outcome(fleet, save({}, 'create', 't'))).toEqual(['CONFLICT', undefined])
  })

  test('a job that cannot be made is told of in the ledger', () => {
    const fleet = bench({ liveJobsMax: 1 })
    fleet.turn(...workflow(), save())
    fleet.turn(...workflow('v').slice(0, 1), save({ workflow_id: ids.workflow('v') }, 'create', 't'))
    fleet.pass(2 * HOUR)
    expect(runLog(fleet)).toEqual([
      '01-05T10:00 fired',
      '01-05T10:00 skipped CONFLICT',
      '01-05T11:00 skipped QUEUE_FULL',
      '01-05T11:00 skipped CONFLICT',
    ])
    expect(outcome(fleet, byHand('a'))).toEqual(['QUEUE_FULL', undefined])
    expect(runLog(fleet).length).toBe(4)
  })
})

test('those that are due next come first, and those that are disabled not at all', () => {
  const fleet = bench()
  fleet.turn(...workflow(), save({}, 'create', 'a'), save({ cron_expression: '30 * * * *' }, 'create', 'b'))
  fleet.turn(save({}, 'create', 'c'), turnOn(false, '', 'c'))
  expect(upcoming(fleet.state.schedules.values(), 10).map(({ id }) => id)).toEqual(['b', 'a'])
  expect(preview(schedule(fleet, 'c'), fleet.now, 1)).toEqual([{ due_at: START + HOUR, fires_at: START + HOUR }])
})
