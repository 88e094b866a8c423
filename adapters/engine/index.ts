import pkg from '../../package.json' with { type: 'json' }
import type { JobId } from '../../core/base/ids.ts'
import { DEFAULTS } from '../../core/settings.ts'
import { NewKey } from '../../core/api/keys.ts'
import { upcoming } from '../../core/records/schedule.ts'
import { dispatcherStats, queueStats } from '../../core/explain/stats.ts'
import {
  type Address,
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
  type BatchedJob,
  cancelJob,
  explainJob,
  type JobExplanation,
  releaseJob,
  retryEndedJob,
  submitNewJob,
  submitNewJobs,
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
export type { Address, EngineOptions, NewApiKey, NewJob, NewRobotRecord } from './options.ts'
export type { BatchedJob } from './jobs.ts'
export type { JobFilter, Page, PageOptions } from './lists.ts'
export { ExactNumber, parseExact, stringifyExact } from '../../core/base/exact.ts'
export { RefusedError } from './errors.ts'
export type { NewSchedule, NewWorkflow, Schedule } from './schedules.ts'
export type { Job, JobSummary, Robot, TriggerEvent, Workflow, WorkflowSummary } from './view.ts'

const NAMES = { host: 'host', http: 'port', robots: 'port' }
const STOP_GRACE_SECONDS = 30

interface Running {
  readonly fleet: Fleet
  readonly waiters: JobWaiters
  readonly listeners: Listener[]
}

/**
 * The orchestrator inside a program: the same events, rules and storage as behind the HTTP API, without HTTP. Refused
 * calls throw a `RefusedError`. Only one engine at a time can use a data folder.
 */
export class OrchestratorEngine {
  readonly #options: ResolvedOptions
  #running: Running | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  /** Throws a `TypeError` for invalid options. Opens nothing before `start`. */
  constructor(options: EngineOptions = {}) {
    this.#options = resolveOptions(options)
  }

  /** Opens the store; after that jobs can be submitted. An engine can be started once. */
  start(): Promise<void> {
    if (this.#starting !== undefined) return Promise.reject(new Error('An engine is started once'))
    this.#starting = this.#open()
    return this.#starting
  }

  /** Listens for robots. Resolves with the port. */
  async startServer({ host = '127.0.0.1', port = 8765 }: Address = {}): Promise<{ readonly port: number }> {
    const { fleet, listeners } = this.#on
    const listener = await listenRobots(onlyFleet(fleet), host, port, NAMES)
    listeners.push(listener)
    return { port: listener.port }
  }

  /** Serves the HTTP API and webhooks, and robots at `/ws`. `createKey` makes keys for it. */
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

  /**
   * Submits up to 1,000 jobs in one transaction, each of which is accepted or refused by itself. Resolves with an outcome for
   * each, in order: the job, or the error that `submitJob` would have thrown. Throws if none of them was looked at.
   */
  submitBatch(jobs: readonly NewJob[]): Promise<readonly BatchedJob[]> {
    return this.#with((fleet, by) => submitNewJobs(fleet, jobs, by))
  }

  /** Cancels a job. Resolves with false if it does not exist or has already ended. */
  cancelJob(jobId: string, reason?: string): Promise<boolean> {
    return this.#with((fleet, by) => cancelJob(fleet, jobId, reason, by))
  }

  /**
   * Declares that the robot which was offered this job, and has not answered, has not started it; the job is offered
   * anew. Rejects with `CONFLICT` when the robot has accepted it or may still answer, and when the job has ended.
   */
  releaseJob(jobId: string, reason?: string): Promise<Job> {
    return this.#with((fleet, by) => releaseJob(fleet, jobId, reason, by))
  }

  /** Repeats a job that has ended: a new job with the same request, whose `retryOf` is the old one. */
  retryJob(jobId: string): Promise<Job> {
    return this.#with((fleet, by) => retryEndedJob(fleet, jobId, by))
  }

  /** The job as stored, or undefined. */
  async getJob(jobId: string): Promise<Job | undefined> {
    const { fleet } = this.#on
    const job = await fleet.queries.job(jobId as JobId)
    return job === undefined ? undefined : wholeJob(fleet, job)
  }

  /** Jobs as stored, newest first, without definitions and logs. */
  listJobs(filter: JobFilter = {}): Promise<Page<JobSummary>> {
    return this.#with((fleet) => listJobs(fleet, filter))
  }

  /** Resolves with the job once it has ended, successfully or not. Rejects if the engine stops first. */
  async waitForJob(jobId: string, options: { readonly signal?: AbortSignal } = {}): Promise<Job> {
    return this.#on.waiters.waitForEnd(jobId as JobId, options.signal)
  }

  /** Explains why a job is not running, and which single change would let it run now. */
  explain(jobId: string): Promise<JobExplanation> {
    return this.#with((fleet) => explainJob(fleet, jobId))
  }

  /** Registers a robot before it has connected, or changes its record. The fields that it registers with later win. */
  registerRobot(robot: NewRobotRecord): Promise<Robot> {
    return this.#with((fleet) => registerRobot(fleet, robot))
  }

  /** The present state of a robot, or undefined. */
  getRobot(robotId: string): Promise<Robot | undefined> {
    return this.#with((fleet) => getRobot(fleet, robotId))
  }

  /** The present state of every robot. */
  listRobots(options: PageOptions = {}): Promise<Page<Robot>> {
    return this.#with((fleet) => listRobots(fleet, options))
  }

  /** Makes a key for a robot (`robots:connect`) or for the HTTP API. It is returned only here; its hash is stored. */
  async createKey(key: NewApiKey): Promise<string> {
    const { name, scopes, robot_id } = readInput(requireObject(key), NewKey)
    return createKey(this.#on.fleet, name, scopes, { robot: robot_id })
  }

  /**
   * Saves a workflow, creating it if unknown, and makes the new version the one that jobs run. Resolves with its id.
   */
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

  /** The events of a trigger that was created over HTTP, with their outcomes, newest first. */
  listTriggerEvents(triggerId: string, options: PageOptions = {}): Promise<Page<TriggerEvent>> {
    return this.#with((fleet) => listTriggerEvents(fleet, triggerId, options))
  }

  /** Creates a schedule for a published workflow. Resolves with it once it is durable. */
  createSchedule(schedule: NewSchedule): Promise<Schedule> {
    return this.#with((fleet, by) => createSchedule(fleet, schedule, by))
  }

  /** A schedule, or undefined. */
  getSchedule(scheduleId: string): Promise<Schedule | undefined> {
    return this.#with((fleet) => getSchedule(fleet, scheduleId))
  }

  /** Every schedule, including those that will not be due again. */
  listSchedules(options: PageOptions = {}): Promise<Page<Schedule>> {
    return this.#with((fleet) => listSchedules(fleet, options))
  }

  /** The schedules that are due next, nearest first. */
  getUpcomingSchedules({ limit = 10 }: { readonly limit?: number } = {}): readonly Schedule[] {
    return upcoming(this.#on.fleet.state.schedules.values(), limit).map(scheduleOf)
  }

  /** The present numbers of waiting and running jobs. */
  getQueueStats(): Camel<ReturnType<typeof queueStats>> {
    return camel(queueStats(this.#on.fleet.state))
  }

  /** The present numbers of robots, and their utilisation. */
  getDispatcherStats(): Camel<ReturnType<typeof dispatcherStats>> {
    const { pools, ...stats } = dispatcherStats(this.#on.fleet.state)
    // Names of pools are chosen by users, and stay as they are.
    return { ...camel(stats), pools }
  }

  /**
   * Accepts and offers nothing new, gives running jobs time to end, and closes every connection and the store. With a
   * data folder, jobs that continue on their robots are adopted at the next start. Calling it again changes nothing.
   */
  stop({ graceSeconds = STOP_GRACE_SECONDS }: { readonly graceSeconds?: number } = {}): Promise<void> {
    this.#stopping ??= this.#close(graceSeconds * 1000)
    return this.#stopping
  }

  get #on(): Running {
    if (this.#running === undefined) throw new Error('The engine is not running: call start() first')
    return this.#running
  }

  /** Runs a call so that every error is a rejection. */
  async #with<T>(run: (fleet: Fleet, by: string) => Promise<T>): Promise<T> {
    return run(this.#on.fleet, this.#options.actor)
  }

  async #open(): Promise<void> {
    const { log, loadBalancing, defaultJobTimeout, robotsAuth } = this.#options
    const platform = nodePlatform()
    // Calls from the same process have no rate limit; keys over HTTP and webhooks do.
    const settings = { ...DEFAULTS, strategy: loadBalancing, jobTimeoutMs: defaultJobTimeout * 1000, robotsAuth }
    const fleet = await openFleet(
      await openEngineStore(this.#options),
      log === undefined ? platform : { ...platform, log },
      settings,
      (error) => this.#running?.waiters.failed(error),
    )
    for (const line of ignoredOptions(this.#options)) fleet.platform.log('warn', line)
    this.#running = { fleet, waiters: new JobWaiters(fleet), listeners: [] }
  }

  async #close(graceMs: number): Promise<void> {
    // Before waiting: jobs submitted after `stop` was called are refused.
    this.#running?.fleet.drain()
    await this.#starting?.catch(() => {})
    if (this.#running === undefined) return
    const { fleet, waiters, listeners } = this.#running
    fleet.drain()
    await fleet.whenIdle()
    await whenDrained(fleet, graceMs)
    this.#running = undefined
    await waiters.stop()
    await Promise.all(listeners.map((listener) => listener.finish()))
    await fleet.stop()
    await closeAll(listeners)
  }
}
