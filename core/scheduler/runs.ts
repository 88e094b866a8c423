import { assert } from '../base/assert.ts'
import { forgetEarlyRuns, hasEarlyRun, skipEarlyRuns } from './early-runs.ts'
import type { Turn } from '../turn.ts'
import type { FactOf } from '../fact.ts'
import type { JobId, Millis, ScheduleId } from '../base/ids.ts'
import type { JobRow } from '../records/job.ts'
import { decideMissed, type RunDecision } from './misfire.ts'
import { stopJob } from '../jobs/transition.ts'
import { isRefusal, type Refusal } from '../base/refusal.ts'
import { publishedWorkflow } from '../workflows/definitions.ts'
import { firesAt, scheduledJobId, type ScheduleRow, type ScheduleRunRow } from '../records/schedule.ts'
import type { State } from '../state.ts'
import { createJob, DEFAULT_JOB_SPEC, NO_SOURCE } from '../jobs/create.ts'
import { saveSchedule } from './save.ts'

/**
 * Decides due instants, each once: in one turn the schedule moves on to its next instant, and a row records the outcome
 * and the reason. While draining nothing is decided, so nothing moves on.
 */

/** The deadline of a schedule has come. */
export function scheduleDue(state: State, id: ScheduleId, turn: Turn): void {
  const schedule = state.schedules.get(id)
  if (schedule !== undefined) runDue(state, schedule, turn, false)
}

/**
 * Decides the instants that are due. `ignoreJitter`: without waiting for jitter, because the schedule is about to
 * change. Returns the schedule afterwards.
 */
export function runDue(state: State, schedule: ScheduleRow, turn: Turn, ignoreJitter: boolean): ScheduleRow {
  if (state.draining || schedule.next_run === null) return schedule
  const { decisions, following } = decideMissed(schedule, turn.now, ignoreJitter)
  if (decisions.length === 0) return schedule
  for (const decision of decisions) applyDecision(state, schedule.id, decision, turn)
  // Cancelling jobs has changed other rows, possibly this one.
  const current = state.schedules.get(schedule.id) ?? schedule
  return scheduleNext(state, current, following, turn)
}

/** Sets the next due instant; everything before it is decided. */
export function scheduleNext(state: State, schedule: ScheduleRow, due: Millis | null, turn: Turn): ScheduleRow {
  const next = skipEarlyRuns(state, schedule, due)
  const until = next === null ? turn.now : Math.min(turn.now, next - 1)
  const scheduled: ScheduleRow = {
    ...schedule,
    next_run: next,
    fires_at: next === null ? null : firesAt(schedule, next),
    decided_until: Math.max(schedule.decided_until, until),
  }
  forgetEarlyRuns(state, schedule.id, scheduled.decided_until)
  saveSchedule(state, scheduled, turn)
  return scheduled
}

function applyDecision(state: State, id: ScheduleId, decision: RunDecision, turn: Turn): void {
  const { due_at, until, outcome, reason } = decision
  // It was decided while the clock was ahead, and has its row.
  if (hasEarlyRun(state, id, due_at)) return
  if (outcome === 'merged' || outcome === 'skipped') {
    return recordRun(state, id, { due_at, until, outcome, reason }, null, turn)
  }
  const job = createDueJob(state, id, due_at, turn)
  if (typeof job === 'string') {
    return recordRun(state, id, { due_at, until, outcome: 'skipped', reason: job }, null, turn)
  }
  recordRun(state, id, { due_at, until, outcome, reason }, job, turn)
}

/** Makes the job for a due instant, or returns the reason why there is none. */
function createDueJob(state: State, id: ScheduleId, due: Millis, turn: Turn): JobRow | string {
  const schedule = state.schedules.get(id)
  if (schedule === undefined) return 'NOT_FOUND'
  const others = [...state.runs.get(id) ?? []]
  const most =
    { queue_one: 2, skip: 1, queue_all: Infinity, cancel_running: Infinity, allow: Infinity }[schedule.overlap]
  if (others.length >= most) return 'overlap'
  const by = `schedule:${id}`
  const job = createRun(state, schedule, { job: scheduledJobId(id, due), by, due_at: due }, turn)
  if (isRefusal(job)) return job.refused
  if (schedule.overlap === 'cancel_running') { for (const other of others) replace(state, other, by, turn) }
  return job
}

/** Cancels a running job, once there is a job to replace it. */
function replace(state: State, id: JobId, by: string, turn: Turn): void {
  const job = state.jobs.get(id)
  if (job === undefined) return
  stopJob(state, job, 'cancel', turn, { by, detail: 'the schedule is due again' }, {
    error_type: 'Cancelled',
    error_message: 'Cancelled by the next run of its schedule',
  })
}

/** Makes a job of the schedule, and counts it. Returns the same refusals as a submission. */
export function createRun(
  state: State,
  schedule: ScheduleRow,
  given: { readonly job: JobId; readonly by: string; readonly due_at: Millis | null },
  turn: Turn,
): JobRow | Refusal {
  const workflow = publishedWorkflow(state.workflows.get(schedule.workflow_id), schedule.workflow_id, state)
  if (isRefusal(workflow)) return workflow
  const spec = {
    ...DEFAULT_JOB_SPEC,
    job: given.job,
    by: given.by,
    parameters: schedule.parameters,
    priority: schedule.priority,
    robot: schedule.robot_id,
    environment: schedule.environment,
    pool: schedule.pool,
  }
  const job = createJob(state, spec, { ...NO_SOURCE, schedule: schedule.id, due_at: given.due_at, workflow }, turn)
  if (!isRefusal(job)) {
    saveSchedule(state, { ...schedule, last_run: turn.now, run_count: schedule.run_count + 1 }, turn)
  }
  return job
}

/** Records a run, with the job that was made; null if there is none. */
export function recordRun(
  state: State,
  id: ScheduleId,
  entry: Pick<ScheduleRunRow, 'due_at' | 'until' | 'outcome' | 'reason'>,
  job: JobRow | null,
  turn: Turn,
): void {
  const { due_at, until, outcome, reason } = entry
  const schedule = state.schedules.get(id)
  assert(schedule !== undefined, 'what is due is a schedule')
  const run: ScheduleRunRow = {
    seq: ++state.seq,
    schedule_id: id,
    due_at,
    until,
    at: turn.now,
    outcome,
    reason,
    job_id: job?.id ?? null,
  }
  turn.out.scheduleRuns.push(run)
  turn.facts.push({ type: 'schedule.ran', schedule, run, job })
}

/** Counts a completed job of a schedule. */
export function countScheduleRun(state: State, { job }: FactOf<'job.ended'>, turn: Turn): void {
  const schedule = job.schedule_id === null ? undefined : state.schedules.get(job.schedule_id)
  if (schedule === undefined || job.status !== 'completed') return
  saveSchedule(state, { ...schedule, success_count: schedule.success_count + 1 }, turn)
}
