import type { Millis } from '../../../core/base/ids.ts'
import type { ScheduleSpec } from '../../../core/records/schedule.ts'

/** Due instants by arithmetic alone, without any code of the program, which parses patterns and zones. */

const SECOND: Millis = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** The meaning of the patterns used here: a period, and a phase after midnight in the zone. */
export const PATTERNS: Readonly<Record<string, readonly [period: Millis, phase: Millis]>> = {
  '*/2 * * * * *': [2 * SECOND, 0],
  '* * * * *': [MINUTE, 0],
  '*/5 * * * *': [5 * MINUTE, 0],
  '3-59/20 * * * *': [20 * MINUTE, 3 * MINUTE],
  '7 * * * *': [HOUR, 7 * MINUTE],
  '15 19 * * *': [24 * HOUR, 19 * HOUR + 15 * MINUTE],
}

/** The offset of their clocks from UTC, all year round. */
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
