import type { JobId, KeyId, ReplyId, ScheduleId } from '../base/ids.ts'
import type { ScheduleSpec } from '../records/schedule.ts'

export interface ScheduleSaved {
  readonly type: 'schedule.saved'
  readonly reply: ReplyId
  readonly schedule: ScheduleId
  /** `create`: the id is new. `update`: it must exist. */
  readonly mode: 'create' | 'update'
  readonly by: string
  /** Validated: the pattern can be parsed, the zone is known, and the end is after the start. */
  readonly spec: ScheduleSpec
  /** The name of the workflow in the schedule; null: the workflow's own name. */
  readonly workflow_name: string | null
  /** null: unchanged; a new one is enabled. */
  readonly enabled: boolean | null
}

export interface ScheduleSwitched {
  readonly type: 'schedule.switched'
  readonly reply: ReplyId
  readonly schedule: ScheduleId
  readonly enabled: boolean
  /** The reason why it is disabled. */
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
