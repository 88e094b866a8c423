import type { Millis } from './base/ids.ts'

/** DESIGN.md 5.2. */
export const STRATEGY_NAMES = ['least_loaded', 'round_robin', 'random', 'affinity', 'capability_match'] as const
export type Strategy = (typeof STRATEGY_NAMES)[number]

/** The payload of a trigger's event: as much as a robot can return, and what is said beside it. A row holds two million. */
export const EVENT_BYTES_MAX = (1 << 20) + (1 << 16)

/** How many jobs may stand above one that was called by another, or follows from its end. */
export const CALL_DEPTH_MAX = 10

/**
 * Every bound and every duration, in one place. Each queue in the program names its limit here, and what happens
 * when it is full is a refusal.
 */
export interface Settings {
  /** `key`: robots show a key. `open`: anybody may connect as any robot; for a lab. */
  readonly robotsAuth: 'key' | 'open'
  /** What robots are asked to keep to; any frame counts as a sign of life. */
  readonly heartbeatMs: Millis
  /** No frame for this long, and the connection is taken for dead: three heartbeats and a little. */
  readonly leaseMs: Millis
  /** How long a robot that has gone may take to come back to its jobs. Robots back off for up to 60 s. */
  readonly graceMs: Millis
  /** How long a robot may take to answer an offer. */
  readonly offerMs: Millis
  /** How long a socket may stay open without having registered. */
  readonly registerMs: Millis
  /** After the first refused offer; doubles with each, up to `backoffMsMax`. */
  readonly backoffMs: Millis
  readonly backoffMsMax: Millis
  /** A waiting job counts as one priority more urgent for each of these that it has waited. */
  readonly agingMs: Millis
  /** A job that no robot took for this long ends in `timeout`. */
  readonly queueTtlMs: Millis
  /** How long a job may run where neither it nor its workflow says. */
  readonly jobTimeoutMs: Millis
  /** How far behind `last_seen` on disk may be. */
  readonly seenMs: Millis
  /** Jobs that have not ended. Beyond, submissions are refused. */
  readonly liveJobsMax: number
  /** How many jobs may follow from one that somebody asked for, by calls and ends, in all. */
  readonly descendantsMax: number
  /** How jobs are spread over the robots that could take them. */
  readonly strategy: Strategy
  /** How long after a job the same is taken for a duplicate, if the submitter asks, though the first has ended. */
  readonly duplicateMs: Millis
  /** How long an idempotency key is remembered. */
  readonly idempotencyMs: Millis
  /**
   * Pending jobs that become ready later than this from now stay on disk. At least twice `backoffMsMax`: a job that backs
   * off stays in memory, where its schedule looks for it.
   */
  readonly horizonMs: Millis
  /** How long a robot may take to answer a status request. */
  readonly statusMs: Millis
  /** A job whose robots are lost is started at most this often, though it may always be run again. */
  readonly lostTriesMax: number
  /** How long to wait before each further try to deliver; after the last of them a delivery has failed. */
  readonly deliveryBackoffMs: readonly Millis[]
  /** A webhook at which nothing succeeds for this long is disabled. */
  readonly webhookFailingMs: Millis
  /** Deliveries can be looked up, and replayed, for this long. */
  readonly deliveryKeptMs: Millis
  readonly webhooksMax: number
  /** Webhooks may be at private addresses, and need no TLS; for a lab, or a network that is trusted. */
  readonly webhooksAllowPrivate: boolean
  /** Where mailboxes may be: `*` for the internet, names, addresses and networks, each with its port where it is another one. */
  readonly mailboxHosts: readonly string[]
  readonly robotsMax: number
  readonly schedulesMax: number
  readonly socketsMax: number
  /** Connections of one network that have not registered. */
  readonly unregisteredSocketsMax: number
  /** How many messages a robot may send in how long. 0: any number, as with the limits below. */
  readonly robotMessagesMax: number
  readonly robotMessagesMs: Millis
  /** How many bytes a robot may send a second, and sixteen times as many at once. 0: any number. */
  readonly robotBytesPerSecond: number
  /** How many bytes of log lines and progress of a robot are written down in a minute, and half as many of each job. */
  readonly robotDiskBytesPerMinute: number
  /** How many jobs calls of one webhook may make in how long. */
  readonly webhookCallsMax: number
  readonly webhookCallsMs: Millis
  /** How many jobs may be submitted with one key in how long. */
  readonly submissionsMax: number
  readonly submissionsMs: Millis
  /** How many wrong keys, secrets and signatures one address may show in a minute before it is told so. 0: any number. */
  readonly wrongKeysMax: number
  /** Addresses and ranges of proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[]
  /** Origins of pages that may connect, send forms and call webhooks without a secret, beside our own. */
  readonly allowedOrigins: readonly string[]
  /** Origins of pages that may call the API with a key, and read what it answers. */
  readonly corsOrigins: readonly string[]
  /** Fleets that one process has open at a time, besides the default one. */
  readonly fleetsOpenMax: number
  /** A fleet in which nothing is going on is closed after this long. */
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
  // As in the Standard Webhooks specification, up to the one that makes it more than a day.
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
  trustedProxies: [],
  allowedOrigins: [],
  corsOrigins: [],
  fleetsOpenMax: 100,
  fleetIdleMs: 5 * MINUTE,
}

/** No limit on how often anything is said or asked for: for tests, benchmarks, and whoever trusts everybody. */
export const UNLIMITED = {
  robotMessagesMax: 0,
  robotBytesPerSecond: 0,
  robotDiskBytesPerMinute: 0,
  webhookCallsMax: 0,
  submissionsMax: 0,
  wrongKeysMax: 0,
} as const satisfies Partial<Settings>

/** So many times the limit on its messages in one window, and a robot that has no jobs is no longer listened to. */
export const ABUSE_FACTOR = 10
/** What a robot may send at once, in seconds of what it may send: the results that an outage has held back, for one. */
export const BURST_SECONDS = 16

/** What a connection may send before it registers: a few messages, and as many bytes as a robot that says all of itself. */
export const STRANGER_FRAMES_MAX = 20
export const STRANGER_BYTES_MAX = 1 << 16
/** So many bytes may wait for a connection that has not registered. All that is answered to it is less. */
export const STRANGER_UNSENT_BYTES_MAX = 1 << 16
/** Connections that are told to close may take their time. With them there are at most so many times as many as may be. */
export const CLOSING_FACTOR = 2

/** What a robot may send in one log batch; told to it in `register_ack`. */
export const LOG_BATCH_MAX = 100
/** A job whose log has this many lines gets one more, which says how many were left out. */
export const LOG_LINES_MAX = 100_000
/** The same in bytes: it is full then, however few lines it has. */
export const LOG_BYTES_MAX = 64 << 20
/** What a row takes up beside its text. */
export const ROW_BYTES = 200
/** How many messages with log lines of one robot are told apart, by their ids: those of ten minutes, at the most. */
export const LOG_MESSAGES_MAX = 1_000
/** Late log lines are taken for this long after a job has ended: the line that explains the end often is one. */
export const LATE_LOG_MS: Millis = 10 * MINUTE
/**
 * What the parameters and the result of a job may have together: a Durable Object keeps two megabytes in a row, and the
 * rule is the same everywhere.
 */
export const JOB_TEXT_BYTES_MAX = 1_800_000
/** What the envelope and the other fields of a `job_assign` may take, beside the definition and the parameters. */
export const ASSIGN_OVERHEAD_BYTES = 8_192
/** The most events that are stepped through in one turn; the rest waits for the next. */
export const TURN_EVENTS_MAX = 4_096
/** Calls to webhooks that are under way at a time, in all and to each. */
export const WEBHOOK_REQUESTS_MAX = 32
export const WEBHOOK_REQUESTS_MAX_EACH = 4
/** How long a receiver may take to answer. */
export const WEBHOOK_REQUEST_MS: Millis = 15 * SECOND
/** Of a webhook's pending deliveries, how many are fetched at a time; twice as many are in memory at the most. */
export const DELIVERY_PAGE = 64
/** Requests are signed with the secret before a change too, for this long. */
export const FORMER_SECRET_MS: Millis = 24 * 60 * MINUTE
/** A receiver that asks to be left alone is, but not for longer than this. */
export const RETRY_AFTER_MS_MAX: Millis = 24 * 60 * MINUTE
/** Longer texts in what webhooks are told are cut: the specification asks for less than 20 KB. */
export const WEBHOOK_TEXT_CHARS_MAX = 2_000
