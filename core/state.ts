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
import type { MessageRate, Session, Socket, Strangers, Takeovers } from './session.ts'
import type { Bucket } from './base/bucket.ts'
import type { SlidingWindow } from './base/sliding-window.ts'

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

/** A definition in memory, as long as a live job or a published workflow refers to it. */
interface Definition {
  readonly json: string
  /** What it takes up in a frame, where it is a string inside JSON, with its escapes. */
  readonly sentBytes: number
  /** What it asks of the robot that is to run it. Derived. */
  readonly needs: DefinitionNeeds
  references: number
}

/** Of one job's log: what was kept of it, and what was not. */
export interface LogCount {
  stored: number
  /** Of the lines that were kept. */
  bytes: number
  /** Of the lines that were kept lately. */
  readonly disk: Bucket
  dropped: number
  /** Refused for the rate of the robot's messages. It may have sent some of them again. */
  refused: number
  /** What was wrong with messages about the job, and stands in its log. */
  noted?: Set<string>
  /** How often its robot has gone and come again. */
  breaks?: number
}

/** What has been used up of the limits of a fleet, by whom. */
export interface Limiters {
  /** Messages of each robot, whatever its connection. In memory, and carried by its socket where memory may go. */
  readonly robots: Map<RobotId, MessageRate>
  /** Jobs that calls of each webhook have made: the rows of the jobs say the same. */
  readonly triggers: Map<TriggerId, SlidingWindow>
  /** Events of each trigger that made no job and were written down. In memory only. */
  readonly skips: Map<TriggerId, SlidingWindow>
  /** Jobs that were submitted with each key, likewise. */
  readonly keys: Map<KeyId, SlidingWindow>
}
