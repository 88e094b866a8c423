import type { RowOf, TableName } from './rows.ts'
import type { JobId, WebhookId } from '../../core/base/ids.ts'
import type { DeliveryRow } from '../../core/records/webhook.ts'
import type { JobRow } from '../../core/records/job.ts'

/**
 * What a file is to other stores: it outlives them, and a store made on it reads what earlier ones committed.
 * Rows are shared, not copied, and frozen, so that nobody can change what is on the disk by changing what he holds.
 */
export class MemoryDisk {
  /** Whether rows are frozen. Copying a frozen one, as the core does with each change, costs far more than any other. */
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
    occurrences: new Map(),
    trigger_events: new Map(),
  }
  /** By table and what must be unique: the key of the row that has it. */
  readonly unique = new Map<string, string>()
  /** What each webhook is still to be told, so that finding it costs what is pending and not what has been told. */
  readonly pending = new Map<WebhookId, Map<string, DeliveryRow>>()
  /** The jobs that belong in memory, and those whose time is far off, so that loading costs what is live. */
  readonly live = new Map<JobId, JobRow>()

  constructor(freezes = true) {
    this.freezes = freezes
  }
}
