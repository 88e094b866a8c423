import { afterEach, beforeEach } from 'vitest'
import { type JobContext, type JobHandler, Robot, type RobotEvent, type RobotOptions } from '../../../robot/robot.ts'
import { type Connection, Orchestrator } from './orchestrator.ts'

/** For robots whose confirmation a test waits for before they stop. */
export const PATIENT = { timings: { confirmWaitMs: 60_000 } }

/** An orchestrator for each test of a file, and the robots that connect to it. They are stopped after the test. */
export interface Lab {
  orchestrator: Orchestrator
  events: RobotEvent[]
  /** A robot whose waits are short. Its heartbeats are rare, so that each one in a test has a reason. */
  readonly robotWith: (runner: JobHandler, more?: Partial<RobotOptions>) => Robot
  /** The same, registered, with its first heartbeat answered. */
  readonly connected: (runner: JobHandler, more?: Partial<RobotOptions>) => Promise<[Robot, Connection]>
}

export function useLab(): Lab {
  let robots: Robot[] = []
  const lab: Lab = {
    orchestrator: undefined as unknown as Orchestrator,
    events: [],
    robotWith(runner, more = {}) {
      const timings = {
        confirmMs: 5,
        backoffBaseMs: 5,
        backoffCapMs: 5,
        abortGraceMs: 50,
        confirmWaitMs: 10,
        logsMs: 20,
      }
      const robot = new Robot({
        url: lab.orchestrator.url,
        key: 'crpa_secret',
        id: 'r1',
        runner,
        heartbeatMs: 60_000,
        stateFile: false,
        onEvent: (event) => lab.events.push(event),
        ...more,
        timings: { ...timings, ...more.timings },
      })
      robots.push(robot)
      return robot
    },
    async connected(runner, more = {}) {
      const robot = lab.robotWith(runner, more)
      const [connection] = await Promise.all([lab.orchestrator.registered(), robot.start()])
      await connection.answerHeartbeat()
      return [robot, connection]
    },
  }
  beforeEach(async () => {
    lab.orchestrator = await Orchestrator.listen()
    lab.events = []
  })
  afterEach(async () => {
    await Promise.all(robots.map((robot) => robot.stop({ graceMs: 0 })))
    robots = []
    lab.orchestrator.close()
  })
  return lab
}

/** A handler that ends when the test says so, or when its job is aborted. */
export function gate(): { handler: JobHandler; open: (result?: unknown) => void; entered: Promise<JobContext> } {
  let open: (result?: unknown) => void = () => {}
  let enter: (job: JobContext) => void = () => {}
  const opened = new Promise<unknown>((resolve) => {
    open = resolve
  })
  const entered = new Promise<JobContext>((resolve) => {
    enter = resolve
  })
  const handler: JobHandler = (job) => {
    enter(job)
    return Promise.race([
      opened,
      new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(job.signal.reason))),
    ])
  }
  return { handler, open, entered }
}
