import type { Turn } from './effects.ts'
import type { DefinitionHash, JobId, Millis, RobotId, ScheduleId } from './ids.ts'
import { indexConcurrency, markReleased, scheduleGroup, workflowGroup } from './gate.ts'
import { checkJob, type HistoryRow, isHeld, isLive, isOffered, isStopping, type JobRow } from './job.ts'
import type { Cause } from './move.ts'
import { indexKnownRobot } from './known.ts'
import { utf8Bytes } from './protocol/decode.ts'
import { definitionNeeds } from './protocol/repertoire.ts'
import { indexRobot, indexWaiting } from './roster.ts'
import type { ScheduleRow } from './schedule.ts'
import type { TimerName } from './timers.ts'
import type { AffinityRow, DefinitionRow, KeyRow, PoolRow, RobotRow, State, WorkflowRow } from './state.ts'
import { subscriptionsOf, type TriggerRow } from './trigger.ts'

/**
 * The only ways in which rows change: in memory and on the way to disk, together. The `index…` functions change memory
 * alone, with everything that is derived from the row; `load` uses them too, so that a restart derives the same.
 */
export function saveJob(state: State, job: JobRow, turn: Turn): void {
  indexJob(state, checkJob(job))
  turn.out.rows.jobs.set(job.id, job)
}

/** A job in memory, with its definition, its place in the queue, its deadline and its slot. */
export function indexJob(state: State, job: JobRow): void {
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
  // By its definition it is found in the queue: that goes last.
  if (before !== undefined && !inMemory) releaseDefinition(state, job.definition)
}

/** Whether a job belongs in memory: a live one, unless its time is far off, and one whose robot has yet to stop. */
function isInMemory(state: State, job: JobRow): boolean {
  if (job.status === 'pending') return job.ready_at === null || job.ready_at <= state.horizonAt
  return isLive(job.status) || isStopping(job)
}

/** The only way a robot changes. */
export function saveRobot(state: State, robot: RobotRow, turn: Turn): void {
  const before = state.robots.get(robot.id)
  state.robots.set(robot.id, robot)
  indexKnownRobot(state, before, robot)
  indexRobot(state, robot.id)
  turn.out.rows.robots.set(robot.id, robot)
}

/** The only way a workflow changes. */
export function saveWorkflow(state: State, workflow: WorkflowRow, turn: Turn): void {
  indexWorkflow(state, workflow)
  turn.out.rows.workflows.set(workflow.id, workflow)
}

/** Its newest and its published definition stay in memory with it. */
export function indexWorkflow(state: State, workflow: WorkflowRow): void {
  const before = state.workflows.get(workflow.id)
  state.workflows.set(workflow.id, workflow)
  retainDefinition(state, workflow.definition)
  if (workflow.published_definition !== null) retainDefinition(state, workflow.published_definition)
  if (before === undefined) return
  if (before.max_concurrent !== workflow.max_concurrent) {
    markReleased(state, workflowGroup({ workflow_id: workflow.id }))
  }
  releaseDefinition(state, before.definition)
  if (before.published_definition !== null) releaseDefinition(state, before.published_definition)
}

/** The only way a pool changes. */
export function savePool(state: State, pool: PoolRow, turn: Turn): void {
  state.pools.set(pool.name, pool)
  turn.out.rows.pools.set(pool.name, pool)
}

/** The only way in which what robots are good at changes. */
export function saveAffinity(state: State, affinity: AffinityRow, turn: Turn): void {
  indexAffinity(state, affinity)
  turn.out.rows.affinities.set(`${affinity.workflow_id} ${affinity.robot_id}`, affinity)
}

/** How often a robot has completed a workflow, in memory. */
export function indexAffinity(state: State, { workflow_id, robot_id, successes }: AffinityRow): void {
  const robots = state.affinities.get(workflow_id)
  if (robots === undefined) state.affinities.set(workflow_id, new Map([[robot_id, successes]]))
  else robots.set(robot_id, successes)
}

/** The only way a trigger changes. */
export function saveTrigger(state: State, trigger: TriggerRow, turn: Turn): void {
  indexTrigger(state, trigger)
  turn.out.rows.triggers.set(trigger.id, trigger)
}

/** A trigger in memory, to be found by what it listens to. */
export function indexTrigger(state: State, trigger: TriggerRow): void {
  const before = state.triggers.get(trigger.id)
  state.triggers.set(trigger.id, trigger)
  if (before?.config === trigger.config) return
  if (before !== undefined) unsubscribe(state, before)
  for (const topic of subscriptionsOf(trigger)) {
    const subscribers = state.subscribers.get(topic)
    if (subscribers === undefined) state.subscribers.set(topic, new Set([trigger.id]))
    else subscribers.add(trigger.id)
  }
}

/** The only way a trigger goes, and its events with it. */
export function deleteTrigger(state: State, trigger: TriggerRow, turn: Turn): void {
  state.triggers.delete(trigger.id)
  unsubscribe(state, trigger)
  turn.out.rows.triggers.delete(trigger.id)
  turn.out.deletions.triggers.add(trigger.id)
}

function unsubscribe(state: State, trigger: TriggerRow): void {
  for (const topic of subscriptionsOf(trigger)) {
    const subscribers = state.subscribers.get(topic)
    subscribers?.delete(trigger.id)
    if (subscribers?.size === 0) state.subscribers.delete(topic)
  }
}

/** The only way a schedule changes. */
export function saveSchedule(state: State, schedule: ScheduleRow, turn: Turn): void {
  indexSchedule(state, schedule)
  turn.out.rows.schedules.set(schedule.id, schedule)
}

/** A schedule in memory, with its deadline. */
export function indexSchedule(state: State, schedule: ScheduleRow): void {
  const before = state.schedules.get(schedule.id)
  state.schedules.set(schedule.id, schedule)
  if (schedule.fires_at === null) state.timers.cancel('schedule.due', schedule.id)
  else state.timers.set('schedule.due', schedule.id, schedule.fires_at)
  if (before !== undefined && before.overlap !== schedule.overlap) markReleased(state, scheduleGroup(schedule.id))
}

/** The only way a schedule goes. Its jobs stay, and wait for each other no longer. */
export function deleteSchedule(state: State, id: ScheduleId, turn: Turn): void {
  state.schedules.delete(id)
  state.timers.cancel('schedule.due', id)
  markReleased(state, scheduleGroup(id))
  turn.out.rows.schedules.delete(id)
  turn.out.deletions.schedules.add(id)
}

/** The only way a key changes. */
export function saveKey(state: State, key: KeyRow, turn: Turn): void {
  indexKey(state, key)
  turn.out.rows.keys.set(key.id, key)
}

/** A key in memory, to be found by what it hashes to. */
export function indexKey(state: State, key: KeyRow): void {
  const before = state.keys.get(key.id)
  if (before !== undefined && before.secret !== key.secret) state.keysBySecret.delete(before.secret)
  state.keys.set(key.id, key)
  state.keysBySecret.set(key.secret, key.id)
}

/** Brings a definition that is about to be used. The store keeps one copy, whoever else brings the same. */
export function saveDefinition(state: State, definition: DefinitionRow, turn: Turn): void {
  if (state.definitions.has(definition.hash)) return
  indexDefinition(state, definition)
  turn.out.rows.definitions.set(definition.hash, definition)
}

/** A definition in memory. Whoever uses it says so afterwards. */
export function indexDefinition(state: State, { hash, json }: DefinitionRow): void {
  state.definitions.set(hash, { json, sentBytes: sentBytes(json), needs: definitionNeeds(json), references: 0 })
}

/** A definition that was brought for a job which does not stay in memory does not stay either. */
export function evictUnused(state: State, hash: DefinitionHash): void {
  if (state.definitions.get(hash)?.references === 0) state.definitions.delete(hash)
}

/** What a definition takes up in a frame, in bytes. */
export function sentBytes(json: string): number {
  return utf8Bytes(JSON.stringify(json))
}

/** What is to be remembered of something that happened to a job. What is not said is as it stands in the row. */
export interface HistoryInput extends Pick<HistoryRow, 'event' | 'from_status'> {
  readonly cause: Cause
  readonly attempt?: number
  readonly robot_id?: RobotId | null
}

/** Adds an entry to a job's history. */
export function recordHistory(state: State, job: JobRow, turn: Turn, entry: HistoryInput): void {
  turn.out.history.push({
    seq: ++state.seq,
    job_id: job.id,
    at: turn.now,
    event: entry.event,
    from_status: entry.from_status,
    to_status: job.status,
    attempt: entry.attempt ?? job.attempt,
    robot_id: entry.robot_id === undefined ? job.robot_id : entry.robot_id,
    actor: entry.cause.by,
    detail: entry.cause.detail,
  })
  turn.facts.push({ type: 'job.changed', job, event: entry.event })
}

/** Finds a job: in memory, ended earlier in this turn and not yet on disk, or ended long ago and prefetched. */
export function findJob(state: State, id: JobId, turn: Turn): JobRow | undefined {
  return state.jobs.get(id) ?? turn.out.rows.jobs.get(id) ?? turn.prefetched.jobs.get(id)
}

/** The one deadline that a job has in its status. */
function setDeadline(state: State, job: JobRow, inMemory: boolean): void {
  const { timers } = state
  const deadline = inMemory ? deadlineOf(state, job) : null
  if (deadline === null) timers.cancel('job.ready', job.id)
  else timers.set(deadline.why, job.id, deadline.at)
}

/**
 * When something happens to the job though no message comes; null once it has ended, and while it runs on a robot that is
 * away: then the robot's own deadline settles it.
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
 * A job that finished in time while its robot could not say so has not run too long. So nothing times out while the robot
 * is away, nor before it has come back and reported; a robot that does not report gets two heartbeats.
 */
function timeoutOf(state: State, job: JobRow): { readonly at: Millis; readonly why: 'job.timeout' } | null {
  const session = job.robot_id === null ? undefined : state.sessions.get(job.robot_id)
  if (session === undefined) return null
  const at = (job.started_at ?? 0) + job.timeout_ms
  const reported = session.reported === null ? session.since + 2 * state.settings.heartbeatMs : at
  return { at: Math.max(at, reported), why: 'job.timeout' }
}

/** Sets the deadlines of a robot's jobs anew: it has come, gone, or reported for the first time. */
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

function retainDefinition(state: State, hash: DefinitionHash): void {
  const definition = state.definitions.get(hash)
  if (definition !== undefined) definition.references++
}

function releaseDefinition(state: State, hash: DefinitionHash): void {
  const definition = state.definitions.get(hash)
  if (definition !== undefined && --definition.references === 0) state.definitions.delete(hash)
}
