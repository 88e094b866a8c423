import type { DeliveryId, JobId, Millis, RobotId, WebhookId } from './base/ids.ts'
import type { JobRow } from './records/job.ts'
import type { IdempotencyRow } from './records/key.ts'
import type { DefinitionRow } from './records/workflow.ts'
import type { DeliveryRow } from './records/webhook.ts'
import type { EarlyRun } from './records/schedule.ts'
import type { HistoryRow } from './records/job-history.ts'

/** Of one webhook the pending deliveries behind this place, in the order in which they are due. */
export interface DeliveryPageRequest {
  readonly webhook: WebhookId
  readonly at: Millis
  readonly seq: number
}

/** What an event may touch outside memory, asked for before the step. */
export interface Prefetch {
  readonly jobs: JobId[]
  /** One job for each of these duplicate keys that has not ended, or was submitted after `duplicatesSince`. */
  readonly duplicates: string[]
  duplicatesSince: Millis
  /** With each of them comes the job that it names. */
  readonly idempotency: string[]
  /** Pending jobs that become ready after the one and up to the other instant; null: none are asked for. */
  due: { readonly after: Millis; readonly until: Millis } | null
  /** One page of pending deliveries for each of these webhooks, and one row more, if there are more. */
  pages: readonly DeliveryPageRequest[]
  readonly deliveries: DeliveryId[]
  /** For each of these jobs and robots: has the robot ever had an offer of the job, and has it sent a late result? */
  readonly interactions: { readonly job: JobId; readonly robot: RobotId }[]
  /** The clock was set back to this instant: which due instants after it have been decided? null: nobody asks. */
  earlyRuns: Millis | null
}

/** The answer: what is absent does not exist. */
export interface Prefetched {
  readonly jobs: ReadonlyMap<JobId, JobRow>
  readonly duplicates: ReadonlyMap<string, JobRow>
  readonly idempotency: ReadonlyMap<string, IdempotencyRow>
  readonly due: readonly JobRow[]
  /** Those of the jobs in `due`. */
  readonly definitions: readonly DefinitionRow[]
  /** For each webhook that was asked about, though there may be nothing. */
  readonly pages: ReadonlyMap<WebhookId, readonly DeliveryRow[]>
  readonly deliveries: ReadonlyMap<DeliveryId, DeliveryRow>
  /** Of each kind the first. */
  readonly interactions: readonly Interaction[]
  /** Due instants after the one that was asked about that have made their job already. */
  readonly earlyRuns: readonly EarlyRun[]
}

/** An entry in the history of a job that a robot has caused: `offer` or `late_result`. */
export type Interaction = Pick<HistoryRow, 'job_id' | 'robot_id' | 'event'>

/** What was found when nothing was asked for. */
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
