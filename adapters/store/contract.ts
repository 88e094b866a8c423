import type { Effects } from '../../core/turn.ts'
import type { Receipt } from '../../core/base/receipt.ts'
import type { DefinitionHash, DeliveryId, JobId, Millis, RobotId, ScheduleId } from '../../core/base/ids.ts'
import type { TriggerId, WebhookId, WorkflowId } from '../../core/base/ids.ts'
import type { JobRow, JobStatus } from '../../core/records/job.ts'
import type { ScheduleRow, ScheduleRunRow } from '../../core/records/schedule.ts'
import type { StoredRows } from '../../core/state.ts'
import type { TriggerEventRow, TriggerRow } from '../../core/records/trigger.ts'
import type { DeliveryRow, DeliveryStatus, WebhookRow } from '../../core/records/webhook.ts'
import type { RobotRow } from '../../core/records/robot.ts'
import type { VersionRow, WorkflowRow } from '../../core/records/workflow.ts'
import type { KeyRow } from '../../core/records/key.ts'
import type { PoolRow } from '../../core/records/pool.ts'
import type { Prefetch, Prefetched } from '../../core/prefetch.ts'
import type { HistoryRow, LogRow } from '../../core/records/job-history.ts'

/**
 * Stores a fleet's rows. Every implementation must pass `tests/contract/store.ts`. A commit is all or nothing, the last
 * row per key wins, and it is durable when its receipt exists. `load` raises the epoch in the database; after that, a
 * store that loaded earlier, in any process, cannot commit.
 */
export interface Store {
  /**
   * Every row that belongs in memory; the only way to begin. Pending jobs only as far as they become ready up to
   * `dueUntil`. Of jobs created after `recentSince`, the fields that rate limits count; none if null. Throws when the
   * database cannot be used.
   */
  load(dueUntil: Millis, recentSince?: Millis | null): Promise<StoredRows>
  /** The rows outside memory that an event may touch, as of the last turn whose commit was called. */
  prefetch(need: Prefetch): Prefetched | Promise<Prefetched>
  /**
   * Makes a turn durable; `load` must have been called. An empty turn takes no transaction and is not fenced. Throws
   * `StaleEpoch` when another process has loaded since, and the driver's error when the disk fails.
   */
  commit(out: Effects): Receipt | Promise<Receipt>
  /**
   * True if `commit` may be called before the receipts of earlier turns have come. They are durable in their order: when
   * one fails, so do all that were called after it, until the next `load`.
   */
  readonly overlaps?: boolean
  /** The WAL while it is larger than it should be, of a store that has one. */
  readonly grownWal?: () => GrownWal | null
  readonly queries: Queries
  close(): Promise<void>
}

/** A WAL that has grown although it should have started over. */
export interface GrownWal {
  readonly bytes: number
  /** The other processes that read the database at that moment. Empty where none was found, and where it cannot be seen. */
  readonly readers: readonly string[]
}

/** Another process has taken over this database. The process that catches this must stop. */
export class StaleEpoch extends Error {
  override readonly name = 'StaleEpoch'
  constructor() {
    super('another process has taken over this database')
  }
}

/** The database cannot be used: it is damaged, from a newer version, or unsafe. The message says what to do. */
export class StoreUnusable extends Error {
  override readonly name: string = 'StoreUnusable'
}

/**
 * The database does not contain what was written into it. The process that catches this must stop, since none of its
 * data is certain.
 */
export class StoreDamaged extends StoreUnusable {
  override readonly name = 'StoreDamaged'
}

/** A page of rows, newest first, and the cursor of the next one. */
export interface RowPage<T> {
  readonly items: readonly T[]
  readonly next: Cursor | null
}

/** The position after a row in the order of the list. Stable while rows are added. */
export interface Cursor {
  /** The instant at which the row was created; of a job, its number. */
  readonly at: number
  readonly id: string
}

/** A page of jobs. */
export interface JobPage extends RowPage<JobRow> {
  /** The number of jobs that were searched before this page was cut short; null if it was not. */
  readonly searched: number | null
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
  /** Only dead letters; `status` is ignored then. */
  readonly dead_lettered?: boolean | undefined
}

/** Deliveries of a webhook that are still to be sent. */
interface Backlog {
  /** At most `BACKLOG_COUNT_MAX`. */
  readonly pending: number
  /** The creation of the oldest; null if there is none. */
  readonly oldestAt: Millis | null
}

/** The number up to which a backlog is counted, so that a long one does not take long to count. */
export const BACKLOG_COUNT_MAX = 10_000
/** The most log lines that are counted: a job may have a million. */
export const LOG_COUNT_MAX = 10_000

interface DeliveryQuery extends PageQuery {
  readonly webhook_id: WebhookId
  readonly status?: DeliveryStatus | undefined
}

/** A page of an append-only list. */
export interface LedgerQuery {
  readonly before?: number | undefined
  readonly limit: number
}

/** Reads for people and programs: committed rows, straight from the store, never through the core. */
export interface Queries {
  job(id: JobId): Promise<JobRow | undefined>
  /** In the order of their numbers, newest first. An empty list of statuses matches nothing. */
  jobs(query: JobQuery): Promise<JobPage>
  /** A job's log in the order in which it arrived, after the line with this number. */
  logs(id: JobId, query: { readonly after: number; readonly limit: number }): Promise<readonly LogRow[]>
  /** The last lines of a job's log, in the order in which they arrived. */
  logTail(id: JobId, lines: number): Promise<readonly LogRow[]>
  /** The number of lines in it, at most `LOG_COUNT_MAX`. */
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
  /** The events of a trigger, newest first, before the row with this number. */
  triggerEvents(id: TriggerId, query: LedgerQuery): Promise<readonly TriggerEventRow[]>
  schedule(id: ScheduleId): Promise<ScheduleRow | undefined>
  schedules(query: PageQuery): Promise<RowPage<ScheduleRow>>
  /** The outcomes of a schedule's due instants, the last decided first, before the row with this number. */
  scheduleRuns(id: ScheduleId, query: LedgerQuery): Promise<readonly ScheduleRunRow[]>
  keys(query: PageQuery): Promise<RowPage<KeyRow>>
  /** By name. */
  pools(): Promise<readonly PoolRow[]>
  webhook(id: WebhookId): Promise<WebhookRow | undefined>
  webhooks(query: PageQuery): Promise<RowPage<WebhookRow>>
  delivery(id: DeliveryId): Promise<DeliveryRow | undefined>
  /** Of one webhook, by creation, newest first. */
  deliveries(query: DeliveryQuery): Promise<RowPage<DeliveryRow>>
  backlog(id: WebhookId): Promise<Backlog>
}
