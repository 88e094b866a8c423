import type { Millis, ScheduleId } from '../base/ids.ts'
import { dueAfter, type EarlyRun, type Recurrence } from '../records/schedule.ts'
import type { State } from '../state.ts'

/**
 * Due instants in the future that have already made their job, because they were decided while the clock was ahead.
 * They stay decided after the clock was corrected; all others in between become due again at their true time.
 */

/** Groups early runs by schedule. */
export function earlyRunsBySchedule(rows: readonly EarlyRun[]): Map<ScheduleId, Set<Millis>> {
  const earlyRuns = new Map<ScheduleId, Set<Millis>>()
  for (const { schedule_id, due_at } of rows) {
    const known = earlyRuns.get(schedule_id)
    if (known === undefined) earlyRuns.set(schedule_id, new Set([due_at]))
    else known.add(due_at)
  }
  return earlyRuns
}

/** True if there is a job for this instant already. */
export function hasEarlyRun({ earlyRuns }: State, schedule: ScheduleId, due: Millis): boolean {
  return earlyRuns.get(schedule)?.has(due) === true
}

/** This due instant, or the first after it without a job. */
export function skipEarlyRuns(
  state: State,
  schedule: Recurrence & { readonly id: ScheduleId },
  due: Millis | null,
): Millis | null {
  let next = due
  while (next !== null && hasEarlyRun(state, schedule.id, next)) next = dueAfter(schedule, next)
  return next
}

/** Forgets early runs up to this instant, which has now been decided as usual. */
export function forgetEarlyRuns({ earlyRuns }: State, schedule: ScheduleId, until: Millis): void {
  const known = earlyRuns.get(schedule)
  if (known === undefined) return
  for (const due of known) if (due <= until) known.delete(due)
  if (known.size === 0) earlyRuns.delete(schedule)
}
