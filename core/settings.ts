import type { Millis } from './base/ids.ts'

/** DESIGN.md 5.2. */
export const STRATEGY_NAMES = ['least_loaded', 'round_robin', 'random', 'affinity', 'capability_match'] as const
export type Strategy = (typeof STRATEGY_NAMES)[number]

/**
 * The size of a trigger event's payload: as large as a robot's result with its metadata. A row has room for two million
 * bytes.
 */
export const EVENT_BYTES_MAX = (1 << 20) + (1 << 16)

/** The number of ancestors that a called or following job may have. */
export const CALL_DEPTH_MAX = 10

/** Every limit and every duration, in one place. Every queue has its limit here, and a full one refuses. */
export interface Settings {
  /** `key`: robots need a key. `open`: any client may connect as any robot; for a lab. */
  readonly robotsAuth: 'key' | 'open'
  /** The interval that robots are asked to keep; any frame counts as a sign of life. */
  readonly heartbeatMs: Millis
  /** A connection without a frame for this long is dead: three heartbeats and a margin. */
  readonly leaseMs: Millis
  /** The time for a disconnected robot to return to its jobs. Robots back off for up to 60 s. */
  readonly graceMs: Millis
  /** The time for a robot to answer an offer. */
  readonly offerMs: Millis
  /** The time for a socket to register. */
  readonly registerMs: Millis
  /** The pause after the first refused offer; doubles with each, up to `backoffMsMax`. */
  readonly backoffMs: Millis
  readonly backoffMsMax: Millis
  /** The waiting time that raises a job's priority by one. */
  readonly agingMs: Millis
  /** A job that no robot accepts for this long ends in `timeout`. */
  readonly queueTtlMs: Millis
  /** The timeout of a job if neither it nor its workflow sets one. */
  readonly jobTimeoutMs: Millis
  /** The maximum age of `last_seen` on disk. */
  readonly seenMs: Millis
  /** The maximum of jobs that have not ended. Beyond it, submissions are refused. */
  readonly liveJobsMax: number
  /** The maximum of jobs that may follow from a submitted one, by calls and ends, in total. */
  readonly descendantsMax: number
  /** The strategy to choose among suitable robots. */
  readonly strategy: Strategy
  /** The time after a job's submission in which an equal one counts as a duplicate, even if the first has ended. */
  readonly duplicateMs: Millis
  /** The time for which an idempotency key is remembered. */
  readonly idempotencyMs: Millis
  /**
   * Pending jobs that become ready later than this from now stay on disk. At least twice `backoffMsMax`, so that a job
   * in back-off stays in memory, where its schedule looks for it.
   */
  readonly horizonMs: Millis
  /** The time for a robot to answer a status request. */
  readonly statusMs: Millis
  /** The maximum of starts of a job whose robots are lost, even if it is always safe to retry. */
  readonly lostTriesMax: number
  /** The pauses before further tries of a delivery; after the last one it has failed. */
  readonly deliveryBackoffMs: readonly Millis[]
  /** A webhook without a success for this long is disabled. */
  readonly webhookFailingMs: Millis
  /** The time for which deliveries can be listed and replayed. */
  readonly deliveryKeptMs: Millis
  readonly webhooksMax: number
  /** Calls of webhooks in flight, in total. One of each webhook may be in flight beyond it. */
  readonly webhookRequestsMax: number
  /** The same of one webhook. While it fails, it has one. */
  readonly webhookRequestsMaxEach: number
  /** Webhooks may have private addresses, and need no TLS; for a lab, or a trusted network. */
  readonly webhooksAllowPrivate: boolean
  /**
   * The hosts that mailboxes may be at: `*` for the internet, names, addresses and networks, each with its port unless
   * it is the usual one.
   */
  readonly mailboxHosts: readonly string[]
  readonly robotsMax: number
  readonly schedulesMax: number
  readonly socketsMax: number
  /** Unregistered connections of one network. */
  readonly unregisteredSocketsMax: number
  /** Messages that a robot may send per window. 0: no limit, as with the limits below. */
  readonly robotMessagesMax: number
  readonly robotMessagesMs: Millis
  /** Bytes that a robot may send per second, and sixteen times as many at once. 0: no limit. */
  readonly robotBytesPerSecond: number
  /** Bytes of log lines and progress that are written per minute for a robot, and half as many for each job. */
  readonly robotDiskBytesPerMinute: number
  /** Jobs that calls of one webhook trigger may make per window. */
  readonly webhookCallsMax: number
  readonly webhookCallsMs: Millis
  /** Jobs that may be submitted with one key per window. */
  readonly submissionsMax: number
  readonly submissionsMs: Millis
  /** Wrong keys, secrets and signatures that one address may send in how long before it is refused. 0: no limit. */
  readonly wrongKeysMax: number
  readonly wrongKeysMs: Millis
  /** Addresses and ranges of proxies whose `X-Forwarded-For` is trusted. */
  readonly trustedProxies: readonly string[]
  /**
   * Origins of web pages, besides our own, that may connect, send forms, and call webhook triggers without a secret.
   */
  readonly allowedOrigins: readonly string[]
  /** Origins of web pages that may call the API with a key, and read its answers. */
  readonly corsOrigins: readonly string[]
  /** Open fleets of one process, besides the default one. */
  readonly fleetsOpenMax: number
  /** The time after which an idle fleet is closed. */
  readonly fleetIdleMs: Millis
}

const SECOND = 1000
const MINUTE = 60 * SECOND

export const DEFAULTS: Settings = {
  robotsAuth: 'key',
  heartbeatMs: 30 * SECOND,
  leaseMs: 100 * SECOND,
  graceMs: 2 * MINUTE,
  offerMs: 15 * SECOND,
  registerMs: 10 * SECOND,
  backoffMs: 5 * SECOND,
  backoffMsMax: 5 * MINUTE,
  agingMs: 10 * MINUTE,
  queueTtlMs: 7 * 24 * 60 * MINUTE,
  jobTimeoutMs: 60 * MINUTE,
  seenMs: MINUTE,
  liveJobsMax: 200_000,
  descendantsMax: 1_000,
  strategy: 'least_loaded',
  duplicateMs: 5 * MINUTE,
  idempotencyMs: 24 * 60 * MINUTE,
  horizonMs: 60 * MINUTE,
  statusMs: 10 * SECOND,
  lostTriesMax: 5,
  // As in the Standard Webhooks specification, up to a total of more than a day.
  deliveryBackoffMs: [
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    120 * MINUTE,
    300 * MINUTE,
    600 * MINUTE,
    840 * MINUTE,
  ],
  webhookFailingMs: 24 * 60 * MINUTE,
  deliveryKeptMs: 7 * 24 * 60 * MINUTE,
  webhooksMax: 100,
  webhookRequestsMax: 64,
  webhookRequestsMaxEach: 8,
  webhooksAllowPrivate: false,
  mailboxHosts: ['*'],
  robotsMax: 10_000,
  schedulesMax: 100_000,
  socketsMax: 20_000,
  unregisteredSocketsMax: 500,
  robotMessagesMax: 100,
  robotMessagesMs: MINUTE,
  robotBytesPerSecond: 8 << 20,
  robotDiskBytesPerMinute: 8 << 20,
  webhookCallsMax: 10,
  webhookCallsMs: MINUTE,
  submissionsMax: 50,
  submissionsMs: MINUTE,
  wrongKeysMax: 20,
  wrongKeysMs: MINUTE,
  trustedProxies: [],
  allowedOrigins: [],
  corsOrigins: [],
  fleetsOpenMax: 100,
  fleetIdleMs: 5 * MINUTE,
}

/** No rate limits: for tests, benchmarks, and trusted environments. */
export const UNLIMITED = {
  robotMessagesMax: 0,
  robotBytesPerSecond: 0,
  robotDiskBytesPerMinute: 0,
  webhookCallsMax: 0,
  submissionsMax: 0,
  wrongKeysMax: 0,
} as const satisfies Partial<Settings>

/** A robot without jobs is disconnected at this multiple of its message limit in one window. */
export const ABUSE_FACTOR = 10
/** The burst that a robot may send, in seconds of its byte rate, for instance the results held back by an outage. */
export const BURST_SECONDS = 16

/** The budget of a connection before it registers: a few messages, and the bytes of a large registration. */
export const UNREGISTERED_FRAMES_MAX = 20
export const UNREGISTERED_BYTES_MAX = 1 << 16
/** The unsent bytes of an unregistered connection. All answers to it together are smaller. */
export const UNREGISTERED_UNSENT_BYTES_MAX = 1 << 16
/** The factor by which closing connections may exceed the limit of connections, since they may take their time. */
export const CLOSING_FACTOR = 2

/** Log lines per batch, announced in `register_ack`. */
export const LOG_BATCH_MAX = 100
/** The number of lines of a job's log. One more line states how many were left out. */
export const LOG_LINES_MAX = 100_000
/** The same in bytes. */
export const LOG_BYTES_MAX = 64 << 20
/** The bytes of a row besides its text. */
export const ROW_BYTES = 200
/** Message ids with log lines that are remembered per robot: those of ten minutes at most. */
export const LOG_MESSAGES_MAX = 1_000
/** Late log lines are accepted for this long after a job has ended: the line that explains the end is often late. */
export const LATE_LOG_MS: Millis = 10 * MINUTE
/**
 * The size of a job's parameters and result together: a row of a Durable Object holds two megabytes, and the limit is
 * the same everywhere.
 */
export const JOB_TEXT_BYTES_MAX = 1_800_000
/** The size in bytes up to which the parameters of a job stay in memory with it. Longer ones are in the store alone. */
export const PARAMETERS_IN_MEMORY_BYTES = 100
/** The bytes of a `job_assign` besides definition and parameters. */
export const ASSIGN_OVERHEAD_BYTES = 8_192
/** The most events in one turn; the rest waits for the next. */
export const TURN_EVENTS_MAX = 4_096
/** The time for a receiver to answer. */
export const WEBHOOK_REQUEST_MS: Millis = 15 * SECOND
/** A webhook lags if a delivery has been due for longer than this. */
export const WEBHOOK_LAG_MS: Millis = MINUTE
/** A webhook that still lags is reported again after this time. */
export const WEBHOOK_LAG_REPORT_MS: Millis = 60 * MINUTE
/** Pending deliveries of a webhook that are fetched at a time; at most twice as many are in memory. */
export const DELIVERY_PAGE = 64
/** The time after a rotation in which requests are signed with the former secret too. */
export const FORMER_SECRET_MS: Millis = 24 * 60 * MINUTE
/** The limit of a receiver's `Retry-After`. */
export const RETRY_AFTER_MS_MAX: Millis = 24 * 60 * MINUTE
/** The length to which texts in deliveries are cut: the specification asks for payloads below 20 KB. */
export const WEBHOOK_TEXT_CHARS_MAX = 2_000
