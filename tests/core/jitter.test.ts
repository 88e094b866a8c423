import { describe, expect, test } from 'vitest'
import { preview, type ScheduleSpec } from '../../core/records/schedule.ts'
import { type Bench, bench, START } from './bench.ts'
import { runLog, save, schedule, workflow } from './schedules.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

function fleetWith(plan: Partial<ScheduleSpec>): Bench {
  const fleet = bench()
  fleet.turn(...workflow(), save(plan))
  return fleet
}

describe('jitter', () => {
  test('puts off what is done, and not what is due', () => {
    const fleet = fleetWith({ jitter_ms: 10 * MINUTE })
    const [first, second] = preview(schedule(fleet), fleet.now, 2)
    expect([first?.due_at, second?.due_at]).toEqual([START + HOUR, START + 2 * HOUR])
    const wait = (first?.fires_at ?? 0) - START
    expect(wait > HOUR && wait < HOUR + 10 * MINUTE).toBe(true)
    fleet.pass(wait - 1)
    expect(runLog(fleet)).toEqual([])
    fleet.pass(1)
    expect(runLog(fleet)).toEqual(['01-05T10:00 fired'])
  })

  test('ends before the next instant', () => {
    const fleet = fleetWith({ cron_expression: '* * * * *', jitter_ms: HOUR })
    for (const { due_at, fires_at } of preview(schedule(fleet), fleet.now, 100)) {
      expect(fires_at >= due_at && fires_at < due_at + MINUTE).toBe(true)
    }
    fleet.pass(HOUR)
    expect(runLog(fleet).every((line) => line.endsWith('fired'))).toBe(true)
  })

  test('an edit cuts it short', () => {
    const fleet = fleetWith({ jitter_ms: 10 * MINUTE })
    fleet.pass(HOUR)
    fleet.turn(save({ name: 'another' }, 'update'))
    expect([runLog(fleet), schedule(fleet).next_run]).toEqual([['01-05T10:00 fired'], START + 2 * HOUR])
  })
})
