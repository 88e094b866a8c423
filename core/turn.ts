import type { Fact } from './fact.ts'
import type {
  DefinitionHash,
  DeliveryId,
  JobId,
  JsonText,
  KeyId,
  Millis,
  ReplyId,
  RobotId,
  ScheduleId,
  SocketId,
  TriggerId,
  WebhookId,
  WorkflowId,
} from './base/ids.ts'
import type { JobRow } from './records/job.ts'
import type { StoredParameters } from './records/parameters.ts'
import type { Quota } from './base/sliding-window.ts'
import type { MessageId, Outgoing } from './protocol/message.ts'
import type { Refusal } from './base/refusal.ts'
import { Sealed } from './base/receipt.ts'
import type { ScheduleRow, ScheduleRunRow } from './records/schedule.ts'
import type { TriggerEventRow, TriggerRow } from './records/trigger.ts'
import type { DeliveryRow, WebhookRow } from './records/webhook.ts'
import type { RobotRow } from './records/robot.ts'
import type { DefinitionRow, VersionRow, WorkflowRow } from './records/workflow.ts'
import type { IdempotencyRow, KeyRow } from './records/key.ts'
import type { AffinityRow, PoolRow } from './records/pool.ts'
import type { Prefetched } from './prefetch.ts'
import type { Reply } from './reply.ts'
import type { State } from './state.ts'
import { errorMessage } from './protocol/encode.ts'
import type { HistoryRow, LogRow } from './records/job-history.ts'

/** The rows that a turn has changed. The last one per key wins. */
export interface Rows {
  readonly jobs: Map<JobId, JobRow>
  readonly robots: Map<RobotId, RobotRow>
  readonly workflows: Map<WorkflowId, WorkflowRow>
  /** By workflow id and version. */
  readonly versions: Map<string, VersionRow>
  readonly definitions: Map<DefinitionHash, DefinitionRow>
  readonly triggers: Map<TriggerId, TriggerRow>
  readonly schedules: Map<ScheduleId, ScheduleRow>
  readonly keys: Map<KeyId, KeyRow>
  readonly pools: Map<string, PoolRow>
  /** By workflow id and robot id. */
  readonly affinities: Map<string, AffinityRow>
  readonly idempotency: Map<string, IdempotencyRow>
  readonly webhooks: Map<WebhookId, WebhookRow>
  readonly deliveries: Map<DeliveryId, DeliveryRow>
}

/**
 * The rows that a turn deletes, by table, each with everything that belongs to it. Rows written in the same turn stay.
 */
export interface Deletions {
  readonly schedules: Set<ScheduleId>
  readonly triggers: Set<TriggerId>
  readonly webhooks: Set<WebhookId>
}

/** A message to a socket or an answer to a request. `close` comes after every earlier message to the socket. */
export type Send =
  | {
    readonly to: 'socket'
    readonly socket: SocketId
    readonly message: Outgoing
    /** Of an offer: its parameters are still to be read from the store, and put in. */
    readonly parameters?: StoredParameters
  }
  | { readonly to: 'socket'; readonly socket: SocketId; readonly close: Close }
  | { readonly to: 'reply'; readonly reply: ReplyId; readonly answer: Reply }

/** A request to another system. Its sender reports the outcome with `delivery.finished`, and this number. */
export interface WebhookRequest {
  readonly request: number
  readonly webhook: WebhookId
  readonly delivery: DeliveryId
  readonly url: string
  /** It is signed with each of these. */
  readonly secrets: readonly string[]
  readonly body: JsonText
}

/** A line for the server's log that an operator may act on. */
export interface LogWarning {
  readonly message: string
  readonly details: object
}

export interface Close {
  readonly code: number
  readonly reason: string
}

/** The effects of one turn, in the order in which they must happen. */
export interface Effects {
  readonly turn: number
  /** The instant of the turn. The store keeps the last one: a start at an earlier time knows that the clock was set. */
  readonly at: Millis
  /** 1. In the same transaction, before any write. null: the clock was not set. */
  clockChange: ClockChange | null
  /** 1. Persist in one transaction. */
  readonly rows: Rows
  /** 1. The jobs that this turn creates: their rows are inserted. Of all others only the fields that may change are written. */
  readonly created: Set<JobId>
  /** Jobs that were in memory, as they were before the turn: what of `rows` is on disk already. */
  readonly before: Map<JobId, JobRow>
  /** 1. In the same transaction, append only. */
  readonly history: HistoryRow[]
  /** 1. In the same transaction, append only. */
  readonly logs: LogRow[]
  /** 1. In the same transaction, append only. */
  readonly scheduleRuns: ScheduleRunRow[]
  /** 1. In the same transaction, append only. */
  readonly triggerEvents: TriggerEventRow[]
  /** 1. In the same transaction: discard answers to requests made before this. */
  forgetBefore: Millis | null
  /**
   * 1. In the same transaction: discard deliveries made before this, unless they are pending and their webhook is
   * enabled.
   */
  forgetDeliveriesBefore: Millis | null
  /** 1. In the same transaction, before any write. */
  readonly deletions: Deletions
  /** 2. Read after the commit: what the offers among `sends` lack, in the order of these. */
  readonly lacks: StoredParameters[]
  /** 2. Sockets whose snapshots have changed, for a platform with hibernation. */
  readonly snapshots: Set<SocketId>
  /** 3. Deliver, only once (1) is durable. */
  readonly sends: Sealed<Send>
  /** 3. Send, only once (1) is durable. */
  readonly requests: Sealed<WebhookRequest>
  /** At any time: a lost line does no harm. */
  readonly warnings: LogWarning[]
}

/** The inputs of a turn besides its events, and its effects. */
export interface Turn {
  readonly now: Millis
  /** Rows outside memory, fetched because `needs` asked for them; an absent one does not exist. */
  readonly prefetched: Prefetched
  readonly out: Effects
  /** Facts without reactions so far: see `reactions.ts`. */
  readonly facts: Fact[]
}

type Containers = Pick<Effects, 'rows' | 'created' | 'before' | 'deletions'>

/** Empty effects for a turn. Most turns write nothing: the tables of such a turn, `spare`, are reused. */
export function newEffects(turn: number, at: Millis, spare: Containers = noRows()): Effects {
  return {
    turn,
    at,
    clockChange: null,
    rows: spare.rows,
    created: spare.created,
    before: spare.before,
    history: [],
    logs: [],
    scheduleRuns: [],
    triggerEvents: [],
    forgetBefore: null,
    forgetDeliveriesBefore: null,
    deletions: spare.deletions,
    lacks: [],
    snapshots: new Set(),
    sends: new Sealed(turn),
    requests: new Sealed(turn),
    warnings: [],
  }
}

function noRows(): Containers {
  return {
    rows: {
      jobs: new Map(),
      robots: new Map(),
      workflows: new Map(),
      versions: new Map(),
      definitions: new Map(),
      triggers: new Map(),
      schedules: new Map(),
      keys: new Map(),
      pools: new Map(),
      affinities: new Map(),
      idempotency: new Map(),
      webhooks: new Map(),
      deliveries: new Map(),
    },
    created: new Set(),
    before: new Map(),
    deletions: { schedules: new Set(), triggers: new Set(), webhooks: new Set() },
  }
}

/** Sends a message to a robot, once the turn is durable. */
export function send(turn: Turn, socket: SocketId, message: Outgoing): void {
  turn.out.snapshots.add(socket)
  turn.out.sends.push({ to: 'socket', socket, message })
}

/** Sends a message that lacks the parameters of a job, once the turn is durable and they were read. */
export function sendLacking(turn: Turn, socket: SocketId, message: Outgoing, parameters: StoredParameters): void {
  turn.out.snapshots.add(socket)
  turn.out.lacks.push(parameters)
  turn.out.sends.push({ to: 'socket', socket, message, parameters })
}

/** Closes a socket, after every earlier message to it. */
export function closeSocket(turn: Turn, socket: SocketId, code: number, reason: string): void {
  turn.out.snapshots.add(socket)
  turn.out.sends.push({ to: 'socket', socket, close: { code, reason } })
}

/** Answers a request, once the turn is durable. */
export function reply(turn: Turn, to: ReplyId, answer: Reply): void {
  turn.out.sends.push({ to: 'reply', reply: to, answer })
}

/** Answers a request with a refusal. */
export function refuseRequest(turn: Turn, to: ReplyId, refusal: Refusal, quota: Quota | null = null): void {
  reply(turn, to, { type: 'refusal', refusal, quota })
}

/** True if a turn has nothing to make durable. Runs for every turn, and most have nothing, so it allocates nothing. */
export function writesNothing(out: Effects): boolean {
  const { rows, deletions } = out
  if (out.history.length + out.logs.length + out.scheduleRuns.length + out.triggerEvents.length > 0) return false
  if (out.clockChange !== null || out.forgetBefore !== null || out.forgetDeliveriesBefore !== null) return false
  for (const table in rows) if (rows[table as keyof Rows].size > 0) return false
  for (const table in deletions) if (deletions[table as keyof Deletions].size > 0) return false
  return true
}

/**
 * The clock was set by this amount. Rows that are only on disk move along if they measure elapsed time: answers to
 * requests, pending deliveries, jobs beyond the horizon, and ended ones created after `since`.
 */
export interface ClockChange {
  readonly by: Millis
  readonly since: Millis
}

/** Finds a job: in memory, ended earlier in this turn and not yet on disk, or ended before and prefetched. */
export function findJob(state: State, id: JobId, turn: Turn): JobRow | undefined {
  return state.jobs.get(id) ?? turn.out.rows.jobs.get(id) ?? turn.prefetched.jobs.get(id)
}

/** The text of a job's parameters: its own, as it was created in this turn, or as it was prefetched. */
export function findParameters(job: JobRow, { out, prefetched }: Turn): JsonText | null {
  for (const row of [job, out.rows.jobs.get(job.id), prefetched.jobs.get(job.id)]) {
    if (typeof row?.parameters === 'string') return row.parameters
  }
  return null
}

/** Answers a message with a refusal, with its id. */
export function refuseMessage(turn: Turn, socket: SocketId, refusal: Refusal, id: MessageId | undefined): void {
  send(turn, socket, errorMessage(refusal, id))
}
