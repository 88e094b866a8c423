import type { JobId, KeyId, ReplyId, ScheduleId } from '../base/ids.ts'
import type { ScheduleSpec } from '../records/schedule.ts'

export interface ScheduleSaved {
  readonly type: 'schedule.saved'
  readonly reply: ReplyId
  readonly schedule: ScheduleId
  /** `create`: the id is new. `update`: it must exist. */
  readonly mode: 'create' | 'update'
  readonly by: string
  /** Checked: the pattern can be read, the zone is known, and an end comes after the start. */
  readonly spec: ScheduleSpec
  /** What the workflow is called in the schedule; null: as it is called. */
  readonly workflow_name: string | null
  /** null: as it was; a new one is enabled. */
  readonly enabled: boolean | null
}

export interface ScheduleSwitched {
  readonly type: 'schedule.switched'
  readonly reply: ReplyId
  readonly schedule: ScheduleId
  readonly enabled: boolean
  /** Why it is disabled. */
  readonly note: string
}

export interface ScheduleTriggered {
  readonly type: 'schedule.triggered'
  readonly reply: ReplyId
  readonly schedule: ScheduleId
  readonly job: JobId
  readonly by: string
  /** As of a submission. */
  readonly key: KeyId | null
}
