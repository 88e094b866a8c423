import { REPERTOIRE_NAMES } from '../core/protocol/repertoire.ts'
import { apiOf } from './calls.ts'
import type { JobHandler } from './job.ts'
import { problemWithKey } from '../core/base/secret.ts'

/** Every duration that a robot waits for, in milliseconds. The defaults suit production; tests shorten them. */
const TIMINGS = {
  /** The delay from a terminal message to the heartbeat whose answer confirms it. */
  confirmMs: 250,
  /** The least time between two progress messages of one job. The last report of each interval is sent. */
  progressMs: 250,
  /** The longest time that a log line waits to be sent in a batch with others. */
  logsMs: 1_000,
  /** The pause of logs and progress after the orchestrator refused one for its rate. */
  pauseMs: 5_000,
  /** The time within which a connection has to be open and the registration answered; doubled after each failure. */
  registerMs: 10_000,
  /** Added to two heartbeat intervals: a server that is silent for longer is considered lost. */
  silenceMs: 10_000,
  backoffBaseMs: 500,
  backoffCapMs: 60_000,
  /** The time that a handler may continue after its signal was aborted. After that the robot answers without it. */
  abortGraceMs: 5_000,
  /** The time that `stop` waits, once no job runs, for confirmation of results and for the last log lines to leave. */
  confirmWaitMs: 5_000,
} as const

export type Timings = { readonly [K in keyof typeof TIMINGS]: number }

export interface RobotOptions {
  /** The address for robots: `ws://` or `wss://`. */
  readonly url: string
  /** The robot's API key. Sent in the upgrade's `Authorization` header and in the registration. */
  readonly key?: string | undefined
  /** The HTTP API, through which jobs call other workflows. By default derived from `url`. */
  readonly api?: string | undefined
  /** The identity that the key is bound to. */
  readonly id: string
  readonly name?: string | undefined
  readonly environment?: string | undefined
  readonly maxConcurrentJobs?: number | undefined
  readonly tags?: readonly string[] | undefined
  /**
   * Capabilities that jobs can require by name. Three of them declare what the robot runs, each a list of texts:
   * `workflows`, `formats` and `node_types`. By default `workflows` lists the workflows with handlers, unless there is
   * a `runner`.
   */
  readonly capabilities?: Readonly<Record<string, unknown>> | undefined
  /** Handlers by workflow id. */
  readonly handlers?: Readonly<Record<string, JobHandler>> | undefined
  /** Runs every other job. Without it, jobs of other workflows are rejected. */
  readonly runner?: JobHandler | undefined
  /**
   * The file in which the robot keeps the state of its jobs over a restart of the process. By default a file for this
   * robot and orchestrator in the user's state folder. `false`: none.
   */
  readonly stateFile?: string | false | undefined
  /** The heartbeat interval. By default the orchestrator's choice, and 30 s until that is known. */
  readonly heartbeatMs?: number | undefined
  /** The limit of progress and log messages per minute, over all jobs. Terminal messages are never held back. */
  readonly telemetryPerMinute?: number | undefined
  readonly timings?: Partial<Timings> | undefined
  /** Called for every notable event. Errors that it throws are dropped. */
  readonly onEvent?: ((event: RobotEvent) => void) | undefined
}

/** The reason why a robot has stopped. Only `stopped` was requested on this side. */
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
  /** A problem that the robot continues from: an unknown message, a refusal by the server, a bug in a callback. */
  | { readonly type: 'warning'; readonly message: string }
  /** The robot cannot continue. A `stopped` follows. */
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

/** Fills in the defaults. Throws a `TypeError` that names the invalid option. */
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

/**
 * Declares the workflows with handlers, unless a runner is given that has declared nothing: then the robot is offered
 * every job.
 */
function capabilitiesOf({ capabilities = {}, handlers = {}, runner }: RobotOptions): Settings['capabilities'] {
  const workflows = Object.keys(handlers)
  const says = REPERTOIRE_NAMES.some((name) => Object.hasOwn(capabilities, name))
  const silent = workflows.length === 0 || (runner !== undefined && !says)
  return silent ? capabilities : { workflows, ...capabilities }
}

/** Describes an event in one line for people. */
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
