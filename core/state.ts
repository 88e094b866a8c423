import type {
  DefinitionHash,
  JobId,
  KeyId,
  Millis,
  RobotId,
  ScheduleId,
  SecretHash,
  SocketId,
  TriggerId,
  WebhookId,
  WorkflowId,
} from './base/ids.ts'
import type { FamilyMember, JobRow, RecentJob } from './records/job.ts'
import type { Settings } from './settings.ts'
import type { Rng } from './base/random.ts'
import type { DefinitionNeeds } from './protocol/repertoire.ts'
import type { KeyRow } from './records/key.ts'
import type { EarlyRun, ScheduleRow } from './records/schedule.ts'
import type { Timers } from './timers.ts'
import type { TriggerRow } from './records/trigger.ts'
import type { DeliveryRow, WebhookRow } from './records/webhook.ts'
import type { RobotRow } from './records/robot.ts'
import type { DefinitionRow, WorkflowRow } from './records/workflow.ts'
import type { AffinityRow, PoolRow } from './records/pool.ts'
import type { ConcurrencyGroups, DeliveryQueues, Family, MatchingIndex } from './indexes.ts'
import type { MessageRate, Session, Socket, Takeovers, UnregisteredSockets } from './session.ts'
import type { Bucket } from './base/bucket.ts'
import type { SlidingWindow } from './base/sliding-window.ts'

/** Every row that belongs in memory, as the store returns it at the start. */
export interface StoredRows {
  readonly jobs: readonly JobRow[]
  readonly robots: readonly RobotRow[]
  readonly workflows: readonly WorkflowRow[]
  readonly triggers: readonly TriggerRow[]
  readonly schedules: readonly ScheduleRow[]
  readonly keys: readonly KeyRow[]
  readonly pools: readonly PoolRow[]
  readonly affinities: readonly AffinityRow[]
  /** The definitions of live jobs, and of every workflow the newest and the published one. */
  readonly definitions: readonly DefinitionRow[]
  readonly webhooks: readonly WebhookRow[]
  /** The first due deliveries of each enabled webhook, in order: a page, and one more. */
  readonly deliveries: readonly DeliveryRow[]
  /** Recently created jobs in any state, for rate limits. */
  readonly recent: readonly RecentJob[]
  /** Every job of the families of live jobs. */
  readonly members: readonly FamilyMember[]
  /** Due instants after `clock` that have already made their job, because the clock was ahead. */
  readonly earlyRuns: readonly EarlyRun[]
  /** The instant of the last committed turn. */
  readonly clock: Millis
  /** The number of loads from this store, including this one. */
  readonly epoch: number
  /** The largest sequence number of a job, history entry, log line or delivery. */
  readonly seq: number
}

/**
 * The complete state of one fleet. Containers change in place; rows are replaced, never edited. `jobs` to `deliveries`
 * are a cache of the store; the rest is derived from them, or is lost in a restart.
 */
export interface State {
  readonly settings: Settings
  /** Live jobs only; a job leaves when it ends. */
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

  /** Keys by their hash, revoked ones too, so that a refusal can say so. */
  readonly keysBySecret: Map<SecretHash, KeyId>
  /** The jobs that occupy a robot's slots. Derived, so a slot cannot leak. */
  readonly held: Map<RobotId, Set<JobId>>
  /** The families with more than a root and at least one live job, by root. Derived. */
  readonly families: Map<JobId, Family>
  /** The live jobs of each schedule. Derived. */
  readonly runs: Map<ScheduleId, Set<JobId>>
  /** Due instants in the future that have already made their job, while the clock was ahead: they make no other. */
  readonly earlyRuns: Map<ScheduleId, Set<Millis>>
  /** Triggers that fire on internal events, by event: see `subscriptionsOf`. Derived. */
  readonly subscribers: Map<string, Set<TriggerId>>
  /** By trigger, the number of skips that its row has yet to count. */
  readonly unsavedSkips: Map<TriggerId, number>
  readonly matching: MatchingIndex
  readonly concurrency: ConcurrencyGroups
  readonly timers: Timers
  readonly limiters: Limiters
  readonly random: Rng

  readonly sockets: Map<SocketId, Socket>
  /** The unregistered sockets. Derived. */
  readonly unregistered: UnregisteredSockets
  /** The connected robots. */
  readonly sessions: Map<RobotId, Session>
  /** For offline robots: the jobs that were missing from their last list. */
  readonly missing: Map<RobotId, ReadonlySet<JobId>>
  /**
   * For each job in memory, the log lines that were kept and left out since this state was loaded. A restart starts at
   * zero, since a row for every line would cost more than the lines that it could save.
   */
  readonly logs: Map<JobId, LogCount>
  /** For jobs that have ended: the lines refused since, until their log states the number. */
  readonly lateLogs: Map<JobId, { readonly robot: RobotId; readonly refused: number }>
  /** Hashes of the ids of the last messages with log lines, so that a repeated one is not stored twice. */
  readonly logMessages: Map<RobotId, Set<number>>
  /** Recent takeovers of each robot's connections by others that register as the same robot. */
  readonly takeovers: Map<RobotId, Takeovers>
  /** Lines that were logged lately, and when. */
  readonly warned: Map<string, Millis>
  /** Pending jobs that become ready later than this are on disk only. */
  horizonAt: Millis
  /** Increases with every row that has an order. */
  seq: number
  /** The number of offers since this state was loaded. */
  offersMade: number
  /** No offers are made: the process is stopping. */
  draining: boolean
}

/** A definition in memory, while a live job or a workflow refers to it. */
interface Definition {
  readonly json: string
  /** Its size in a frame, as a string inside JSON, with escapes. */
  readonly sentBytes: number
  /** Its requirements on robots. Derived. */
  readonly needs: DefinitionNeeds
  references: number
}

/** The counts of a job's log. */
export interface LogCount {
  stored: number
  /** The bytes of the stored lines. */
  bytes: number
  /** The bytes stored lately. */
  readonly disk: Bucket
  dropped: number
  /** Refused for the rate of the robot's messages. It may have sent some of them again. */
  refused: number
  /** Flaws of messages that the log has recorded. */
  noted?: Set<string>
  /** The number of recorded disconnections of its robot. */
  breaks?: number
}

/** The used parts of a fleet's limits. */
export interface Limiters {
  /** Messages of each robot, over all its connections. In memory, and in its socket's snapshot. */
  readonly robots: Map<RobotId, MessageRate>
  /** Jobs made by calls of each trigger. Restored from the jobs' rows. */
  readonly triggers: Map<TriggerId, SlidingWindow>
  /** Events of each trigger that made no job and were stored. In memory only. */
  readonly skips: Map<TriggerId, SlidingWindow>
  /** Jobs submitted with each key. Restored from the jobs' rows. */
  readonly keys: Map<KeyId, SlidingWindow>
}
