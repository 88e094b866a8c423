import type { RowOf, TableName } from './rows.ts'
import type { JobId, WebhookId } from '../../core/base/ids.ts'
import type { DeliveryRow } from '../../core/records/webhook.ts'
import type { JobRow } from '../../core/records/job.ts'

/**
 * The counterpart of a file for the memory store: a store created on it reads what earlier ones have committed. Rows
 * are shared, not copied, and frozen, so that a change to a row in memory cannot change the disk.
 */
export class MemoryDisk {
  /** Freezes rows. Copying a frozen row, as the core does with each change, is much slower. */
  readonly freezes: boolean
  epoch = 0
  seq = 0
  clock = 0
  readonly tables: { readonly [T in TableName]: Map<string, RowOf[T]> } = {
    jobs: new Map(),
    robots: new Map(),
    workflows: new Map(),
    workflow_versions: new Map(),
    definitions: new Map(),
    triggers: new Map(),
    schedules: new Map(),
    keys: new Map(),
    pools: new Map(),
    affinities: new Map(),
    idempotency: new Map(),
    webhooks: new Map(),
    deliveries: new Map(),
    job_history: new Map(),
    job_logs: new Map(),
    schedule_runs: new Map(),
    trigger_events: new Map(),
  }
  /** By table and unique columns: the key of the row that has these values. */
  readonly unique = new Map<string, string>()
  /** The pending deliveries of each webhook, so that finding them costs what is pending, not what was ever sent. */
  readonly pending = new Map<WebhookId, Map<string, DeliveryRow>>()
  /** The jobs that belong in memory, and those that wait for a later instant, so that loading costs what is live. */
  readonly live = new Map<JobId, JobRow>()

  constructor(freezes = true) {
    this.freezes = freezes
  }
}
