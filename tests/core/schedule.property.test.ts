import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { dueAfter, firesAt, MISFIRES, preview, type ScheduleSpec } from '../../core/records/schedule.ts'
import { bench, START } from './bench.ts'
import { save, schedule, workflow } from './schedules.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const plans: fc.Arbitrary<Partial<ScheduleSpec>> = fc.record({
  cron_expression: fc.tuple(
    fc.constantFrom('*', '*/7', '0', '30', '15,45', '59'),
    fc.constantFrom('*', '*/3', '2', '1,2', '0-4', '23'),
    fc.constantFrom('* * *', '* * MON-FRI', '1,15 * *', 'L * *', '* * SUN'),
  ).map((fields) => fields.join(' ')),
  timezone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Santiago'),
  jitter_ms: fc.constantFrom(0, 0, 90_000, 20 * MINUTE),
  start_at: fc.option(fc.integer({ min: START, max: START + 300 * 24 * HOUR }), { nil: null }),
})
const from = fc.integer({ min: START, max: START + 365 * 24 * HOUR })

test('what was shown beforehand is what is then fired, when it was said to be', () => {
  fc.assert(
    fc.property(plans, from, (plan, now) => {
      const fleet = bench()
      fleet.now = now
      fleet.turn(...workflow(), save(plan))
      const shown = preview(schedule(fleet), fleet.now, 12)
      while (fleet.disk.scheduleRuns.length < 12) {
        const wake = schedule(fleet).fires_at
        if (wake === null) break
        fleet.now = wake
        fleet.turn({ type: 'tick' })
      }
      const fired = fleet.disk.scheduleRuns.map(({ due_at, at }) => ({ due_at, fires_at: at }))
      expect(fired).toEqual(shown)
      expect(new Set(fleet.disk.scheduleRuns.map(({ outcome }) => outcome))).toEqual(new Set(['fired']))
    }),
    { numRuns: 60 },
  )
})

test('what is missed is what a walk through every instant finds, however many they are', () => {
  fc.assert(
    fc.property(plans, from, fc.integer({ min: 1, max: 60 * 24 * HOUR }), fc.constantFrom(...MISFIRES), (
      plan,
      now,
      ms,
      misfire,
    ) => {
      const fleet = bench()
      fleet.now = now
      fleet.turn(...workflow(), save({ ...plan, misfire, misfire_grace_ms: 12 * HOUR }))
      const before = schedule(fleet)
      fleet.now += ms
      fleet.turn({ type: 'tick' })
      const walked: number[] = []
      for (let due = before.next_run; due !== null && firesAt(before, due) <= fleet.now;) {
        walked.push(due)
        due = dueAfter(before, due)
      }
      const rows = fleet.disk.scheduleRuns
      expect(rows.map(({ due_at }) => due_at)).toEqual([
        ...walked.slice(0, walked.length > 100 ? 1 : 0),
        ...walked.slice(walked.length <= 100 ? 0 : misfire === 'run_all' ? -100 : -1),
      ])
      expect(rows.at(-1)?.until ?? null).toBe(walked.at(-1) ?? null)
      if (walked.length > 100) expect(rows[0]?.until).toBe(walked.at(misfire === 'run_all' ? -101 : -2))
      const next = schedule(fleet).next_run
      expect(next).toBe(dueAfter(before, walked.at(-1) ?? now))
    }),
    { numRuns: 40 },
  )
})
