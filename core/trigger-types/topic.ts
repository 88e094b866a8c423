import type { ScheduleId, WorkflowId } from '../base/ids.ts'

/** Topics of internal events that fire triggers: the keys of `State.subscribers`. */

/** The topic of calls by this alias. */
export function callTopic(alias: string): string {
  return `call ${alias}`
}

/** A job of this workflow has ended so. */
export function endTopic(status: string, workflow: WorkflowId): string {
  return `end ${status} ${workflow}`
}

/** A schedule makes a job. */
export function scheduleTopic(schedule: ScheduleId): string {
  return `schedule ${schedule}`
}
