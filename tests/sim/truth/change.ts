import type { Millis, ScheduleId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { ScheduleRow, ScheduleRunRow } from '../../../core/records/schedule.ts'
import type { WebhookChange } from './webhook-truth.ts'
import type { ChainChange } from './chain-truth.ts'
import type { RobotRow } from '../../../core/records/robot.ts'
import type { WorkflowRow } from '../../../core/records/workflow.ts'
import type { PoolRow } from '../../../core/records/pool.ts'
import type { HistoryRow, LogRow } from '../../../core/records/job-history.ts'

/** One transaction as it was found on the disk. */
export interface Change {
  /** The instant at which it was found, as in rows, and in elapsed time. */
  readonly at: Millis
  readonly elapsed: Millis
  /** The instant at which the turn was decided. */
  readonly turnAt: Millis
  /** The change of the clock in it; nearly always 0. */
  readonly set: Millis
  readonly jobs: readonly { readonly before: JobRow | undefined; readonly after: JobRow }[]
  readonly history: readonly HistoryRow[]
  readonly logs: readonly LogRow[]
  readonly robots: readonly { readonly before: RobotRow | undefined; readonly after: RobotRow }[]
  readonly limits: readonly {
    readonly workflow?: WorkflowRow
    readonly pool?: PoolRow
    readonly schedule?: ScheduleRow
  }[]
  /** As they are then; undefined for those that were deleted. */
  readonly schedules: ReadonlyMap<ScheduleId, ScheduleRow | undefined>
  readonly scheduleRuns: readonly ScheduleRunRow[]
  readonly webhooks: WebhookChange
  readonly chains: ChainChange
}
