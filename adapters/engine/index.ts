import pkg from '../../package.json' with { type: 'json' }
import type { JobId } from '../../core/base/ids.ts'
import { DEFAULTS } from '../../core/settings.ts'
import { NewKey } from '../../core/api/request.ts'
import { upcoming } from '../../core/records/schedule.ts'
import { dispatcherStats, queueStats } from '../../core/explain/stats.ts'
import {
  type EngineOptions,
  ignoredOptions,
  type NewApiKey,
  type NewJob,
  type NewRobotRecord,
  readInput,
  requireObject,
  type ResolvedOptions,
  resolveOptions,
} from './options.ts'
import {
  cancelJob,
  explainJob,
  type JobExplanation,
  releaseJob,
  retryEndedJob,
  submitNewJob,
  wholeJob,
} from './jobs.ts'
import {
  getRobot,
  getSchedule,
  getWorkflow,
  type JobFilter,
  listJobs,
  listRobots,
  listSchedules,
  listTriggerEvents,
  listWorkflows,
  type Page,
  type PageOptions,
  registerRobot,
} from './lists.ts'
import { type Camel, camel } from './names.ts'
import {
  createSchedule,
  type NewSchedule,
  type NewWorkflow,
  publishWorkflow,
  type Schedule,
  scheduleOf,
} from './schedules.ts'
import { openEngineStore, storeLocation } from './store.ts'
import type { Job, JobSummary, Robot, TriggerEvent, Workflow, WorkflowSummary } from './view.ts'
import { JobWaiters, whenDrained } from './job-waiters.ts'
import { type Fleet, openFleet } from '../fleet/fleet.ts'
import { httpApp } from '../http/app.ts'
import { createKey } from '../commands/installation.ts'
import { closeAll, type Listener, listenHttp, listenRobots } from '../node/listen.ts'
import { nodePlatform } from '../node/platform.ts'
import { onlyFleet } from '../node/robots.ts'
import { durabilityOf } from '../store/open.ts'

export { JobPriority, JobStatus, RobotStatus, ScheduleFrequency, TriggerType, WorkflowStatus } from './enums.ts'
export type { EngineOptions, NewApiKey, NewJob, NewRobotRecord } from './options.ts'
export type { JobFilter, Page, PageOptions } from './lists.ts'
export { ExactNumber, parseExact, stringifyExact } from '../../core/base/exact.ts'
export { RefusedError } from './errors.ts'
export type { NewSchedule, NewWorkflow, Schedule } from './schedules.ts'
export type { Job, JobSummary, Robot, TriggerEvent, Workflow, WorkflowSummary } from './view.ts'

/** Where to listen. */
export interface Address {
  /** `127.0.0.1` unless said otherwise; `0.0.0.0` for every interface. */
  readonly host?: string | undefined
  /** 0 for any that is free. */
  readonly port?: number | undefined
}

const NAMES = { host: 'host', http: 'port', robots: 'port' }
const STOP_GRACE_SECONDS = 30

interface Running {
  readonly fleet: Fleet
  readonly waiters: JobWaiters
  readonly listeners: Listener[]
}

/**
 * The orchestrator inside a program: the same events, rules and storage as behind the HTTP API, without HTTP. A refusal
 * is a `RefusedError`. Only one engine at a time may work on one data folder.
 */
export class OrchestratorEngine {
  readonly #options: ResolvedOptions
  #running: Running | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  /** Throws a `TypeError` for options that cannot be used. Nothing is opened before `start`. */
  constructor(options: EngineOptions = {}) {
    this.#options = resolveOptions(options)
  }

  /** Opens the store. Jobs may be submitted from then on. An engine is started once. */
  start(): Promise<void> {
    if (this.#starting !== undefined) return Promise.reject(new Error('An engine is started once'))
    this.#starting = this.#open()
    return this.#starting
  }

  /** Listens for robots. Resolves with the port, once they may connect. */
  async startServer({ host = '127.0.0.1', port = 8765 }: Address = {}): Promise<{ readonly port: number }> {
    const { fleet, listeners } = this.#on
    const listener = await listenRobots(onlyFleet(fleet), host, port, NAMES)
    listeners.push(listener)
    return { port: listener.port }
  }

  /** Serves the HTTP API and webhooks, and robots at `/ws`. Keys for it are made by `createKey`. */
  async startHttp({ host = '127.0.0.1', port = 8766 }: Address = {}): Promise<{ readonly port: number }> {
    const { fleet, listeners } = this.#on
    const app = httpApp(fleet, { version: pkg.version, durability: durabilityOf(storeLocation(this.#options)) })
    const listener = await listenHttp((request) => app.fetch(request), onlyFleet(fleet), host, port, NAMES)
    listeners.push(listener)
    return { port: listener.port }
  }

  /** Resolves with the job once it is durable. */
  submitJob(job: NewJob): Promise<Job> {
    return this.#with((fleet, by) => submitNewJob(fleet, job, by))
  }

  /** Calls a job off. False when there is no such job, or it has ended already. */
  cancelJob(jobId: string, reason?: string): Promise<boolean> {
    return this.#with((fleet, by) => cancelJob(fleet, jobId, reason, by))
  }

  /**
   * Says that the robot which has been offered this job, and has not answered, has not started it: it is offered anew.
   * Rejects with `CONFLICT` when the robot has accepted it or may still answer, and when it has ended.
   */
  releaseJob(jobId: string, reason?: string): Promise<Job> {
    return this.#with((fleet, by) => releaseJob(fleet, jobId, reason, by))
  }

  /** Runs a job that has ended again: a new job with everything that was asked for, whose `retryOf` is the old one. */
  retryJob(jobId: string): Promise<Job> {
    return this.#with((fleet, by) => retryEndedJob(fleet, jobId, by))
  }

  /** The job as it is on disk, or undefined. */
  async getJob(jobId: string): Promise<Job | undefined> {
    const { fleet } = this.#on
    const job = await fleet.queries.job(jobId as JobId)
    return job === undefined ? undefined : wholeJob(fleet, job)
  }

  /** Jobs as they are on disk, the newest first, without their definitions and logs. */
  listJobs(filter: JobFilter = {}): Promise<Page<JobSummary>> {
    return this.#with((fleet) => listJobs(fleet, filter))
  }

  /** Resolves with the job once it has ended, however it ended. Rejects when the engine stops first. */
  async waitForJob(jobId: string, options: { readonly signal?: AbortSignal } = {}): Promise<Job> {
    return this.#on.waiters.waitForEnd(jobId as JobId, options.signal)
  }

  /** Why a job is not running, and what single change would let it run now. */
  explain(jobId: string): Promise<JobExplanation> {
    return this.#with((fleet) => explainJob(fleet, jobId))
  }

  /** Puts a robot on record before it has connected, or changes it there. What it says when it registers wins. */
  registerRobot(robot: NewRobotRecord): Promise<Robot> {
    return this.#with((fleet) => registerRobot(fleet, robot))
  }

  /** A robot on record, as it is just now, or undefined. */
  getRobot(robotId: string): Promise<Robot | undefined> {
    return this.#with((fleet) => getRobot(fleet, robotId))
  }

  /** Every robot on record, as it is just now. */
  listRobots(options: PageOptions = {}): Promise<Page<Robot>> {
    return this.#with((fleet) => listRobots(fleet, options))
  }

  /** Makes a key for a robot (`robots:connect`) or for the HTTP API. It is told this once; what is kept is its hash. */
  async createKey(key: NewApiKey): Promise<string> {
    const { name, scopes, robot_id } = readInput(requireObject(key), NewKey)
    return createKey(this.#on.fleet, name, scopes, { robot: robot_id })
  }

  /** Saves a workflow, new or known, and makes it what jobs run. Resolves with its id. */
  publishWorkflow(workflow: NewWorkflow): Promise<string> {
    return this.#with((fleet, by) => publishWorkflow(fleet, workflow, by))
  }

  /** A workflow with its newest definition, or undefined. */
  getWorkflow(workflowId: string): Promise<Workflow | undefined> {
    return this.#with((fleet) => getWorkflow(fleet, workflowId))
  }

  /** Every workflow, without its definition. */
  listWorkflows(options: PageOptions = {}): Promise<Page<WorkflowSummary>> {
    return this.#with((fleet) => listWorkflows(fleet, options))
  }

  /** What has come to a trigger that was made over HTTP, and what became of it, the last first. */
  listTriggerEvents(triggerId: string, options: PageOptions = {}): Promise<Page<TriggerEvent>> {
    return this.#with((fleet) => listTriggerEvents(fleet, triggerId, options))
  }

  /** Has a published workflow run at times. Resolves with the schedule once it is durable. */
  createSchedule(schedule: NewSchedule): Promise<Schedule> {
    return this.#with((fleet, by) => createSchedule(fleet, schedule, by))
  }

  /** A schedule, or undefined. */
  getSchedule(scheduleId: string): Promise<Schedule | undefined> {
    return this.#with((fleet) => getSchedule(fleet, scheduleId))
  }

  /** Every schedule, those too that are not due again. */
  listSchedules(options: PageOptions = {}): Promise<Page<Schedule>> {
    return this.#with((fleet) => listSchedules(fleet, options))
  }

  /** Those that are due next, the nearest first. */
  getUpcomingSchedules({ limit = 10 }: { readonly limit?: number } = {}): readonly Schedule[] {
    return upcoming(this.#on.fleet.state.schedules.values(), limit).map(scheduleOf)
  }

  /** How many jobs wait and run just now. */
  getQueueStats(): Camel<ReturnType<typeof queueStats>> {
    return camel(queueStats(this.#on.fleet.state))
  }

  /** How many robots there are just now, and how busy they are. */
  getDispatcherStats(): Camel<ReturnType<typeof dispatcherStats>> {
    const { pools, ...stats } = dispatcherStats(this.#on.fleet.state)
    // Pools are called as their makers called them.
    return { ...camel(stats), pools }
  }

  /**
   * Takes nothing new in and offers nothing more, gives running jobs the time to end, and closes every connection and
   * the store. With a data folder, jobs that go on running on their robots are adopted at the next start. Calling it
   * again changes nothing.
   */
  stop({ graceSeconds = STOP_GRACE_SECONDS }: { readonly graceSeconds?: number } = {}): Promise<void> {
    this.#stopping ??= this.#close(graceSeconds * 1000)
    return this.#stopping
  }

  get #on(): Running {
    if (this.#running === undefined) throw new Error('The engine is not running: call start() first')
    return this.#running
  }

  /** Everything that may go wrong is a rejection. */
  async #with<T>(run: (fleet: Fleet, by: string) => Promise<T>): Promise<T> {
    return run(this.#on.fleet, this.#options.actor)
  }

  async #open(): Promise<void> {
    const { log, loadBalancing, defaultJobTimeout, robotsAuth } = this.#options
    const platform = nodePlatform()
    // Who calls from the same process is held to no rate; over HTTP, keys and webhooks are.
    const settings = { ...DEFAULTS, strategy: loadBalancing, jobTimeoutMs: defaultJobTimeout * 1000, robotsAuth }
    const fleet = await openFleet(
      await openEngineStore(this.#options),
      log === undefined ? platform : { ...platform, log },
      settings,
      (
        error,
      ) => this.#running?.waiters.stop(error),
    )
    for (const line of ignoredOptions(this.#options)) fleet.platform.log('warn', line)
    this.#running = { fleet, waiters: new JobWaiters(fleet, (job) => wholeJob(fleet, job)), listeners: [] }
  }

  async #close(graceMs: number): Promise<void> {
    // At once: what is submitted after `stop` was called is refused.
    this.#running?.fleet.drain()
    await this.#starting?.catch(() => {})
    if (this.#running === undefined) return
    const { fleet, waiters, listeners } = this.#running
    fleet.drain()
    await fleet.whenIdle()
    await whenDrained(fleet, graceMs)
    await waiters.whenShown()
    this.#running = undefined
    waiters.stop(new Error('The engine was stopped before the job had ended'))
    await Promise.all(listeners.map((listener) => listener.finish()))
    await fleet.stop()
    await closeAll(listeners)
  }
}
