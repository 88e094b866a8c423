import type { JobRow } from '../../core/records/job.ts'
import type { ScheduleRow, ScheduleRunRow } from '../../core/records/schedule.ts'
import type { TriggerEventRow, TriggerRow } from '../../core/records/trigger.ts'
import type { DeliveryRow, WebhookRow } from '../../core/records/webhook.ts'
import type { RobotRow } from '../../core/records/robot.ts'
import type { DefinitionRow, VersionRow, WorkflowRow } from '../../core/records/workflow.ts'
import type { IdempotencyRow, KeyRow } from '../../core/records/key.ts'
import type { AffinityRow, PoolRow } from '../../core/records/pool.ts'
import type { HistoryRow, LogRow } from '../../core/records/job-history.ts'

/** The row type of each table. A field has the same name as its column. */
export interface RowOf {
  readonly jobs: JobRow
  readonly robots: RobotRow
  readonly workflows: WorkflowRow
  readonly workflow_versions: VersionRow
  readonly definitions: DefinitionRow
  readonly triggers: TriggerRow
  readonly schedules: ScheduleRow
  readonly keys: KeyRow
  readonly pools: PoolRow
  readonly affinities: AffinityRow
  readonly idempotency: IdempotencyRow
  readonly webhooks: WebhookRow
  readonly deliveries: DeliveryRow
  readonly job_history: HistoryRow
  readonly job_logs: LogRow
  readonly schedule_runs: ScheduleRunRow
  readonly trigger_events: TriggerEventRow
}

export type TableName = keyof RowOf

/** The type of a column: `json` is an array or an object in the row and text in the database; `?` may be null. */
export type ColumnKind = 'text' | 'int' | 'real' | 'flag' | 'json'
type KindOf<V> = [V] extends [boolean] ? 'flag'
  : [V] extends [number] ? 'int' | 'real'
  : [V] extends [string | number] ? 'text'
  : 'json'
type ColumnOf<V> = null extends V ? `${KindOf<NonNullable<V>>}?` : KindOf<V>

/** The handling of a row whose key exists: replace the old row, keep it, or fail the turn. */
type Conflict = 'replace' | 'keep' | 'fail'

/** The description of a table. */
export interface TableOf<Row> {
  readonly key: readonly (keyof Row)[]
  /** Columns whose values together are unique, except where one of them is null. */
  readonly unique?: readonly (keyof Row)[]
  readonly conflict: Conflict
  /** Columns that never change after a row is created, with the key. Absent: every write writes whole rows. */
  readonly fixed?: readonly (keyof Row)[]
  /** Values that are stored as null. They are on disk, by their absence: none is ever changed. */
  readonly usual?: { readonly [C in keyof Row]?: SqlValue }
  /** Columns that usually equal another one, and are null then. */
  readonly same?: { readonly [C in keyof Row]?: keyof Row }
  /** Columns that are null where they equal what this expression selects, which never changes. */
  readonly derived?: { readonly [C in keyof Row]?: string }
  /** Instants that are stored as the difference from another one. */
  readonly since?: { readonly [C in keyof Row]?: keyof Row }
  /** Columns of UUIDs or hashes, which are stored as bytes (bytes.ts). */
  readonly bytes?: readonly (keyof Row)[]
  readonly columns: { readonly [C in keyof Row]-?: ColumnOf<Row[C]> }
}

/** The values that a database accepts. */
export type SqlValue = string | number | null

/** The values that a database returns: a blob is the result of `packColumns`. */
export type SqlRow = Readonly<Record<string, SqlValue | ArrayBuffer>>
