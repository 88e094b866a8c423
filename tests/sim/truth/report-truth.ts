import type { RobotId } from '../../../core/base/ids.ts'
import type { Message } from '../../../core/protocol/message.ts'

/** Messages after which a job is done. */
const ENDS: ReadonlySet<string> = new Set(['job_complete', 'job_failed', 'job_cancelled'])

type Report = Pick<Message<'heartbeat'>['payload'], 'status' | 'current_jobs' | 'active_job_ids'>

/** A robot's report, null before the first, with the commit and the time. */
interface TimedReport {
  readonly report: Report | null
  readonly commit: number
}

/** The counted messages of robots. */
export class ReportTruth {
  readonly #commitsBehind: number
  readonly #confirming = new Set<RobotId>()
  /** The last report of each robot, and those before it that the program may have gone by lately. */
  readonly #reports = new Map<RobotId, readonly TimedReport[]>()

  constructor(commitsBehind: number) {
    this.#commitsBehind = commitsBehind
  }

  /** P34: whether a message counts that the robot sends now. Of the heartbeats the one after a result does not. */
  counts(robot: RobotId, type: string, commit: number): boolean {
    // Of a connection that is new nothing is known yet.
    if (type === 'register') this.#note(robot, null, commit)
    if (ENDS.has(type)) this.#confirming.add(robot)
    return type !== 'heartbeat' || !this.#confirming.delete(robot)
  }

  /** A robot says what it runs, on its present connection. */
  reported(robot: RobotId, report: Report, commit: number): void {
    this.#note(robot, report, commit)
  }

  /** P52: how many slots at least are taken by work that the robot has counted lately, and has not named. */
  elsewhere(robot: RobotId, slots: number, commit: number): number {
    return Math.min(...this.#lately(robot, commit).map(({ report }) => report === null ? 0 : unnamed(report, slots)))
  }

  #note(robot: RobotId, report: Report | null, commit: number): void {
    this.#reports.set(robot, [...this.#lately(robot, commit), { report, commit }])
  }

  #lately(robot: RobotId, commit: number): readonly TimedReport[] {
    const reports = this.#reports.get(robot) ?? []
    return reports.slice(Math.max(0, reports.findLastIndex((report) => report.commit < commit - this.#commitsBehind)))
  }
}

function unnamed({ status, current_jobs, active_job_ids = [] }: Report, slots: number): number {
  const more = current_jobs - active_job_ids.length
  return Math.max(0, status === 'busy' ? more : Math.min(more, slots - 1 - active_job_ids.length))
}
