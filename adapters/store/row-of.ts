import type { HistoryRow, JobRow, LogRow } from '../../core/records/job.ts'
import type { ScheduleRow, ScheduleRunRow } from '../../core/records/schedule.ts'
import type { TriggerEventRow, TriggerRow } from '../../core/records/trigger.ts'
import type { DeliveryRow, WebhookRow } from '../../core/records/webhook.ts'
import type { RobotRow } from '../../core/records/robot.ts'
import type { DefinitionRow, VersionRow, WorkflowRow } from '../../core/records/workflow.ts'
import type { IdempotencyRow, KeyRow } from '../../core/records/key.ts'
import type { AffinityRow, PoolRow } from '../../core/records/pool.ts'

/** What each table holds. A field here is a column there, under the same name. */
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
  readonly occurrences: ScheduleRunRow
  readonly trigger_events: TriggerEventRow
}

export type TableName = keyof RowOf

/** How a column is kept: `json` is an array or an object in the row and text in the database; `?` may be null. */
export type ColumnKind = 'text' | 'int' | 'real' | 'flag' | 'json'
type KindOf<V> = [V] extends [boolean] ? 'flag'
  : [V] extends [number] ? 'int' | 'real'
  : [V] extends [string] ? 'text'
  : 'json'
type ColumnOf<V> = null extends V ? `${KindOf<NonNullable<V>>}?` : KindOf<V>

/** What a row does whose key is there already: take its place, yield to it, or fail the turn. */
type Conflict = 'replace' | 'keep' | 'fail'

/** How a table holds its rows. */
export interface TableOf<Row> {
  readonly key: readonly (keyof Row)[]
  /** No two rows have the same in these, but for rows that have null in one of them. */
  readonly unique?: readonly (keyof Row)[]
  readonly conflict: Conflict
  readonly columns: { readonly [C in keyof Row]-?: ColumnOf<Row[C]> }
}

/** What a database takes. */
export type SqlValue = string | number | null
