import type { Millis } from '../../../core/base/ids.ts'
import type { ScheduleSpec } from '../../../core/records/schedule.ts'

/** When schedules are due, by arithmetic alone: it shares nothing with the program, which reads patterns and zones. */

const SECOND: Millis = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** What the patterns here mean: every so long, and so long after midnight of the zone. */
export const PATTERNS: Readonly<Record<string, readonly [period: Millis, phase: Millis]>> = {
  '*/2 * * * * *': [2 * SECOND, 0],
  '* * * * *': [MINUTE, 0],
  '*/5 * * * *': [5 * MINUTE, 0],
  '3-59/20 * * * *': [20 * MINUTE, 3 * MINUTE],
  '7 * * * *': [HOUR, 7 * MINUTE],
  '15 19 * * *': [24 * HOUR, 19 * HOUR + 15 * MINUTE],
}

/** How far their clocks are from UTC, all the year round. */
export const ZONES: Readonly<Record<string, Millis>> = {
  'UTC': 0,
  'America/Panama': -5 * HOUR,
  'Asia/Kolkata': 5.5 * HOUR,
}

/** The first instant after this one at which a schedule is due. */
export function nextDue(plan: ScheduleSpec, after: Millis): Millis | null {
  if (plan.frequency === 'once') return (plan.run_at ?? 0) > after ? plan.run_at : null
  const [period, phase] = PATTERNS[plan.cron_expression] ?? [Infinity, 0]
  const shift = (ZONES[plan.timezone] ?? 0) - phase
  const from = Math.max(after, (plan.start_at ?? 0) - 1) + shift
  const due = (Math.floor(from / period) + 1) * period - shift
  return plan.end_at !== null && due > plan.end_at ? null : due
}
