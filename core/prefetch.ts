import type { DeliveryId, JobId, Millis, RobotId, WebhookId } from './base/ids.ts'
import type { JobRow } from './records/job.ts'
import type { IdempotencyRow } from './records/key.ts'
import type { DefinitionRow } from './records/workflow.ts'
import type { DeliveryRow } from './records/webhook.ts'
import type { EarlyRun } from './records/schedule.ts'
import type { HistoryRow } from './records/job-history.ts'

/** The pending deliveries of one webhook after this position, in the order in which they are due. */
export interface DeliveryPageRequest {
  readonly webhook: WebhookId
  readonly at: Millis
  readonly seq: number
}

/** Requests for the rows outside memory that an event may touch, fetched before the step. */
export interface Prefetch {
  readonly jobs: JobId[]
  /** For each of these duplicate keys, one job that has not ended or was submitted after `duplicatesSince`. */
  readonly duplicates: string[]
  duplicatesSince: Millis
  /** Each comes with the job that it names. */
  readonly idempotency: string[]
  /** Pending jobs that become ready after the first and up to the second instant; null: none. */
  due: { readonly after: Millis; readonly until: Millis } | null
  /** For each of these webhooks a page of pending deliveries, and one more row if there are more. */
  pages: readonly DeliveryPageRequest[]
  readonly deliveries: DeliveryId[]
  /**
   * For each of these jobs and robots: whether the robot ever had an offer of the job, and whether it has sent a late
   * result.
   */
  readonly interactions: { readonly job: JobId; readonly robot: RobotId }[]
  /** The clock was set back to this instant: the decided due instants after it are needed. null: they are not. */
  earlyRuns: Millis | null
}

/** A request for these rows and no others. */
export function prefetchOf(need: Partial<Prefetch>): Prefetch {
  return {
    jobs: [],
    duplicates: [],
    duplicatesSince: 0,
    idempotency: [],
    due: null,
    pages: [],
    deliveries: [],
    interactions: [],
    earlyRuns: null,
    ...need,
  }
}

/** The fetched rows. A row that is absent does not exist. */
export interface Prefetched {
  readonly jobs: ReadonlyMap<JobId, JobRow>
  readonly duplicates: ReadonlyMap<string, JobRow>
  readonly idempotency: ReadonlyMap<string, IdempotencyRow>
  readonly due: readonly JobRow[]
  /** The definitions of the jobs in `due`. */
  readonly definitions: readonly DefinitionRow[]
  /** For each requested webhook, possibly empty. */
  readonly pages: ReadonlyMap<WebhookId, readonly DeliveryRow[]>
  readonly deliveries: ReadonlyMap<DeliveryId, DeliveryRow>
  /** The first of each kind. */
  readonly interactions: readonly Interaction[]
  /** Due instants after the requested one that have already made their job. */
  readonly earlyRuns: readonly EarlyRun[]
}

/** A history entry caused by a robot: `offer` or `late_result`. */
export type Interaction = Pick<HistoryRow, 'job_id' | 'robot_id' | 'event'>

/** The result if nothing was requested. */
export const NOTHING_PREFETCHED: Prefetched = {
  jobs: new Map(),
  duplicates: new Map(),
  idempotency: new Map(),
  due: [],
  definitions: [],
  pages: new Map(),
  deliveries: new Map(),
  interactions: [],
  earlyRuns: [],
}
