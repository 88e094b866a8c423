import { refuseRequest, reply, type Turn } from '../turn.ts'
import type { Millis, ReplyId, ScheduleId } from '../base/ids.ts'
import { createRun, recordRun, runDue, scheduleNext } from './runs.ts'
import { cut } from '../base/text.ts'
import { isRefusal, notFound, type Refusal, refuse } from '../base/refusal.ts'
import { DRAINING } from '../jobs/create.ts'
import { withSubmissionLimit } from '../limiter/rates.ts'
import { dueAfter, type ScheduleRow, type ScheduleSpec } from '../records/schedule.ts'
import type { State } from '../state.ts'
import type { ScheduleSaved, ScheduleSwitched, ScheduleTriggered } from '../events/schedules.ts'
import { deleteSchedule } from './save.ts'

/**
 * Commands of users about schedules. Instants that are due up to now are decided first, by the schedule as it was; then
 * it changes, and its next instant is computed from now.
 */

/** Creates a schedule, or replaces its settings. */
export function scheduleSaved(state: State, event: ScheduleSaved, turn: Turn): void {
  const saved = event.mode === 'create' ? created(state, event, turn) : edited(state, event, turn)
  if (isRefusal(saved)) return refuseRequest(turn, event.reply, saved)
  reply(turn, event.reply, { type: 'schedule', schedule: saved })
}

function created(state: State, event: ScheduleSaved, turn: Turn): ScheduleRow | Refusal {
  if (state.draining) return DRAINING
  if (state.schedules.has(event.schedule)) {
    return refuse('CONFLICT', `Schedule ${event.schedule} exists already`, { fields: ['id'] })
  }
  if (state.schedules.size >= state.settings.schedulesMax) {
    return refuse('CONFLICT', `This fleet already has ${state.settings.schedulesMax} schedules`)
  }
  const never = dueAfter(event.spec, turn.now) === null ? neverDue(event.spec, turn.now) : null
  const workflow_name = never ?? workflowName(state, event)
  if (isRefusal(workflow_name)) return workflow_name
  const enabled = event.enabled ?? true
  const schedule: ScheduleRow = {
    ...event.spec,
    id: event.schedule,
    workflow_name,
    enabled,
    note: '',
    next_run: null,
    fires_at: null,
    decided_until: turn.now,
    last_run: null,
    run_count: 0,
    success_count: 0,
    created_by: event.by,
    created_at: turn.now,
    updated_at: turn.now,
  }
  return scheduleNext(state, schedule, nextOf(schedule, turn.now), turn)
}

function edited(state: State, event: ScheduleSaved, turn: Turn): ScheduleRow | Refusal {
  const known = findSchedule(state, event.schedule)
  if (isRefusal(known)) return known
  const { spec } = event
  const again = spec.run_at === known.run_at && spec.frequency === known.frequency
  if (spec.frequency === 'once' && !again && dueAfter(spec, turn.now) === null) return neverDue(spec, turn.now)
  const workflow_name = workflowName(state, event)
  if (isRefusal(workflow_name)) return workflow_name
  const before = runDue(state, known, turn, true)
  const enabled = event.enabled ?? before.enabled
  const note = enabled ? '' : before.note
  const schedule = { ...before, ...spec, workflow_name, enabled, note, updated_at: turn.now }
  return scheduleNext(state, schedule, nextOf(schedule, turn.now), turn)
}

/** Enables or disables a schedule. Instants that are missed while it is disabled are dropped. */
export function scheduleSwitched(state: State, event: ScheduleSwitched, turn: Turn): void {
  const known = findSchedule(state, event.schedule)
  if (isRefusal(known)) return refuseRequest(turn, event.reply, known)
  const { enabled } = event
  const before = runDue(state, known, turn, true)
  const switched = { ...before, enabled, note: enabled ? '' : event.note, updated_at: turn.now }
  const schedule = scheduleNext(state, switched, nextOf(switched, turn.now), turn)
  reply(turn, event.reply, { type: 'schedule', schedule })
}

/**
 * Creates a job of the schedule now, even if the schedule is disabled, and regardless of other runs. If the schedule
 * queues its runs, this one queues too.
 */
export function scheduleTriggered(state: State, event: ScheduleTriggered, turn: Turn): void {
  const known = findSchedule(state, event.schedule)
  if (isRefusal(known)) return refuseRequest(turn, event.reply, known)
  const { job, quota } = withSubmissionLimit(state, event.key, turn, () => {
    return createRun(state, known, { job: event.job, by: event.by, due_at: null }, turn)
  })
  if (isRefusal(job)) return refuseRequest(turn, event.reply, job, quota)
  recordRun(state, known.id, { due_at: null, until: null, outcome: 'fired', reason: 'by hand' }, job, turn)
  reply(turn, event.reply, { type: 'job', job, quota })
}

/** Deletes a schedule. Instants due up to now are decided; its jobs continue, and its runs stay listed. */
export function scheduleDeleted(
  state: State,
  event: { readonly reply: ReplyId; readonly schedule: ScheduleId },
  turn: Turn,
): void {
  const known = findSchedule(state, event.schedule)
  if (isRefusal(known)) return refuseRequest(turn, event.reply, known)
  const schedule = runDue(state, known, turn, true)
  deleteSchedule(state, schedule.id, turn)
  state.earlyRuns.delete(schedule.id)
  reply(turn, event.reply, { type: 'schedule', schedule })
}

/** Refuses while draining: nothing is decided then, so nothing may change that decisions depend on. */
function findSchedule(state: State, id: ScheduleId): ScheduleRow | Refusal {
  if (state.draining) return DRAINING
  return state.schedules.get(id) ?? notFound('Schedule', id)
}

function nextOf(schedule: ScheduleRow, now: Millis): Millis | null {
  return schedule.enabled ? dueAfter(schedule, Math.max(now, schedule.decided_until)) : null
}

/** The workflow must exist, but may be published later. The same goes for the pool. */
function workflowName(state: State, { spec, workflow_name: given }: ScheduleSaved): string | Refusal {
  const workflow = state.workflows.get(spec.workflow_id)
  if (workflow === undefined) {
    return notFound('Workflow', spec.workflow_id, { fields: ['workflow_id'] })
  }
  if (spec.pool !== null && !state.pools.has(spec.pool)) {
    return refuse('NOT_FOUND', `There is no pool ${cut(spec.pool, 100)}`, { fields: ['pool'] })
  }
  return given ?? workflow.name
}

/** The reason why a new schedule would never be due. */
function neverDue(spec: ScheduleSpec, now: Millis): Refusal {
  const field = spec.frequency === 'once' ? 'run_at' : spec.end_at === null ? 'cron_expression' : 'end_at'
  const why = field === 'cron_expression'
    ? 'is never due'
    : field === 'run_at' || (spec.end_at ?? 0) <= now
    ? 'must be in the future'
    : 'must not come before the first time that the schedule is due'
  return refuse('INVALID_PAYLOAD', `${field} ${why}`, { fields: [field] })
}
