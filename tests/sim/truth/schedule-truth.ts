import type { ScheduleRow } from '../../../core/records/schedule.ts'
import type { Millis } from '../../../core/base/ids.ts'

/** A schedule as the simulation knows it. */
export interface ScheduleTruth {
  readonly row: ScheduleRow
  /** Everything that was due up to here is in the program's rows, or came before the schedule was what it is. */
  readonly covered: Millis
  /** Instants that have made a job. When the clock is set back they are not due again, and all others are. */
  readonly ran: ReadonlySet<Millis>
  readonly runs: number
  readonly successes: number
  readonly lastRun: Millis | null
}
