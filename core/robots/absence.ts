import type { Turn } from '../turn.ts'
import type { RobotId } from '../base/ids.ts'
import { hasExpiredOffer, isAssigned } from '../records/job.ts'
import type { State } from '../state.ts'
import { logCountOf } from '../limiter/log-count.ts'
import { recordHistory } from '../jobs/history.ts'

/** The number of disconnections recorded per job: an unstable connection would fill the histories of its jobs. */
const BREAKS_MAX = 20

/**
 * Records in the history of each of a robot's jobs that the robot has disconnected or reconnected, since that explains
 * later events.
 */
export function recordAbsence(
  state: State,
  robot: RobotId,
  event: 'disconnected' | 'reconnected',
  detail: string,
  turn: Turn,
): void {
  for (const id of state.held.get(robot) ?? []) {
    const job = state.jobs.get(id)
    if (job === undefined || !(isAssigned(job) || hasExpiredOffer(job))) continue
    const count = logCountOf(state, id, turn.now)
    count.breaks = (count.breaks ?? 0) + 1
    if (count.breaks > BREAKS_MAX) continue
    const last = count.breaks === BREAKS_MAX ? '; what comes after this is not written down' : ''
    recordHistory(state, job, turn, {
      event,
      from_status: job.status,
      cause: { by: `robot:${robot}`, detail: `${job.robot_name} ${detail}${last}` },
    })
  }
}
