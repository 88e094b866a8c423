import { HistoryEntry, LogLine } from '../../core/records/job-history.ts'
import { Job } from '../../core/records/job.ts'
import { Idempotency, Key } from '../../core/records/key.ts'
import { Affinity, Pool } from '../../core/records/pool.ts'
import { Trigger, TriggerEvent } from '../../core/records/trigger.ts'
import { Delivery, Webhook } from '../../core/records/webhook.ts'
import { Robot } from '../../core/records/robot.ts'
import { Schedule, ScheduleRun } from '../../core/records/schedule.ts'
import { Definition, Workflow, WorkflowVersion } from '../../core/records/workflow.ts'
import { bytesPartSql } from './bytes.ts'
import type { Deletions } from '../../core/turn.ts'
import type { RowOf, TableName, TableOf } from './row-of.ts'

/** Selects from the version of a job's workflow, which never changes: a job has the definition of it, if it has one. */
function definitionOfVersion(what: string): string {
  return `(select ${what} from workflow_versions v where v.workflow_id = jobs.workflow_id and v.version = jobs.workflow_version)`
}

/** The stored hash of a job's definition. */
export const DEFINITION = `ifnull(definition, ${definitionOfVersion('v.definition')})`

/** Every table, column by column. A field that only the row or only this list has does not compile. */
export const TABLES = {
  jobs: {
    key: Job.key,
    unique: ['schedule_id', 'due_at'],
    conflict: 'replace',
    fixed: Job.fixed,
    usual: {
      environment: '',
      required_tags: '[]',
      required_capabilities: '[]',
      priority: 1,
      timeout_ms: 3_600_000,
      retry_safety: 'unless_started',
      max_attempts: 1,
      retry_on: '[]',
      concurrency_limit: 1,
      depth: 0,
      offer: 0,
      refusals: 0,
      attempt: 0,
      offer_memory: '',
      progress: 0,
      current_node: '',
      progress_message: '',
      error_message: '',
      error_type: '',
      stack_trace: '',
      failed_node: '',
      dead_lettered: 0,
    },
    same: { robot_name: 'robot_id' },
    since: { queued_at: 'created_at', started_at: 'created_at', completed_at: 'created_at' },
    derived: { definition: definitionOfVersion(bytesPartSql('v.definition')) },
    bytes: ['id', 'workflow_id', 'definition', 'retry_of', 'parent_job_id', 'root_job_id', 'offer_memory'],
    columns: Job.columns,
  },
  robots: { key: Robot.key, conflict: 'replace', columns: Robot.columns },
  workflows: {
    key: Workflow.key,
    conflict: 'replace',
    bytes: ['definition', 'published_definition'],
    columns: Workflow.columns,
  },
  workflow_versions: {
    key: WorkflowVersion.key,
    conflict: 'keep',
    bytes: ['workflow_id', 'definition'],
    columns: WorkflowVersion.columns,
  },
  definitions: { key: Definition.key, conflict: 'keep', bytes: ['hash'], columns: Definition.columns },
  triggers: { key: Trigger.key, conflict: 'replace', columns: Trigger.columns },
  schedules: { key: Schedule.key, conflict: 'replace', columns: Schedule.columns },
  keys: { key: Key.key, conflict: 'replace', columns: Key.columns },
  pools: { key: Pool.key, conflict: 'replace', columns: Pool.columns },
  affinities: { key: Affinity.key, conflict: 'replace', columns: Affinity.columns },
  idempotency: {
    key: Idempotency.key,
    conflict: 'replace',
    bytes: ['job_id'],
    columns: Idempotency.columns,
  },
  webhooks: { key: Webhook.key, conflict: 'replace', columns: Webhook.columns },
  deliveries: { key: Delivery.key, conflict: 'replace', columns: Delivery.columns },
  job_history: { key: HistoryEntry.key, conflict: 'fail', columns: HistoryEntry.columns },
  job_logs: { key: LogLine.key, conflict: 'fail', bytes: ['job_id'], columns: LogLine.columns },
  schedule_runs: {
    key: ScheduleRun.key,
    unique: ['schedule_id', 'due_at', 'job_id'],
    conflict: 'fail',
    bytes: ['job_id'],
    columns: ScheduleRun.columns,
  },
  trigger_events: {
    key: TriggerEvent.key,
    conflict: 'fail',
    bytes: ['job_id'],
    columns: TriggerEvent.columns,
  },
} as const satisfies { readonly [T in TableName]: TableOf<RowOf[T]> }

/** The rows to delete with a row of a table: those that have its key in this column. */
export const CASCADES: { readonly [T in keyof Deletions]: readonly (readonly [TableName, string])[] } = {
  schedules: [['schedules', 'id']],
  triggers: [['triggers', 'id'], ['trigger_events', 'trigger_id']],
  webhooks: [['webhooks', 'id'], ['deliveries', 'webhook_id']],
}
