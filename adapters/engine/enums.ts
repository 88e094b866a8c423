import type { JobStatus as Status } from '../../core/records/job.ts'
import { TRIGGER_TYPE_NAMES, type TriggerType as Type } from '../../core/trigger-types/index.ts'
import type { Frequency } from '../../core/records/schedule.ts'
import type { Presence } from '../../core/records/robot.ts'
import type { WorkflowStatus as Published } from '../../core/records/workflow.ts'

/** The enumerations of the API reference, as objects. The engine takes and returns their values. */

type Values<T> = T[keyof T]

/** The urgency of a job; a larger number is more urgent. */
export const JobPriority = { LOW: 0, NORMAL: 1, HIGH: 2, CRITICAL: 3 } as const
export type JobPriority = Values<typeof JobPriority>

/** The statuses of a job. */
export const JobStatus = {
  PENDING: 'pending',
  QUEUED: 'queued',
  RUNNING: 'running',
  COMPLETED: 'completed',
  FAILED: 'failed',
  CANCELLED: 'cancelled',
  TIMEOUT: 'timeout',
} as const satisfies Record<string, Status>
export type JobStatus = Values<typeof JobStatus>

/** The statuses of a robot. */
export const RobotStatus = {
  OFFLINE: 'offline',
  ONLINE: 'online',
  BUSY: 'busy',
  ERROR: 'error',
  MAINTENANCE: 'maintenance',
} as const satisfies Record<string, Presence['status']>
export type RobotStatus = Values<typeof RobotStatus>

/** The frequencies of a schedule. */
export const ScheduleFrequency = {
  ONCE: 'once',
  HOURLY: 'hourly',
  DAILY: 'daily',
  WEEKLY: 'weekly',
  MONTHLY: 'monthly',
  CRON: 'cron',
} as const satisfies Record<string, Frequency>
export type ScheduleFrequency = Values<typeof ScheduleFrequency>

/** The statuses of a workflow: only published ones can be run. */
export const WorkflowStatus = {
  DRAFT: 'draft',
  PUBLISHED: 'published',
  ARCHIVED: 'archived',
} as const satisfies Record<string, Published>
export type WorkflowStatus = Values<typeof WorkflowStatus>

/** The types of triggers. */
export const TriggerType = Object.fromEntries(TRIGGER_TYPE_NAMES.map((name) => [name.toUpperCase(), name])) as {
  readonly [T in Type as Uppercase<T>]: T
}
export type TriggerType = Values<typeof TriggerType>
