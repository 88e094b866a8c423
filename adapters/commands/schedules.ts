import type { ScheduleId } from '../../core/base/ids.ts'
import { toText } from '../../core/base/json.ts'
import { isRefusal, type Refusal } from '../../core/base/refusal.ts'
import type { NewSchedule } from '../../core/api/schedules.ts'
import { recurrenceOf } from '../../core/scheduler/recurrence.ts'
import type { ScheduleSaved } from '../../core/events/schedules.ts'

/** The event that saving a schedule is, over HTTP or from the same process; or INVALID_PAYLOAD, naming the field. */
export function saveSchedule(
  body: NewSchedule,
  given: Pick<ScheduleSaved, 'schedule' | 'mode' | 'by'>,
): Omit<ScheduleSaved, 'reply'> | Refusal {
  const recurrence = recurrenceOf({
    frequency: body.frequency,
    cron_expression: body.cron_expression,
    run_at: body.run_at,
    timezone: body.timezone,
    start_at: body.start_at,
    end_at: body.end_at,
    time_hour: body.time_hour,
    time_minute: body.time_minute,
    day_of_week: body.day_of_week,
    day_of_month: body.day_of_month,
  })
  if (isRefusal(recurrence)) return recurrence
  const { misfire_grace_seconds: grace } = body
  const plan = {
    ...recurrence,
    name: body.name,
    workflow_id: body.workflow_id,
    parameters: toText(body.parameters),
    priority: body.priority,
    robot_id: body.robot_id,
    environment: body.environment,
    pool: body.pool,
    jitter_ms: Math.round(body.jitter_seconds * 1000),
    misfire: body.misfire,
    misfire_grace_ms: grace === null ? null : Math.round(grace * 1000),
    overlap: body.overlap,
  }
  const { workflow_name, enabled } = body
  return { type: 'schedule.saved', ...given, spec: plan, workflow_name, enabled }
}

/** An id for a schedule. It is always made here: one that came again would find the ledger of the first. */
export function newScheduleId(rowId: () => string): ScheduleId {
  return rowId() as ScheduleId
}
