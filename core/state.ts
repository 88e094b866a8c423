import type {
  DefinitionHash,
  JobId,
  KeyId,
  Millis,
  ReplyId,
  RobotId,
  ScheduleId,
  SecretHash,
  SocketId,
  TriggerId,
  WebhookId,
  WorkflowId,
} from './ids.ts'
import type { LogCount } from './log.ts'
import type { Socket } from './socket.ts'
import type { Strangers } from './strangers.ts'
import type { Takeovers } from './conflict.ts'
import type { Family, FamilyMember } from './family.ts'
import type { ConcurrencyGroups } from './gate.ts'
import type { JobRow, JobStatus } from './job.ts'
import type { Settings } from './limits.ts'
import type { DeliveryQueues } from './outbox.ts'
import type { EarlyRun } from './ahead.ts'
import type { RecentJob } from './effects.ts'
import type { Limiters } from './rate.ts'
import type { Rng } from './random.ts'
import type { DefinitionNeeds } from './protocol/repertoire.ts'
import type { Scope } from './protocol/scope.ts'
import type { MatchingIndex } from './roster.ts'
import type { ScheduleRow } from './schedule.ts'
import type { Disconnect, Metrics, Report } from './seen.ts'
import type { Timers } from './timers.ts'
import type { TriggerRow } from './trigger.ts'
import type { DeliveryRow, WebhookRow } from './webhook.ts'

/**
 * `paused` ends with a resume. `resuming`: gets jobs again, and is told so until it no longer says that it is paused: a
 * word that is lost with its connection would leave it paused for ever. `draining`: told to shut down once its jobs are done; ends with its goodbye, upon which
 * it may register anew, or with a resume.
 */
export const ROBOT_MODES = ['active', 'paused', 'resuming', 'draining'] as const
export type RobotMode = (typeof ROBOT_MODES)[number]

/** A robot as it is remembered across connections and restarts. Whether it is connected is its `Session`. */
export interface RobotRow {
  readonly id: RobotId
  readonly name: string
  readonly environment: string
  readonly max_concurrent_jobs: number
  readonly tags: readonly string[]
  readonly capabilities: Readonly<Record<string, unknown>>
  /** What it has been told to do. Remembered across connections: a robot that is paused gets nothing when it returns. */
  readonly mode: RobotMode
  readonly created_at: Millis
  /** Null before its first registration. Written then and when it leaves, and now and then between: at most `seenMs` behind. */
  readonly last_seen: Millis | null
  /** Its last heartbeat and what that said of its machine, written together with `last_seen`. */
  readonly last_heartbeat: Millis | null
  readonly metrics: Metrics | null
  /** How its last connection ended. */
  readonly last_disconnect: Disconnect | null
}

export const WORKFLOW_STATUSES = ['draft', 'published', 'archived'] as const
export type WorkflowStatus = (typeof WORKFLOW_STATUSES)[number]

/** A workflow: its newest version, and the one that is published. Versions themselves never change. */
export interface WorkflowRow {
  readonly id: WorkflowId
  readonly name: string
  readonly description: string
  readonly tags: readonly string[]
  readonly status: WorkflowStatus
  readonly version: number
  readonly definition: DefinitionHash
  /** What jobs run; null before the first publication. */
  readonly published_version: number | null
  readonly published_definition: DefinitionHash | null
  /** How many of its jobs may be queued or running at a time; null: any number. */
  readonly max_concurrent: number | null
  readonly created_by: string
  readonly created_at: Millis
  readonly updated_at: Millis
  readonly execution_count: number
  readonly success_count: number
  /** Of those that were completed. */
  readonly total_duration_ms: number
}

/** One version of a workflow: immutable. */
export interface VersionRow {
  readonly workflow_id: WorkflowId
  readonly version: number
  readonly definition: DefinitionHash
  readonly created_by: string
  readonly created_at: Millis
}

/** The text of a workflow, kept once however many jobs run it. Opaque: never parsed and written again. */
export interface DefinitionRow {
  readonly hash: DefinitionHash
  readonly json: string
}

/** A key, without the key itself. */
export interface KeyRow {
  readonly id: KeyId
  readonly name: string
  readonly secret: SecretHash
  readonly scopes: readonly Scope[]
  /** The one robot that may use it. A robot's key that has none yet is bound to the first that registers with it. */
  readonly robot_id: RobotId | null
  readonly created_at: Millis
  readonly revoked_at: Millis | null
}

/** Robots under a name: those that hold these tags. */
export interface PoolRow {
  readonly name: string
  readonly tags: readonly string[]
  /** How many jobs that ask for the pool may be queued or running at a time; null: any number. */
  readonly max_concurrent: number | null
  /** The workflows that may ask for it; empty: all. */
  readonly workflows: readonly WorkflowId[]
  readonly created_at: Millis
}

/** How often a robot has completed a workflow. Kept where the strategy is `affinity`. */
export interface AffinityRow {
  readonly workflow_id: WorkflowId
  readonly robot_id: RobotId
  readonly successes: number
}

/** What was answered to a request with an idempotency key: the same request gets the same answer. */
export interface IdempotencyRow {
  /** Whose request, to which route, with which key: hashed. */
  readonly key: string
  /** SHA-256 of the body. */
  readonly fingerprint: string
  readonly job_id: JobId
  /** Of the job when it had just been submitted: whether a concurrency limit held it back is not in its row. */
  readonly status: JobStatus
  readonly created_at: Millis
}

/** Every row that lives in memory, as the store hands them over at the beginning. */
export interface StoredRows {
  readonly jobs: readonly JobRow[]
  readonly robots: readonly RobotRow[]
  readonly workflows: readonly WorkflowRow[]
  readonly triggers: readonly TriggerRow[]
  readonly schedules: readonly ScheduleRow[]
  readonly keys: readonly KeyRow[]
  readonly pools: readonly PoolRow[]
  readonly affinities: readonly AffinityRow[]
  /** Those that live jobs refer to, and of every workflow the newest and the published one. */
  readonly definitions: readonly DefinitionRow[]
  readonly webhooks: readonly WebhookRow[]
  /** Of each webhook that is enabled the pending ones that are due first, in that order: a page, and one more. */
  readonly deliveries: readonly DeliveryRow[]
  /** Jobs that were made a moment ago, whatever has become of them: limits on how many go by them. */
  readonly recent: readonly RecentJob[]
  /** Of the families of those jobs that have not ended every job. */
  readonly members: readonly FamilyMember[]
  /** Due instants after that which have made their job: the clock was ahead. */
  readonly earlyRuns: readonly EarlyRun[]
  /** The instant of the last turn that was committed. */
  readonly clock: Millis
  /** How often rows have been loaded from this store, this time among them. */
  readonly epoch: number
  /** The largest number that a job's order, a history entry, a log line or a delivery has. */
  readonly seq: number
}

/**
 * Everything the orchestrator knows about one fleet. Containers change in place; rows are replaced, never edited.
 * `jobs` to `deliveries` are a cache of the store; the rest is derived from them, or is gone after a restart.
 */
export interface State {
  readonly settings: Settings
  /** Live jobs only; a job leaves the moment it ends. */
  readonly jobs: Map<JobId, JobRow>
  readonly robots: Map<RobotId, RobotRow>
  readonly workflows: Map<WorkflowId, WorkflowRow>
  readonly triggers: Map<TriggerId, TriggerRow>
  readonly schedules: Map<ScheduleId, ScheduleRow>
  readonly keys: Map<KeyId, KeyRow>
  readonly pools: Map<string, PoolRow>
  readonly affinities: Map<WorkflowId, Map<RobotId, number>>
  readonly definitions: Map<DefinitionHash, Definition>
  readonly webhooks: Map<WebhookId, WebhookRow>
  readonly deliveries: DeliveryQueues

  /** Keys by what they hash to: revoked ones too, so that a refusal can say so. */
  readonly keysBySecret: Map<SecretHash, KeyId>
  /** The jobs that hold a robot's slots. Derived, so that a slot cannot leak. */
  readonly held: Map<RobotId, Set<JobId>>
  /** By their roots the families in which a job has led to another and one has not ended. Derived. */
  readonly families: Map<JobId, Family>
  /** The live jobs of each schedule. Derived. */
  readonly runs: Map<ScheduleId, Set<JobId>>
  /** Due instants to come for which there is a job already, made while the clock was ahead: they make no other. */
  readonly earlyRuns: Map<ScheduleId, Set<Millis>>
  /** The triggers that fire by what happens here, by what that is: see `subscriptionsOf`. Derived. */
  readonly subscribers: Map<string, Set<TriggerId>>
  readonly matching: MatchingIndex
  readonly concurrency: ConcurrencyGroups
  readonly timers: Timers
  readonly limiters: Limiters
  readonly random: Rng

  readonly sockets: Map<SocketId, Socket>
  /** Those of them that have not said who they are. Derived. */
  readonly strangers: Strangers
  /** The connected robots. */
  readonly sessions: Map<RobotId, Session>
  /** Of robots that are away: the jobs that their last list did not name. */
  readonly missing: Map<RobotId, ReadonlySet<JobId>>
  /**
   * Of the log of each job in memory: the lines that were kept, and left out, since this state began. A restart counts
   * anew, since a row for every line would cost more than the lines that it might save.
   */
  readonly logs: Map<JobId, LogCount>
  /** Of jobs that have ended: the lines that came afterwards and were refused, until that is told in their logs. */
  readonly lateLogs: Map<JobId, { readonly robot: RobotId; readonly refused: number }>
  /** What the ids of the last messages with log lines hash to: one that is repeated is not stored a second time. */
  readonly logMessages: Map<RobotId, Set<number>>
  /** Connections of each robot that were taken over lately, by others that register as the same robot. */
  readonly takeovers: Map<RobotId, Takeovers>
  /** What was written into the server's log lately, and when. */
  readonly warned: Map<string, Millis>
  /** Pending jobs that become ready later than this are on disk only. */
  horizonAt: Millis
  /** Grows with every row that has an order. */
  seq: number
  /** How many offers have been made since the beginning of this state. */
  offersMade: number
  /** Nothing is offered any more: the process is about to stop. */
  draining: boolean
}

/** A robot's present connection. A robot that registers anew has a new one, and what the old one knew is gone. */
export interface Session {
  readonly robot: RobotId
  readonly socket: SocketId
  since: Millis
  /** The last frame of any kind. */
  lastFrameAt: Millis
  /** Since when it has had nothing to do, or, if it has, since it last finished something. */
  idleSince: Millis
  /** It says that it is paused, or otherwise not there for jobs, and takes nothing. */
  paused: boolean
  /** It has just refused an offer, or let one pass: nothing is offered for a while. */
  coolingDown: boolean
  /** Which of all offers was its last; 0 before the first. */
  lastOffer: number
  /** Offers in a row that it did not take up. */
  refusals: number
  reported: Report | null
  /** By its last report: jobs that it runs and we do not know as its own, and how much other work takes its slots. */
  foreignJobs: Set<JobId>
  foreignLoad: number
  /** Who waits for its next status response. */
  readonly awaitingStatus: ReplyId[]
  /** Status requests sent on this connection, and answers to them: the nth answer was written after the nth request. */
  statusRequests: number
  statusResponses: number
  /** Jobs that it runs, or may have started, and that its last list did not name. Missing twice, a job is lost. */
  missing: ReadonlySet<JobId>
  /**
   * Offers that were made on this connection and are not answered: null, or, for one that is overdue, the status request
   * that was sent after it. A list that the robot writes when it has read that request proves whether it has the job.
   */
  readonly offers: Map<JobId, number | null>
  /** The name of what it remembers of offers, so that it can say which of them it has read; empty if it cannot. */
  readonly memory: string
  /** Jobs of which it has reported a result too late: one entry in their history is enough. */
  readonly lateResults: Set<JobId>
  /**
   * Jobs that it is not asked to run. It refused one, until its back-off has grown; or it may be running one all the
   * same, until a report does not name it that was written after this status request had been read.
   */
  readonly excluded: Map<JobId, 'refused' | number>
}

/** A definition in memory, as long as a live job or a published workflow refers to it. */
interface Definition {
  readonly json: string
  /** What it takes up in a frame, where it is a string inside JSON, with its escapes. */
  readonly sentBytes: number
  /** What it asks of the robot that is to run it. Derived. */
  readonly needs: DefinitionNeeds
  references: number
}
