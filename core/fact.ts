import type { JobRow } from './records/job.ts'
import type { ScheduleRow, ScheduleRunRow } from './records/schedule.ts'
import type { TriggerEventRow, TriggerRow } from './records/trigger.ts'
import type { RobotRow } from './records/robot.ts'
import type { KeyRow } from './records/key.ts'

/**
 * Something that happened in a turn and may have consequences, listed in `reactions.ts`. Rows are as of that moment.
 */
export type Fact =
  /** The history of a job got an entry of this kind. */
  | { readonly type: 'job.changed'; readonly job: JobRow; readonly event: string }
  | { readonly type: 'job.ended'; readonly job: JobRow }
  /** A due instant of a schedule was decided. `job` is the one that it made; null if none. */
  | {
    readonly type: 'schedule.ran'
    readonly schedule: ScheduleRow
    readonly run: ScheduleRunRow
    readonly job: JobRow | null
  }
  /** A trigger got an event, which has made a job or not. */
  | { readonly type: 'trigger.fired'; readonly trigger: TriggerRow; readonly event: TriggerEventRow }
  | { readonly type: 'robot.online' | 'robot.offline'; readonly robot: RobotRow }
  | { readonly type: 'key.revoked'; readonly key: KeyRow }

/** A fact of one type. */
export type FactOf<T extends Fact['type']> = Extract<Fact, { readonly type: T }>
