import type { Millis, ScheduleId } from '../base/ids.ts'
import { dueAfter, type EarlyRun, type Recurrence } from '../records/schedule.ts'
import type { State } from '../state.ts'

/**
 * Due instants that are still to come, though they have made their job: that was decided while the clock was ahead, and
 * stays decided when it has been put right. All others between are due again at their true time.
 */

/** The same by schedule, as memory has it. */
export function earlyRunsBySchedule(rows: readonly EarlyRun[]): Map<ScheduleId, Set<Millis>> {
  const earlyRuns = new Map<ScheduleId, Set<Millis>>()
  for (const { schedule_id, due_at } of rows) {
    const known = earlyRuns.get(schedule_id)
    if (known === undefined) earlyRuns.set(schedule_id, new Set([due_at]))
    else known.add(due_at)
  }
  return earlyRuns
}

/** Whether there is a job for this instant already. */
export function hasEarlyRun({ earlyRuns }: State, schedule: ScheduleId, due: Millis): boolean {
  return earlyRuns.get(schedule)?.has(due) === true
}

/** This due instant, or the first after it that has no job yet. */
export function skipEarlyRuns(
  state: State,
  schedule: Recurrence & { readonly id: ScheduleId },
  due: Millis | null,
): Millis | null {
  let next = due
  while (next !== null && hasEarlyRun(state, schedule.id, next)) next = dueAfter(schedule, next)
  return next
}

/** What is due up to this instant has been decided in the ordinary way. */
export function forgetEarlyRuns({ earlyRuns }: State, schedule: ScheduleId, until: Millis): void {
  const known = earlyRuns.get(schedule)
  if (known === undefined) return
  for (const due of known) if (due <= until) known.delete(due)
  if (known.size === 0) earlyRuns.delete(schedule)
}
