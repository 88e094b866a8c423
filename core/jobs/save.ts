import type { Turn } from '../turn.ts'
import type { JsonText, Millis, RobotId, ScheduleId } from '../base/ids.ts'
import { indexConcurrency } from '../queue/concurrency.ts'
import { checkJob, isHeld, isLive, isOffered, isStopping, type JobRow } from '../records/job.ts'
import { withoutLongParameters } from '../records/parameters.ts'
import { indexRobot, indexWaiting } from '../queue/matching.ts'
import type { TimerName } from '../timers.ts'
import type { State } from '../state.ts'
import { indexDefinition, releaseDefinition, retainDefinition } from '../workflows/definitions.ts'

/**
 * The only functions that change rows, in memory and on the way to disk together. The `index…` functions change memory
 * alone, with everything that is derived from the row; `load` uses them too, so that a restart derives the same.
 */
export function saveJob(state: State, job: JobRow, turn: Turn): void {
  const { rows, created, before } = turn.out
  const former = state.jobs.get(job.id)
  if (former !== undefined && !rows.jobs.has(job.id)) before.set(job.id, former)
  indexJob(state, checkJob(job))
  // The row of a job that is created is written whole.
  const lacks = typeof job.parameters === 'number' && created.has(job.id)
  rows.jobs.set(job.id, lacks ? { ...job, parameters: rows.jobs.get(job.id)?.parameters ?? '' as JsonText } : job)
}

/** Indexes a job: its definition, its place in the queue, its deadline and its slot. */
export function indexJob(state: State, whole: JobRow): void {
  const job = withoutLongParameters(whole)
  const before = state.jobs.get(job.id)
  const inMemory = isInMemory(state, job)
  if (inMemory) state.jobs.set(job.id, job)
  else state.jobs.delete(job.id)
  if (before === undefined && inMemory) retainDefinition(state, job.definition)
  indexWaiting(state, before, job)
  indexConcurrency(state, before, job)
  setDeadline(state, job, inMemory)
  indexSlot(state, before, job)
  if (job.schedule_id !== null) indexRun(state, job.schedule_id, job, inMemory)
  // The queue finds the job by its definition, so that is released last.
  if (before !== undefined && !inMemory) releaseDefinition(state, job.definition)
}

/**
 * True if a job belongs in memory: a live one, unless its time lies beyond the horizon, and one whose robot has yet to
 * stop.
 */
function isInMemory(state: State, job: JobRow): boolean {
  if (job.status === 'pending') return job.ready_at === null || job.ready_at <= state.horizonAt
  return isLive(job.status) || isStopping(job)
}

/** Sets the one deadline that a job has in its status. */
function setDeadline(state: State, job: JobRow, inMemory: boolean): void {
  const { timers } = state
  const deadline = inMemory ? deadlineOf(state, job) : null
  if (deadline === null) timers.cancel('job.ready', job.id)
  else timers.set(deadline.why, job.id, deadline.at)
}

/**
 * The next instant at which something happens to the job without a message. Null if it has ended, and while its robot
 * is offline: then the robot's own deadline settles it.
 */
export function deadlineOf(
  state: State,
  job: JobRow,
): { readonly at: Millis; readonly why: Extract<TimerName, `job.${string}`> } | null {
  if (job.stop_until !== null) return { at: job.stop_until, why: 'job.stop' }
  if (!isLive(job.status)) return null
  if (job.status === 'running') return timeoutOf(state, job)
  if (job.status === 'pending' && job.ready_at !== null) return { at: job.ready_at, why: 'job.ready' }
  if (isOffered(job)) return { at: job.offer_until ?? 0, why: 'job.offer' }
  const since = job.queued_at ?? job.scheduled_time ?? job.created_at
  return { at: since + state.settings.queueTtlMs, why: 'job.queue-timeout' }
}

/**
 * A job may have finished in time while its robot could not report it. So it does not time out while the robot is
 * offline, nor before the robot has reconnected and reported; a robot that does not report gets two heartbeats.
 */
function timeoutOf(state: State, job: JobRow): { readonly at: Millis; readonly why: 'job.timeout' } | null {
  const session = job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
  if (session === undefined) return null
  const at = (job.started_at ?? 0) + job.timeout_ms
  const reported = session.reported === null ? session.since + 2 * state.settings.heartbeatMs : at
  return { at: Math.max(at, reported), why: 'job.timeout' }
}

/** Resets the deadlines of a robot's jobs: it has connected, disconnected, or reported for the first time. */
export function resetDeadlines(state: State, robot: RobotId): void {
  for (const id of state.held.get(robot) ?? []) {
    const job = state.jobs.get(id)
    if (job !== undefined) setDeadline(state, job, true)
  }
}

function indexSlot(state: State, before: JobRow | undefined, job: JobRow): void {
  const former = before !== undefined && isHeld(before) ? before.robot_id : null
  const holder = isHeld(job) ? job.robot_id : null
  if (former === holder) return
  if (former !== null) {
    const held = state.held.get(former)
    held?.delete(job.id)
    if (held?.size === 0) state.held.delete(former)
    indexRobot(state, former)
  }
  if (holder !== null) {
    const held = state.held.get(holder)
    if (held === undefined) state.held.set(holder, new Set([job.id]))
    else held.add(job.id)
    indexRobot(state, holder)
  }
}

function indexRun(state: State, schedule: ScheduleId, job: JobRow, inMemory: boolean): void {
  const runs = state.runs.get(schedule)
  if (inMemory && isLive(job.status)) {
    if (runs === undefined) state.runs.set(schedule, new Set([job.id]))
    else runs.add(job.id)
  } else if (runs?.delete(job.id) === true && runs.size === 0) state.runs.delete(schedule)
}

/**
 * Returns true if the horizon is due to move. Pending jobs beyond the horizon are on disk only. It moves before they
 * are needed, with a page of rows that was prefetched, and first in a turn: a job that changed earlier in the turn
 * would be compared with the old horizon and could be evicted, together with its definition, which this turn has not
 * fetched.
 */
export function isHorizonDue(state: State, now: Millis): boolean {
  return state.timers.at('store.horizon', '') <= now
}

/**
 * Moves the horizon, and loads the pending jobs that it uncovers. They come with the first event of the turn that finds
 * it due.
 */
export function moveHorizon(state: State, turn: Turn): void {
  const { horizonMs } = state.settings
  state.horizonAt = Math.max(state.horizonAt, turn.now + horizonMs)
  state.timers.set('store.horizon', '', turn.now + horizonMs / 2)
  for (const definition of turn.prefetched.definitions) {
    if (!state.definitions.has(definition.hash)) indexDefinition(state, definition)
  }
  for (const job of turn.prefetched.due) if (!state.jobs.has(job.id)) indexJob(state, checkJob(job))
}
