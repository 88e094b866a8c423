import { REPERTOIRE_NAMES } from '../core/protocol/repertoire.ts'
import { apiOf } from './calls.ts'
import type { JobHandler } from './job.ts'
import { problemWithKey } from '../core/records/key.ts'

/** Everything that a robot waits for, in milliseconds. The defaults suit production; tests make them short. */
const TIMINGS = {
  /** How soon after a terminal message the heartbeat follows whose answer confirms it. */
  confirmMs: 250,
  /** The least time between two progress messages of one job. The last report of each interval is sent. */
  progressMs: 250,
  /** How long log lines wait for company before they are sent as one batch. */
  logsMs: 1_000,
  /** How long logs and progress pause after the orchestrator refused one for its rate. */
  pauseMs: 5_000,
  /** Within this, a connection has to be open and the registration answered; twice as long after each failure. */
  registerMs: 10_000,
  /** Added to two heartbeat intervals: a server that is silent for longer is taken for gone. */
  silenceMs: 10_000,
  backoffBaseMs: 500,
  backoffCapMs: 60_000,
  /** How long a handler may go on after its signal was aborted before the robot answers without it. */
  abortGraceMs: 5_000,
  /** How long `stop` waits, once no job runs, for results to be confirmed and for the last log lines to leave. */
  confirmWaitMs: 5_000,
} as const

export type Timings = { readonly [K in keyof typeof TIMINGS]: number }

export interface RobotOptions {
  /** Where the orchestrator listens: `ws://` or `wss://`. */
  readonly url: string
  /** The robot's API key. Sent in the upgrade's `Authorization` header and in the registration. */
  readonly key?: string | undefined
  /** The HTTP API, where jobs call other workflows. Without it: beside `url`. */
  readonly api?: string | undefined
  /** The identity that the key is bound to. */
  readonly id: string
  readonly name?: string | undefined
  readonly environment?: string | undefined
  readonly maxConcurrentJobs?: number | undefined
  readonly tags?: readonly string[] | undefined
  /**
   * What a job may ask for, by name. Three of them say what the robot runs, each a list of texts: `workflows`, `formats` and
   * `node_types`. `workflows` are those that have handlers, unless there is a `runner` and none of the three.
   */
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined
  /** What runs the jobs of one workflow, by workflow id. */
  readonly handlers?: Readonly<Record<string, JobHandler>> | undefined
  /** What runs every other job. Without it, jobs of unknown workflows are rejected. */
  readonly runner?: JobHandler | undefined
  /**
   * The file in which the robot keeps what it knows of its jobs over a restart of its process. Without it: one for this
   * robot and this orchestrator where the system keeps such things of a user. `false`: none.
   */
  readonly stateFile?: string | false | undefined
  /** The heartbeat interval. Without it, the orchestrator's choice is adopted, and 30 s until it has told. */
  readonly heartbeatMs?: number | undefined
  /** Progress and log messages that the robot sends in a minute, over all jobs. Terminal messages are never held. */
  readonly telemetryPerMinute?: number | undefined
  readonly timings?: Partial<Timings> | undefined
  /** Called for everything worth telling. What it throws is dropped. */
  readonly onEvent?: ((event: RobotEvent) => void) | undefined
}

/** Why a robot does not run any more. Only `stopped` was asked for on this side. */
export type StopReason = 'stopped' | 'shutdown' | 'refused' | 'replaced'

type JobEnd = 'completed' | 'failed' | 'cancelled'

export type RobotEvent =
  | { readonly type: 'registered' }
  | { readonly type: 'disconnected'; readonly code: number; readonly reason: string; readonly retryMs: number }
  | { readonly type: 'job.accepted'; readonly jobId: string; readonly workflowName: string; readonly attempt: number }
  | { readonly type: 'job.rejected'; readonly jobId: string; readonly reason: string }
  | { readonly type: 'job.ended'; readonly jobId: string; readonly as: JobEnd; readonly message: string }
  | { readonly type: 'job.confirmed'; readonly jobId: string }
  | { readonly type: 'paused' }
  | { readonly type: 'resumed' }
  | { readonly type: 'draining'; readonly jobs: number }
  /** Something that the robot could not use: an unknown message, a refusal by the server, a bug in a callback. */
  | { readonly type: 'warning'; readonly message: string }
  /** The robot cannot go on. A `stopped` follows. */
  | { readonly type: 'error'; readonly error: Error }
  | { readonly type: 'stopped'; readonly reason: StopReason }

/** The options with every default filled in. */
export interface Settings {
  readonly url: string
  readonly api: string
  readonly key: string | undefined
  readonly id: string
  readonly name: string
  readonly environment: string
  readonly slots: number
  readonly tags: readonly string[]
  readonly capabilities: Readonly<Record<string, unknown>>
  readonly handlers: ReadonlyMap<string, JobHandler>
  readonly runner: JobHandler | undefined
  readonly stateFile: string | false | undefined
  readonly heartbeatMs: number | undefined
  readonly telemetryPerMinute: number
  readonly timings: Timings
}

/** Fills in the defaults. Throws a `TypeError` that names the option which is not usable. */
export function resolveOptions(options: RobotOptions): Settings {
  const { id, name = id, environment = 'default', maxConcurrentJobs = 1, telemetryPerMinute = 60 } = options
  if (!/^wss?:$/.test(protocolOf(options.url))) {
    throw new TypeError(`url must start with ws:// or wss://: ${options.url}`)
  }
  if (options.api !== undefined && !/^https?:$/.test(protocolOf(options.api))) {
    throw new TypeError(`api must start with http:// or https://: ${options.api}`)
  }
  const wrong = options.key === undefined ? null : problemWithKey(options.key)
  if (wrong !== null) throw new TypeError(`key ${wrong}`)
  if (id === '') throw new TypeError('id must not be empty')
  if (!Number.isInteger(maxConcurrentJobs) || maxConcurrentJobs < 1) {
    throw new TypeError('maxConcurrentJobs must be a whole number from 1')
  }
  if (options.runner === undefined && Object.keys(options.handlers ?? {}).length === 0) {
    throw new TypeError('handlers or runner must be given: the robot could not run any job')
  }
  return {
    url: options.url,
    api: (options.api ?? apiOf(options.url)).replace(/\/$/, ''),
    key: options.key,
    id,
    name,
    environment,
    slots: maxConcurrentJobs,
    tags: options.tags ?? [],
    capabilities: capabilitiesOf(options),
    handlers: new Map(Object.entries(options.handlers ?? {})),
    runner: options.runner,
    stateFile: options.stateFile,
    heartbeatMs: options.heartbeatMs,
    telemetryPerMinute,
    timings: { ...TIMINGS, ...options.timings },
  }
}

/** What runs by a handler is said, unless the robot is to be offered every job: its runner has not said what it runs. */
function capabilitiesOf({ capabilities = {}, handlers = {}, runner }: RobotOptions): Settings['capabilities'] {
  const workflows = Object.keys(handlers)
  const says = REPERTOIRE_NAMES.some((name) => Object.hasOwn(capabilities, name))
  const silent = workflows.length === 0 || (runner !== undefined && !says)
  return silent ? capabilities : { workflows, ...capabilities }
}

/** One line for people about one event. */
export function describe(event: RobotEvent): string {
  switch (event.type) {
    case 'registered':
      return 'registered, waiting for jobs'
    case 'disconnected':
      return `disconnected (${event.code}${event.reason && ` ${event.reason}`}), next try in ${event.retryMs} ms`
    case 'job.accepted':
      return `job ${event.jobId} accepted: ${event.workflowName} (attempt ${event.attempt})`
    case 'job.rejected':
      return `job ${event.jobId} rejected: ${event.reason}`
    case 'job.ended':
      return `job ${event.jobId} ${event.as}${event.message && `: ${event.message}`}`
    case 'job.confirmed':
      return `job ${event.jobId}: the orchestrator has the result`
    case 'draining':
      return `taking no more jobs, ${event.jobs} still running`
    case 'warning':
      return `warning: ${event.message}`
    case 'error':
      return `error: ${event.error.message}`
    case 'stopped':
      return `stopped (${event.reason})`
    case 'paused':
    case 'resumed':
      return event.type
  }
}

function protocolOf(url: string): string {
  try {
    return new URL(url).protocol
  } catch {
    return ''
  }
}
