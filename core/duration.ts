import type { Millis } from './ids.ts'
import type { JobRow } from './job.ts'

/** How long a job ran: by its robot's clock, where that is known. 0 where it has not ended, or never started. */
export function durationOf({ started_at, completed_at, robot_duration_ms }: JobRow): Millis {
  if (completed_at === null || started_at === null) return 0
  return robot_duration_ms ?? completed_at - started_at
}

/**
 * How long its robot says that a job took, by its own clock: ours counts a line that was broken too. It cannot have had
 * longer than the job has been there to be offered. A robot that does not measure says 0.
 */
export function reportedDuration(job: JobRow, duration_ms: number | null | undefined, now: Millis): Millis | null {
  const reported = Math.round(duration_ms ?? 0)
  return reported > 0 && reported <= now - (job.queued_at ?? job.created_at) ? reported : null
}
