import type { Effects } from '../../core/turn.ts'
import type { Receipt } from '../../core/base/receipt.ts'
import type { DefinitionHash, DeliveryId, JobId, Millis, RobotId, ScheduleId } from '../../core/base/ids.ts'
import type { TriggerId, WebhookId, WorkflowId } from '../../core/base/ids.ts'
import type { HistoryRow, JobRow, JobStatus, LogRow } from '../../core/records/job.ts'
import type { ScheduleRow, ScheduleRunRow } from '../../core/records/schedule.ts'
import type { StoredRows } from '../../core/state.ts'
import type { TriggerEventRow, TriggerRow } from '../../core/records/trigger.ts'
import type { DeliveryRow, DeliveryStatus, WebhookRow } from '../../core/records/webhook.ts'
import type { RobotRow } from '../../core/records/robot.ts'
import type { VersionRow, WorkflowRow } from '../../core/records/workflow.ts'
import type { KeyRow } from '../../core/records/key.ts'
import type { PoolRow } from '../../core/records/pool.ts'
import type { Prefetch, Prefetched } from '../../core/prefetch.ts'

/**
 * Where a fleet's rows live. A store is whatever passes `tests/contract/store.ts`.
 *
 * A commit is all or nothing, the last row per key wins, and it is durable when its receipt exists. `load` raises
 * the epoch in the database; from then on a store that loaded earlier, in whatever process, cannot commit.
 */
export interface Store {
  /**
   * Every row that belongs in memory, of the pending jobs only those that become ready up to this instant, and of those
   * that were made after `recentSince` what limits go by; null: nothing of them. The only way to begin. Throws when the
   * database cannot be used.
   */
  load(dueUntil: Millis, recentSince?: Millis | null): Promise<StoredRows>
  /** What an event may touch outside memory, as it was when the last turn had been committed. */
  prefetch(need: Prefetch): Prefetched | Promise<Prefetched>
  /**
   * Makes a turn durable, once `load` has been called. An empty turn costs no transaction, and is not fenced.
   * Throws `StaleEpoch` when another process has loaded since, and the driver's error when the disk refuses.
   */
  commit(out: Effects): Receipt | Promise<Receipt>
  readonly queries: Queries
  close(): Promise<void>
}

/** Another process has taken over this database. Whoever gets this must stop. */
export class StaleEpoch extends Error {
  override readonly name = 'StaleEpoch'
  constructor() {
    super('another process has taken over this database')
  }
}

/** The database cannot be used as it is: damaged, from a newer version, or unsafe. The message says what to do. */
export class StoreUnusable extends Error {
  override readonly name: string = 'StoreUnusable'
}

/** The database does not hold what was written into it. Whoever gets this must stop: nothing that it says is certain. */
export class StoreDamaged extends StoreUnusable {
  override readonly name = 'StoreDamaged'
}

/** A page of rows, newest first, and where the next one starts. */
export interface RowPage<T> {
  readonly items: readonly T[]
  readonly next: Cursor | null
}

/** Behind this row: its place in the order of the list. Stable while rows are added. */
export interface Cursor {
  readonly at: number
  readonly id: string
}

export interface PageQuery {
  /** At least 1. */
  readonly limit: number
  readonly after?: Cursor | undefined
}

export interface JobQuery extends PageQuery {
  readonly status?: readonly JobStatus[] | undefined
  readonly workflow_id?: WorkflowId | undefined
  readonly robot_id?: RobotId | undefined
  readonly trigger_id?: TriggerId | undefined
  readonly schedule_id?: ScheduleId | undefined
  readonly parent_job_id?: JobId | undefined
  /** Only dead letters; `status` is not looked at then. */
  readonly dead_lettered?: boolean | undefined
}

interface DeliveryQuery extends PageQuery {
  readonly webhook_id: WebhookId
  readonly status?: DeliveryStatus | undefined
}

/** Of a list to which rows are only added. */
export interface LedgerQuery {
  readonly before?: number | undefined
  readonly limit: number
}

/** What people and programs read: committed rows, straight from the store, never through the core. */
export interface Queries {
  job(id: JobId): Promise<JobRow | undefined>
  /** By creation, newest first. An empty list of statuses is no status, and finds nothing. */
  jobs(query: JobQuery): Promise<RowPage<JobRow>>
  /** A job's log in the order in which it arrived, after the line with this number. */
  logs(id: JobId, query: { readonly after: number; readonly limit: number }): Promise<readonly LogRow[]>
  /** The last lines of a job's log, in the order in which they arrived. */
  logTail(id: JobId, lines: number): Promise<readonly LogRow[]>
  logCount(id: JobId): Promise<number>
  /** A job's history in order. */
  history(id: JobId): Promise<readonly HistoryRow[]>
  workflow(id: WorkflowId): Promise<WorkflowRow | undefined>
  workflows(query: PageQuery): Promise<RowPage<WorkflowRow>>
  /** The newest first. */
  versions(id: WorkflowId): Promise<readonly VersionRow[]>
  definition(hash: DefinitionHash): Promise<string | undefined>
  robot(id: RobotId): Promise<RobotRow | undefined>
  robots(query: PageQuery): Promise<RowPage<RobotRow>>
  trigger(id: TriggerId): Promise<TriggerRow | undefined>
  triggers(query: PageQuery): Promise<RowPage<TriggerRow>>
  /** The events of a trigger, the last first, before the row with this number. */
  triggerEvents(id: TriggerId, query: LedgerQuery): Promise<readonly TriggerEventRow[]>
  schedule(id: ScheduleId): Promise<ScheduleRow | undefined>
  schedules(query: PageQuery): Promise<RowPage<ScheduleRow>>
  /** What became of a schedule's due instants, the last decided first, before the row with this number. */
  scheduleRuns(id: ScheduleId, query: LedgerQuery): Promise<readonly ScheduleRunRow[]>
  keys(query: PageQuery): Promise<RowPage<KeyRow>>
  /** By name. */
  pools(): Promise<readonly PoolRow[]>
  webhook(id: WebhookId): Promise<WebhookRow | undefined>
  webhooks(query: PageQuery): Promise<RowPage<WebhookRow>>
  delivery(id: DeliveryId): Promise<DeliveryRow | undefined>
  /** Of one webhook, by creation, newest first. */
  deliveries(query: DeliveryQuery): Promise<RowPage<DeliveryRow>>
}
