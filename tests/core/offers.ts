import type { Event } from '../../core/events/index.ts'
import type { RetrySafety } from '../../core/records/job.ts'
import { beat, type Bench, bench, join, say, submit } from './bench.ts'

/** Stories that begin with an offer. */

export const WAITING = ['never', 'unless_started'] as const satisfies readonly RetrySafety[]

/** A job is on offer to `r1`, which has reported that it runs nothing; `r2` is free, and would take it. */
export function onOffer(retrySafety: RetrySafety = 'unless_started', memory?: object): Bench {
  const fleet = bench()
  fleet.turn(...join('r1', { memory }), lists('r1', []), submit('j1', { retry_safety: retrySafety }))
  fleet.turn(...join('r2'), beat('r2', []))
  return fleet
}

export const lists = (robot: string, jobs: readonly string[], socket = `socket-${robot}`): Event =>
  say(robot, 'status_response', { status: 'online', active_job_ids: jobs }, socket)
export const accepts = (socket = 'socket-r1'): Event => say('r1', 'job_accept', { job_id: 'j1' }, socket)

/** The orchestrator was killed: nothing is left but the rows, and no socket is open. */
export const restarted = (fleet: Bench): Bench => bench({}, fleet.hot(), [], fleet.now)
