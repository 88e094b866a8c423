import type { RobotId } from '../../core/ids.ts'

/** What says that a job is done with. */
const ENDS: ReadonlySet<string> = new Set(['job_complete', 'job_failed', 'job_cancelled'])

/** P34: which heartbeats count for what a robot may say. The one after a result does not. */
export class Counted {
  readonly #confirming = new Set<RobotId>()

  /** Whether a message counts that the robot sends now. */
  said(robot: RobotId, type: string): boolean {
    if (ENDS.has(type)) this.#confirming.add(robot)
    return type !== 'heartbeat' || !this.#confirming.delete(robot)
  }
}
