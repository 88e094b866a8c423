import type { Deletions } from '../../core/effects.ts'
import type { HistoryRow, JobRow, LogRow } from '../../core/job.ts'
import type { OccurrenceRow, ScheduleRow } from '../../core/schedule.ts'
import type {
  AffinityRow,
  DefinitionRow,
  IdempotencyRow,
  KeyRow,
  PoolRow,
  RobotRow,
  TriggerRow,
  VersionRow,
  WorkflowRow,
} from '../../core/state.ts'
import type { DeliveryRow, WebhookRow } from '../../core/webhook.ts'

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
  readonly occurrences: OccurrenceRow
}

export type TableName = keyof RowOf

/** How a column is kept: `json` is an array or an object in the row and text in the database; `?` may be null. */
export type Kind = 'text' | 'int' | 'real' | 'flag' | 'json'
type KindOf<V> = [V] extends [boolean] ? 'flag'
  : [V] extends [number] ? 'int' | 'real'
  : [V] extends [string] ? 'text'
  : 'json'
type ColumnOf<V> = null extends V ? `${KindOf<NonNullable<V>>}?` : KindOf<V>

/** What a row does whose key is there already: take its place, yield to it, or fail the turn. */
type Conflict = 'replace' | 'keep' | 'fail'

interface TableOf<Row> {
  readonly key: readonly (keyof Row)[]
  /** No two rows have the same in these, but for rows that have null in one of them. */
  readonly unique?: readonly (keyof Row)[]
  readonly conflict: Conflict
  readonly columns: { readonly [C in keyof Row]-?: ColumnOf<Row[C]> }
}

/** Every table, column by column. A field that a row has and this lacks does not compile, nor the reverse. */
export const TABLES = {
  jobs: {
    key: ['id'],
    unique: ['schedule_id', 'due_at'],
    conflict: 'replace',
    columns: {
      id: 'text',
      workflow_id: 'text',
      workflow_name: 'text',
      workflow_version: 'int?',
      definition: 'text',
      pinned_robot_id: 'text?',
      pool: 'text?',
      environment: 'text',
      required_tags: 'json',
      required_capabilities: 'json',
      priority: 'int',
      parameters: 'text',
      timeout_ms: 'int',
      retry_safety: 'text',
      max_attempts: 'int',
      retry_on: 'json',
      concurrency_key: 'text?',
      concurrency_limit: 'int',
      duplicate_key: 'text?',
      retry_of: 'text?',
      scheduled_time: 'int?',
      created_at: 'int',
      created_by: 'text',
      trigger_id: 'text?',
      schedule_id: 'text?',
      due_at: 'int?',
      seq: 'int',
      status: 'text',
      attempt: 'int',
      refusals: 'int',
      tries: 'int',
      robot_id: 'text?',
      robot_name: 'text',
      queued_at: 'int?',
      ready_at: 'int?',
      offer_until: 'int?',
      stop_until: 'int?',
      started_at: 'int?',
      completed_at: 'int?',
      progress: 'int',
      current_node: 'text',
      result: 'text?',
      error_message: 'text',
      error_type: 'text',
      stack_trace: 'text',
      failed_node: 'text',
      dead_lettered: 'flag',
    },
  },
  robots: {
    key: ['id'],
    conflict: 'replace',
    columns: {
      id: 'text',
      name: 'text',
      environment: 'text',
      max_concurrent_jobs: 'int',
      tags: 'json',
      capabilities: 'json',
      mode: 'text',
      created_at: 'int',
      last_seen: 'int',
    },
  },
  workflows: {
    key: ['id'],
    conflict: 'replace',
    columns: {
      id: 'text',
      name: 'text',
      description: 'text',
      tags: 'json',
      status: 'text',
      version: 'int',
      definition: 'text',
      published_version: 'int?',
      published_definition: 'text?',
      max_concurrent: 'int?',
      created_by: 'text',
      created_at: 'int',
      updated_at: 'int',
      execution_count: 'int',
      success_count: 'int',
      total_duration_ms: 'int',
    },
  },
  workflow_versions: {
    key: ['workflow_id', 'version'],
    conflict: 'keep',
    columns: { workflow_id: 'text', version: 'int', definition: 'text', created_by: 'text', created_at: 'int' },
  },
  definitions: {
    key: ['hash'],
    conflict: 'keep',
    columns: { hash: 'text', json: 'text' },
  },
  triggers: {
    key: ['id'],
    conflict: 'replace',
    columns: {
      id: 'text',
      name: 'text',
      trigger_type: 'text',
      workflow_id: 'text',
      enabled: 'flag',
      priority: 'int',
      parameters: 'text',
      cooldown_ms: 'int',
      auth: 'text',
      secret: 'text?',
      signing: 'json?',
      allow_from: 'json',
      created_by: 'text',
      created_at: 'int',
      last_fired_at: 'int?',
      fire_count: 'int',
    },
  },
  schedules: {
    key: ['id'],
    conflict: 'replace',
    columns: {
      id: 'text',
      name: 'text',
      workflow_id: 'text',
      workflow_name: 'text',
      frequency: 'text',
      cron_expression: 'text',
      run_at: 'int?',
      timezone: 'text',
      start_at: 'int?',
      end_at: 'int?',
      parameters: 'text',
      priority: 'int',
      robot_id: 'text?',
      environment: 'text',
      pool: 'text?',
      jitter_ms: 'int',
      misfire: 'text',
      misfire_grace_ms: 'int?',
      overlap: 'text',
      enabled: 'flag',
      note: 'text',
      next_run: 'int?',
      fires_at: 'int?',
      decided_until: 'int',
      last_run: 'int?',
      run_count: 'int',
      success_count: 'int',
      created_by: 'text',
      created_at: 'int',
      updated_at: 'int',
    },
  },
  keys: {
    key: ['id'],
    conflict: 'replace',
    columns: {
      id: 'text',
      name: 'text',
      secret: 'text',
      scopes: 'json',
      robot_id: 'text?',
      created_at: 'int',
      revoked_at: 'int?',
    },
  },
  pools: {
    key: ['name'],
    conflict: 'replace',
    columns: { name: 'text', tags: 'json', max_concurrent: 'int?', workflows: 'json', created_at: 'int' },
  },
  affinities: {
    key: ['workflow_id', 'robot_id'],
    conflict: 'replace',
    columns: { workflow_id: 'text', robot_id: 'text', successes: 'int' },
  },
  idempotency: {
    key: ['key'],
    conflict: 'replace',
    columns: { key: 'text', fingerprint: 'text', job_id: 'text', status: 'text', created_at: 'int' },
  },
  webhooks: {
    key: ['id'],
    conflict: 'replace',
    columns: {
      id: 'text',
      url: 'text',
      description: 'text',
      events: 'json',
      workflow_id: 'text?',
      secret: 'text',
      former_secret: 'text?',
      former_until: 'int?',
      enabled: 'flag',
      disabled_reason: 'text',
      failing_since: 'int?',
      created_by: 'text',
      created_at: 'int',
    },
  },
  deliveries: {
    key: ['id'],
    conflict: 'replace',
    columns: {
      id: 'text',
      webhook_id: 'text',
      seq: 'int',
      event: 'text',
      payload: 'text',
      created_at: 'int',
      status: 'text',
      attempt: 'int',
      next_at: 'int?',
      status_code: 'int?',
      error: 'text',
      delivered_at: 'int?',
    },
  },
  job_history: {
    key: ['seq'],
    conflict: 'fail',
    columns: {
      seq: 'int',
      job_id: 'text',
      at: 'int',
      event: 'text',
      from_status: 'text?',
      to_status: 'text',
      attempt: 'int',
      robot_id: 'text?',
      actor: 'text',
      detail: 'text',
    },
  },
  job_logs: {
    key: ['seq'],
    conflict: 'fail',
    columns: {
      seq: 'int',
      job_id: 'text',
      robot_id: 'text',
      at: 'int',
      logged_at: 'text',
      level: 'text',
      node_id: 'text',
      message: 'text',
      extra: 'text?',
    },
  },
  occurrences: {
    key: ['seq'],
    unique: ['schedule_id', 'due_at'],
    conflict: 'fail',
    columns: {
      seq: 'int',
      schedule_id: 'text',
      due_at: 'int?',
      until: 'int?',
      at: 'int',
      outcome: 'text',
      reason: 'text',
      job_id: 'text?',
    },
  },
} as const satisfies { readonly [T in TableName]: TableOf<RowOf[T]> }

/** What goes when a row of a table is deleted by its key: the rows that name it in this column, wherever they are. */
export const GOES: { readonly [T in keyof Deletions]: readonly (readonly [TableName, string])[] } = {
  // What became of its instants is told still.
  schedules: [['schedules', 'id']],
  webhooks: [['webhooks', 'id'], ['deliveries', 'webhook_id']],
}

export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[]

export interface Column {
  readonly name: string
  readonly kind: Kind
  readonly nullable: boolean
}

/** The columns of each table in the order in which they are written and read. */
export const COLUMNS = Object.fromEntries<readonly Column[]>(
  Object.entries(TABLES).map(([table, { columns }]) => [table, Object.entries(columns).map(columnOf)]),
) as Readonly<Record<TableName, readonly Column[]>>

function columnOf([name, kept]: readonly [string, string]): Column {
  return { name, kind: kept.replace('?', '') as Kind, nullable: kept.endsWith('?') }
}
