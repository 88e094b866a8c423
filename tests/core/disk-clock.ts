import type { ClockChange, Effects } from '../../core/turn.ts'
import type { Millis } from '../../core/base/ids.ts'
import type { EarlyRun } from '../../core/records/schedule.ts'

/** The behaviour of a store when the clock is set, for tests of the core. */

/** Moves rows as a store does after the clock was set. */
export function moveRows({ rows }: Effects, moved: ClockChange | null): void {
  if (moved === null) return
  const { by, since } = moved
  const at = (instant: Millis | null): Millis | null => (instant === null ? null : instant + by)
  for (const [key, row] of rows.idempotency) rows.idempotency.set(key, { ...row, created_at: row.created_at + by })
  for (const [id, row] of rows.deliveries) rows.deliveries.set(id, { ...row, next_at: at(row.next_at) })
  for (const [id, job] of rows.jobs) {
    if (job.completed_at !== null && job.created_at <= since) continue
    const { queued_at, started_at, completed_at } = job
    const times = { queued_at: at(queued_at), started_at: at(started_at), completed_at: at(completed_at) }
    rows.jobs.set(id, { ...job, ...times, created_at: job.created_at + by })
  }
}

/** Due instants after this one that have made their job. */
export function aheadIn({ scheduleRuns }: Effects, after: Millis | null): readonly EarlyRun[] {
  return scheduleRuns.flatMap(({ schedule_id, due_at, job_id }) =>
    due_at !== null && job_id !== null && due_at > (after ?? Infinity) ? [{ schedule_id, due_at }] : []
  )
}
