import type { LogCount, State } from '../state.ts'
import { isLive, type JobRow } from '../records/job.ts'
import type { Turn } from '../turn.ts'
import { LATE_LOG_MS } from '../settings.ts'
import type { JobId, Millis } from '../base/ids.ts'
import { newBucket } from '../base/bucket.ts'

/**
 * Counts lines that were refused for their rate. The log states the number at its end; for a job that has ended, once
 * no more of them can arrive.
 */
export function countRefusedLines(state: State, job: JobRow, lines: number, turn: Turn): void {
  if (!isLive(job.status)) {
    if (turn.now - (job.completed_at ?? 0) > LATE_LOG_MS || job.robot_id === null) return
    const at = state.timers.at('log.close', job.id)
    if (at === Infinity) state.timers.set('log.close', job.id, turn.now + state.settings.robotMessagesMs)
    const late = state.lateLogs.get(job.id) ?? { robot: job.robot_id, refused: 0 }
    state.lateLogs.set(job.id, { ...late, refused: late.refused + lines })
    return
  }
  logCountOf(state, job.id, turn.now).refused += lines
}

/** The count of a job's log, starting now if there was none. */
export function logCountOf(state: State, job: JobId, now: Millis): LogCount {
  let count = state.logs.get(job)
  if (count === undefined) {
    state.logs.set(job, count = { stored: 0, bytes: 0, disk: newBucket(now), dropped: 0, refused: 0 })
  }
  return count
}
