import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import pkg from '../package.json' with { type: 'json' }
import { explain } from '../core/explain.ts'
import type { JobId, KeyId, RobotId } from '../core/ids.ts'
import { DEFAULTS } from '../core/limits.ts'
import { presence } from '../core/presence.ts'
import { notFound } from '../core/protocol/refusal.ts'
import { Cancellation, NewKey, NewRobot, Release, Submission } from '../core/protocol/request.ts'
import { upcoming } from '../core/schedule.ts'
import { dispatcherStats, queueStats } from '../core/stats.ts'
import {
  type EngineOptions,
  fieldsOf,
  type NewApiKey,
  type NewJob,
  type NewRobotRecord,
  read,
  settle,
  type SettledOptions,
} from './engine/input.ts'
import { type Camel, camel } from './engine/names.ts'
import { answerOf, errorOf, taken } from './engine/refused.ts'
import {
  createSchedule,
  type NewSchedule,
  type NewWorkflow,
  publishWorkflow,
  type Schedule,
  scheduleOf,
} from './engine/schedules.ts'
import { type Job, jobOf, type Robot, robotOf } from './engine/view.ts'
import { quiet, Waiting } from './engine/waiting.ts'
import { type Fleet, openFleet } from './fleet.ts'
import { httpApp } from './http/app.ts'
import { createKey } from './library.ts'
import { closeAll, type Listener, listenHttp, listenRobots, onlyFleet } from './node/listen.ts'
import { nodePlatform } from './node/platform.ts'
import type { Store } from './store/contract.ts'
import { memoryStore } from './store/memory.ts'
import { durabilityOf, openFolder, openStore, type Place } from './store/open.ts'
import { idempotencyOf, retrying, submission } from './submission.ts'

export type { EngineOptions, NewApiKey, NewJob, NewRobotRecord } from './engine/input.ts'
export { RefusedError } from './engine/refused.ts'
export type { NewSchedule, NewWorkflow, Schedule } from './engine/schedules.ts'
export type { Job, Robot } from './engine/view.ts'

/** How urgent a job is; larger is more urgent. */
export const JobPriority = { LOW: 0, NORMAL: 1, HIGH: 2, CRITICAL: 3 } as const
export type JobPriority = (typeof JobPriority)[keyof typeof JobPriority]

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
  readonly waiting: Waiting
  readonly listeners: Listener[]
}

/**
 * The orchestrator inside a program: the same events, rules and storage as behind the HTTP API, without HTTP. A refusal
 * is a `RefusedError`. Only one engine at a time may work on one data folder.
 */
export class OrchestratorEngine {
  readonly #options: SettledOptions
  #running: Running | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined

  /** Throws a `TypeError` for options that cannot be used. Nothing is opened before `start`. */
  constructor(options: EngineOptions = {}) {
    this.#options = settle(options)
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
    const app = httpApp(fleet, { version: pkg.version, durability: durabilityOf(this.#place) })
    const listener = await listenHttp((request) => app.fetch(request), onlyFleet(fleet), host, port, NAMES)
    listeners.push(listener)
    return { port: listener.port }
  }

  /** Resolves with the job once it is durable. */
  async submitJob(job: NewJob): Promise<Job> {
    const { fleet } = this.#on
    const { idempotencyKey, ...fields } = fieldsOf(job) as NewJob
    const body = read(fields, Submission, { params: 'parameters' })
    const by = this.#options.actor
    const once = taken(idempotencyOf(idempotencyKey, { id: `engine:${by}` as KeyId }, body))
    return jobOf(answerOf(await fleet.request(taken(submission(fleet.platform, body, by, null, once))), 'job').job)
  }

  /** Calls a job off. False when there is no such job, or it has ended already. */
  async cancelJob(jobId: string, reason?: string): Promise<boolean> {
    const body = read({ reason }, Cancellation)
    const answer = await this.#on.fleet.request((reply) => ({
      type: 'cancel.requested',
      reply,
      job: jobId as JobId,
      by: this.#options.actor,
      reason: body.reason,
    }))
    if (answer.type === 'refusal' && ['NOT_FOUND', 'CONFLICT'].includes(answer.refusal.refused)) return false
    return answerOf(answer, 'job').job.status === 'cancelled'
  }

  /**
   * Says that the robot which has been offered this job, and has not answered, has not started it: it is offered anew.
   * Rejects with `CONFLICT` when the robot has accepted it or may still answer, and when it has ended.
   */
  async releaseJob(jobId: string, reason?: string): Promise<Job> {
    const body = read({ reason }, Release)
    const answer = await this.#on.fleet.request((reply) => ({
      type: 'release.requested',
      reply,
      job: jobId as JobId,
      by: this.#options.actor,
      reason: body.reason,
    }))
    return jobOf(answerOf(answer, 'job').job)
  }

  /** Runs a job that has ended again: a new job with everything that was asked for, whose `retryOf` is the old one. */
  async retryJob(jobId: string): Promise<Job> {
    const { fleet } = this.#on
    const event = taken(await retrying(fleet, String(jobId) as JobId, 'retry', this.#options.actor))
    return jobOf(answerOf(await fleet.request(event), 'job').job)
  }

  /** The job as it is on disk, or undefined. */
  async getJob(jobId: string): Promise<Job | undefined> {
    const job = await this.#on.fleet.queries.job(jobId as JobId)
    return job === undefined ? undefined : jobOf(job)
  }

  /** Resolves with the job once it has ended, however it ended. Rejects when the engine stops first. */
  async waitForJob(jobId: string, options: { readonly signal?: AbortSignal } = {}): Promise<Job> {
    return jobOf(await this.#on.waiting.ended(jobId as JobId, options.signal))
  }

  /** Why a job is not running, and what single change would let it run now. */
  async explain(jobId: string): Promise<Camel<ReturnType<typeof explain>>> {
    const { fleet } = this.#on
    const job = fleet.state.jobs.get(jobId as JobId) ?? await fleet.queries.job(jobId as JobId)
    if (job === undefined) throw errorOf(notFound('Job', String(jobId)))
    return camel(explain(fleet.state, job, fleet.platform.now()))
  }

  /** Puts a robot on record before it has connected, or changes it there. What it says when it registers wins. */
  async registerRobot(robot: NewRobotRecord): Promise<Robot> {
    const { fleet } = this.#on
    const body = read(fieldsOf(robot), NewRobot, { robotId: 'id' })
    const answer = await fleet.request((reply) => ({
      type: 'robot.saved',
      reply,
      robot: (body.id ?? fleet.platform.rowId()) as RobotId,
      mode: 'upsert',
      name: body.name,
      environment: body.environment,
      maxConcurrentJobs: body.max_concurrent_jobs,
      tags: body.tags,
      capabilities: body.capabilities,
    }))
    const saved = answerOf(answer, 'robot').robot
    return robotOf(saved, presence(fleet.state, saved.id))
  }

  /** Makes a key for a robot (`robots:connect`) or for the HTTP API. It is told this once; what is kept is its hash. */
  async createKey(key: NewApiKey): Promise<string> {
    const { name, scopes, robot_id } = read(fieldsOf(key), NewKey)
    return createKey(this.#on.fleet, name, scopes, { robot: robot_id })
  }

  /** Saves a workflow, new or known, and makes it what jobs run. Resolves with its id. */
  async publishWorkflow(workflow: NewWorkflow): Promise<string> {
    return publishWorkflow(this.#on.fleet, workflow, this.#options.actor)
  }

  /** Has a published workflow run at times. Resolves with the schedule once it is durable. */
  async createSchedule(schedule: NewSchedule): Promise<Schedule> {
    return createSchedule(this.#on.fleet, schedule, this.#options.actor)
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

  async #open(): Promise<void> {
    const { log, loadBalancing, defaultJobTimeout, robotsAuth } = this.#options
    const platform = nodePlatform()
    // Who calls from the same process is held to no rate; over HTTP, keys and webhooks are.
    const settings = { ...DEFAULTS, strategy: loadBalancing, jobTimeoutMs: defaultJobTimeout * 1000, robotsAuth }
    const fleet = await openFleet(await this.#store(), log === undefined ? platform : { ...platform, log }, settings, (
      error,
    ) => this.#running?.waiting.stop(error))
    this.#running = { fleet, waiting: new Waiting(fleet), listeners: [] }
  }

  get #place(): Omit<Place, 'path'> {
    const { database = '', ...rest } = this.#options
    return { ...rest, database }
  }

  async #store(): Promise<Store> {
    const { data, database } = this.#options
    // With a server there is no file.
    if (data === undefined) return database === undefined ? memoryStore() : openStore({ ...this.#place, path: '' })
    await mkdir(resolve(data), { recursive: true })
    return openFolder(resolve(data), this.#place)
  }

  async #close(graceMs: number): Promise<void> {
    // At once: what is submitted after `stop` was called is refused.
    this.#running?.fleet.drain()
    await this.#starting?.catch(() => {})
    if (this.#running === undefined) return
    const { fleet, waiting, listeners } = this.#running
    fleet.drain()
    await fleet.idle()
    await quiet(fleet, graceMs)
    this.#running = undefined
    waiting.stop(new Error('The engine was stopped before the job had ended'))
    await Promise.all(listeners.map((listener) => listener.finish()))
    await fleet.stop()
    await closeAll(listeners)
  }
}
