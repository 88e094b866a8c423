import { conflictOf } from '../robots/conflict.ts'
import { instantText } from '../base/instant.ts'
import { isAssigned, type JobRow } from '../records/job.ts'
import type { State } from '../state.ts'
import type { RobotRow } from '../records/robot.ts'
import type { Blocker, Verdict } from '../records/explanation.ts'

/** Explanations about robots that are offline, or that share an id, grouped by the jobs that they concern. */

/**
 * Blockers because the job's robot is offline, and because two machines share the id of a robot that the job waits for
 * or has.
 */
export function robotBlockers(
  state: State,
  job: JobRow,
  verdicts: readonly Verdict[],
  isSuitable: (verdict: Verdict) => boolean,
): readonly Blocker[] {
  const blockers: Blocker[] = []
  const holder = isAssigned(job) && job.robot_id !== null ? state.robots.get(job.robot_id) : undefined
  if (holder !== undefined && !state.sessions.has(holder.id)) {
    blockers.push({ code: 'ROBOT_OFFLINE', message: `${holder.name} ${awayText(holder)}` })
  }
  for (const verdict of verdicts) {
    const { robot_id, robot_name } = verdict
    const conflict = conflictOf(state, robot_id)
    const concerned = holder === undefined ? isSuitable(verdict) : robot_id === holder.id
    if (conflict === null || !concerned) continue
    const since = instantText(conflict.since)
    const message = `Two machines connect as ${robot_name} and have replaced each other ${conflict.count} times ` +
      `since ${since}: give one of them an id and a key of its own`
    blockers.push({ code: 'ROBOT_ID_CONFLICT', message })
  }
  return blockers
}

/** Since when a robot is offline, and how its connection ended. */
export function awayText({ last_disconnect: left }: RobotRow): string {
  if (left === null) return 'is not connected'
  const code = left.code === null ? '' : `, closed with ${left.code}`
  return `has been away since ${instantText(left.at)}${code}${left.reason === '' ? '' : `: ${left.reason}`}`
}
