import type { JobRow } from './records/job.ts'
import type { ScheduleRow, ScheduleRunRow } from './records/schedule.ts'
import type { TriggerEventRow, TriggerRow } from './records/trigger.ts'
import type { RobotRow } from './records/robot.ts'
import type { KeyRow } from './records/key.ts'

/**
 * Something that has happened in a turn and may set off more. `reactions.ts` says what. Rows are those of the moment at
 * which it happened.
 */
export type Fact =
  /** An entry was made in the history of a job: `event` says which. */
  | { readonly type: 'job.changed'; readonly job: JobRow; readonly event: string }
  | { readonly type: 'job.ended'; readonly job: JobRow }
  /** A due instant of a schedule was decided. `job`: what it has made; null where it made none. */
  | {
    readonly type: 'schedule.ran'
    readonly schedule: ScheduleRow
    readonly run: ScheduleRunRow
    readonly job: JobRow | null
  }
  /** An event has reached a trigger: it has made a job, or not. */
  | { readonly type: 'trigger.fired'; readonly trigger: TriggerRow; readonly event: TriggerEventRow }
  | { readonly type: 'robot.online' | 'robot.offline'; readonly robot: RobotRow }
  | { readonly type: 'key.revoked'; readonly key: KeyRow }

/** A fact of one type. */
export type FactOf<T extends Fact['type']> = Extract<Fact, { readonly type: T }>
