import { HistoryEntry, LogLine } from '../../core/records/job-history.ts'
import { Job } from '../../core/records/job.ts'
import { Idempotency, Key } from '../../core/records/key.ts'
import { Affinity, Pool } from '../../core/records/pool.ts'
import { Trigger, TriggerEvent } from '../../core/records/trigger.ts'
import { Delivery, Webhook } from '../../core/records/webhook.ts'
import { Robot } from '../../core/records/robot.ts'
import { Schedule, ScheduleRun } from '../../core/records/schedule.ts'
import { Definition, Workflow, WorkflowVersion } from '../../core/records/workflow.ts'
import type { Deletions } from '../../core/turn.ts'
import type { RowOf, TableName, TableOf } from './row-of.ts'

/** Every table, column by column. A field that only the row or only this list has does not compile. */
export const TABLES = {
  jobs: {
    key: Job.key,
    unique: ['schedule_id', 'due_at'],
    conflict: 'replace',
    fixed: Job.fixed,
    columns: Job.columns,
  },
  robots: { key: Robot.key, conflict: 'replace', columns: Robot.columns },
  workflows: { key: Workflow.key, conflict: 'replace', columns: Workflow.columns },
  workflow_versions: { key: WorkflowVersion.key, conflict: 'keep', columns: WorkflowVersion.columns },
  definitions: { key: Definition.key, conflict: 'keep', columns: Definition.columns },
  triggers: { key: Trigger.key, conflict: 'replace', columns: Trigger.columns },
  schedules: { key: Schedule.key, conflict: 'replace', columns: Schedule.columns },
  keys: { key: Key.key, conflict: 'replace', columns: Key.columns },
  pools: { key: Pool.key, conflict: 'replace', columns: Pool.columns },
  affinities: { key: Affinity.key, conflict: 'replace', columns: Affinity.columns },
  idempotency: { key: Idempotency.key, conflict: 'replace', columns: Idempotency.columns },
  webhooks: { key: Webhook.key, conflict: 'replace', columns: Webhook.columns },
  deliveries: { key: Delivery.key, conflict: 'replace', columns: Delivery.columns },
  job_history: { key: HistoryEntry.key, conflict: 'fail', columns: HistoryEntry.columns },
  job_logs: { key: LogLine.key, conflict: 'fail', columns: LogLine.columns },
  schedule_runs: {
    key: ScheduleRun.key,
    unique: ['schedule_id', 'due_at', 'job_id'],
    conflict: 'fail',
    columns: ScheduleRun.columns,
  },
  trigger_events: { key: TriggerEvent.key, conflict: 'fail', columns: TriggerEvent.columns },
} as const satisfies { readonly [T in TableName]: TableOf<RowOf[T]> }

/** The rows to delete with a row of a table: those that have its key in this column. */
export const CASCADES: { readonly [T in keyof Deletions]: readonly (readonly [TableName, string])[] } = {
  schedules: [['schedules', 'id']],
  triggers: [['triggers', 'id'], ['trigger_events', 'trigger_id']],
  webhooks: [['webhooks', 'id'], ['deliveries', 'webhook_id']],
}
