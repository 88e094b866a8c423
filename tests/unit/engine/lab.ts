import { afterAll, afterEach, beforeEach } from 'vitest'
import { type EngineOptions, type Job, type NewJob, OrchestratorEngine } from '../../../adapters/engine/index.ts'
import { type JobHandler, Robot, type RobotOptions } from '../../../robot/robot.ts'
import { cleanUp, newFolder } from '../../process/program.ts'

const QUICK = { timings: { confirmMs: 5, backoffBaseMs: 20, backoffCapMs: 50, abortGraceMs: 50, confirmWaitMs: 1_000 } }

/** An engine in memory for each test of a file, and what a test adds to it. All of it is stopped after the test. */
export interface Lab {
  /** The engine that `submit` and `robot` use; a test may replace it. */
  engine: OrchestratorEngine
  /** The robots' address of the engine that was started last. */
  url: string
  /** Run after the test, the last one first. */
  readonly stops: (() => Promise<void>)[]
  /** Another engine that listens. */
  readonly start: (options: EngineOptions) => Promise<OrchestratorEngine>
  /** A robot that is not started yet. */
  readonly made: (runner: JobHandler, more?: Partial<RobotOptions>) => Robot
  /** A robot with a key of its own, registered. */
  readonly robot: (runner: JobHandler, more?: Partial<RobotOptions>) => Promise<Robot>
  readonly submit: (more?: Partial<NewJob>) => Promise<Job>
  readonly newFolder: () => string
}

export const JOB = { workflowId: 'w', workflowJson: { nodes: {} } }

export function useLab(): Lab {
  const stops: Lab['stops'] = []
  const lab: Lab = {
    engine: new OrchestratorEngine(),
    url: '',
    stops,
    newFolder,
    async start(options) {
      const engine = new OrchestratorEngine({ log: () => {}, ...options })
      stops.push(() => engine.stop({ graceSeconds: 0 }))
      await engine.start()
      lab.url = `ws://127.0.0.1:${(await engine.startServer({ port: 0 })).port}`
      return engine
    },
    made(runner, more = {}) {
      const robot = new Robot({ url: lab.url, id: 'r1', runner, stateFile: false, ...QUICK, ...more })
      stops.push(() => robot.stop({ graceMs: 0 }))
      return robot
    },
    async robot(runner, more = {}) {
      const { id = 'r1' } = more
      const key = await lab.engine.createKey({ name: id, scopes: ['robots:connect'], robotId: id })
      const robot = lab.made(runner, { key, ...more })
      await robot.start()
      return robot
    },
    submit: (more = {}) => lab.engine.submitJob({ ...JOB, ...more }),
  }
  beforeEach(async () => {
    lab.engine = await lab.start({})
  })
  afterEach(async () => {
    for (const stop of stops.splice(0).toReversed()) await stop()
  })
  afterAll(cleanUp)
  return lab
}

/** A handler that signals when it has a job, and ends on demand. */
export function held(): { handler: JobHandler; entered: Promise<string>; end: (result: unknown) => void } {
  let enter: (id: string) => void = () => {}
  let end: (result: unknown) => void = () => {}
  const entered = new Promise<string>((resolve) => (enter = resolve))
  const ended = new Promise<unknown>((resolve) => (end = resolve))
  const handler: JobHandler = (job) => {
    enter(job.id)
    return Promise.race([
      ended,
      new Promise((_, reject) => job.signal.addEventListener('abort', () => reject(job.signal.reason as Error))),
    ])
  }
  return { handler, entered, end }
}
