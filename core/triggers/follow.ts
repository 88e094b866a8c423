import type { State } from '../state.ts'
import type { FactOf } from '../fact.ts'
import { findParameters, type Turn } from '../turn.ts'
import { isOfWorkflow, type JobRow } from '../records/job.ts'
import { endTopic, scheduleTopic } from '../trigger-types/topic.ts'
import { fireOrSkip } from './fire.ts'
import { derivedId } from '../base/hash.ts'
import { toText } from '../base/json.ts'
import type { JsonText, ScheduleId } from '../base/ids.ts'
import { instantText } from '../base/instant.ts'
import { EVENT_BYTES_MAX } from '../settings.ts'
import { exceedsBytes, utf8Bytes } from '../base/text.ts'

/** A job has ended: what waits for that starts, each trigger once for each job, in the turn in which it ends. */
export function startFollowers(state: State, { job }: FactOf<'job.ended'>, turn: Turn): void {
  if (!isOfWorkflow(job)) return
  for (const id of state.subscribers.get(endTopic(job.status, job.workflow_id)) ?? []) {
    const trigger = state.triggers.get(id)
    if (trigger === undefined || !trigger.enabled) continue
    fireOrSkip(state, trigger, {
      job: derivedId(`${id} ${job.id}`, turn.now),
      by: `trigger:${id}`,
      payload: endPayload(job, findParameters(job, turn)),
      metadata: toText({ source: 'job', parent_job_id: job.id }),
      parent: job,
    }, turn)
  }
}

/**
 * The payload about a job that has ended. The robot's result is checked text, and is inserted unchanged. If both are
 * large, the parameters are left out: an event has as much room as a message. So they are if they were not fetched.
 */
function endPayload(job: JobRow, whole: JsonText | null): JsonText {
  const payload = toText({
    job_id: job.id,
    workflow_id: job.workflow_id,
    workflow_name: job.workflow_name,
    status: job.status,
    error_type: job.error_type,
    error_message: job.error_message,
    started_at: job.started_at === null ? null : instantText(job.started_at),
    completed_at: job.completed_at === null ? null : instantText(job.completed_at),
    created_by: job.created_by,
  })
  const result = job.result ?? '{}'
  const room = EVENT_BYTES_MAX - utf8Bytes(payload) - utf8Bytes(result) - 50
  const parameters = whole === null || exceedsBytes(whole, room) ? null : whole
  return `${payload.slice(0, -1)},"parameters":${parameters},"result":${result}}` as JsonText
}

/** Fires the triggers that are bound to a schedule, each once for each of its jobs. */
export function startBoundTriggers(state: State, { schedule, job }: FactOf<'schedule.ran'>, turn: Turn): void {
  if (job === null) return
  for (const id of state.subscribers.get(scheduleTopic(schedule.id)) ?? []) {
    const trigger = state.triggers.get(id)
    if (trigger === undefined || !trigger.enabled) continue
    fireOrSkip(state, trigger, {
      job: derivedId(`${id} ${job.id}`, turn.now),
      by: `trigger:${id}`,
      payload: toText({
        schedule_id: schedule.id as ScheduleId,
        schedule_name: schedule.name,
        scheduled_time: job.due_at === null ? null : instantText(job.due_at),
        run_number: schedule.run_count,
      }),
      metadata: toText({ source: 'schedule', frequency: schedule.frequency, job_id: job.id }),
      parent: null,
    }, turn)
  }
}
