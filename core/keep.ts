import type { Turn } from './effects.ts'
import type { DefinitionHash, JobId, Millis } from './ids.ts'
import { check, type HistoryRow, isHeld, isLive, isOffered, type JobRow } from './job.ts'
import type { Settings } from './limits.ts'
import { utf8Bytes } from './protocol/decode.ts'
import { placeJob, placeRobot } from './roster.ts'
import type { DefinitionRow, KeyRow, RobotRow, State, TriggerRow, WorkflowRow } from './state.ts'

/**
 * The only ways in which rows change: in memory and on the way to disk, together. The `place…` halves change memory
 * alone, with everything that is derived from the row; `load` uses them too, so that a restart derives the same.
 */
export function keepJob(state: State, job: JobRow, turn: Turn): void {
  place(state, check(job))
  turn.out.rows.jobs.set(job.id, job)
}

/** A job in memory, with its definition, its place in the queue, its deadline and its slot. */
export function place(state: State, job: JobRow): void {
  const before = state.jobs.get(job.id)
  const live = isLive(job.status)
  if (live) state.jobs.set(job.id, job)
  else state.jobs.delete(job.id)
  if (before === undefined && live) useDefinition(state, job.definition)
  if (before !== undefined && !live) releaseDefinition(state, job.definition)
  placeJob(state.roster, before, job)
  placeTimer(state, job)
  placeSlot(state, before, job)
}

/** The only way a robot changes. */
export function keepRobot(state: State, robot: RobotRow, turn: Turn): void {
  state.robots.set(robot.id, robot)
  placeRobot(state, robot.id)
  turn.out.rows.robots.set(robot.id, robot)
}

/** The only way a workflow changes. */
export function keepWorkflow(state: State, workflow: WorkflowRow, turn: Turn): void {
  placeWorkflow(state, workflow)
  turn.out.rows.workflows.set(workflow.id, workflow)
}

/** Its newest and its published definition stay in memory with it. */
export function placeWorkflow(state: State, workflow: WorkflowRow): void {
  const before = state.workflows.get(workflow.id)
  state.workflows.set(workflow.id, workflow)
  useDefinition(state, workflow.definition)
  if (workflow.published_definition !== null) useDefinition(state, workflow.published_definition)
  if (before === undefined) return
  releaseDefinition(state, before.definition)
  if (before.published_definition !== null) releaseDefinition(state, before.published_definition)
}

/** The only way a trigger changes. */
export function keepTrigger(state: State, trigger: TriggerRow, turn: Turn): void {
  state.triggers.set(trigger.id, trigger)
  turn.out.rows.triggers.set(trigger.id, trigger)
}

/** The only way a key changes. */
export function keepKey(state: State, key: KeyRow, turn: Turn): void {
  placeKey(state, key)
  turn.out.rows.keys.set(key.id, key)
}

/** A key in memory, to be found by what it hashes to. */
export function placeKey(state: State, key: KeyRow): void {
  const before = state.keys.get(key.id)
  if (before !== undefined && before.secret !== key.secret) state.keysBySecret.delete(before.secret)
  state.keys.set(key.id, key)
  state.keysBySecret.set(key.secret, key.id)
}

/** Brings a definition that is about to be used. The store keeps one copy, whoever else brings the same. */
export function keepDefinition(state: State, definition: DefinitionRow, turn: Turn): void {
  if (state.definitions.has(definition.hash)) return
  placeDefinition(state, definition)
  turn.out.rows.definitions.set(definition.hash, definition)
}

/** A definition in memory. Whoever uses it says so afterwards. */
export function placeDefinition(state: State, { hash, json }: DefinitionRow): void {
  state.definitions.set(hash, { json, sentBytes: sentBytes(json), users: 0 })
}

/** What a definition takes up in a frame, in bytes. */
export function sentBytes(json: string): number {
  return utf8Bytes(JSON.stringify(json))
}

/** Adds an entry to a job's history. What is not said is as it stands in the row. */
export function remember(
  state: State,
  job: JobRow,
  turn: Turn,
  entry: Pick<HistoryRow, 'event' | 'from_status' | 'detail'> & Partial<HistoryRow>,
): void {
  turn.out.history.push({
    seq: ++state.seq,
    job_id: job.id,
    at: turn.now,
    to_status: job.status,
    attempt: job.attempt,
    robot_id: job.robot_id,
    ...entry,
  })
}

/**
 * A job wherever it is: alive, ended earlier in this very turn, or ended long ago and fetched for us.
 * One that ended in this turn is neither in memory nor yet on disk.
 */
export function recall(state: State, id: JobId, turn: Turn): JobRow | undefined {
  return state.jobs.get(id) ?? turn.out.rows.jobs.get(id) ?? turn.found.get(id)
}

/** The one deadline that a job has in its status. */
function placeTimer(state: State, job: JobRow): void {
  const { timers } = state
  const deadline = deadlineOf(job, state.settings)
  if (deadline === null) timers.cancel('job.ready', job.id)
  else timers.set(deadline.why, job.id, deadline.at)
}

/** When something happens to the job though nobody says anything; null only once it has ended. */
export function deadlineOf(
  job: JobRow,
  settings: Settings,
): { readonly at: Millis; readonly why: 'job.ready' | 'job.unclaimed' | 'job.offer' | 'job.timeout' } | null {
  if (!isLive(job.status)) return null
  if (job.status === 'running') return { at: (job.started_at ?? 0) + job.timeout_ms, why: 'job.timeout' }
  if (job.status === 'pending') return { at: job.ready_at ?? 0, why: 'job.ready' }
  if (isOffered(job)) return { at: job.offer_until ?? 0, why: 'job.offer' }
  return { at: (job.queued_at ?? 0) + settings.queueTtlMs, why: 'job.unclaimed' }
}

function placeSlot(state: State, before: JobRow | undefined, job: JobRow): void {
  const former = before !== undefined && isHeld(before) ? before.robot_id : null
  const holder = isHeld(job) ? job.robot_id : null
  if (former === holder) return
  if (former !== null) {
    const held = state.held.get(former)
    held?.delete(job.id)
    if (held?.size === 0) state.held.delete(former)
    placeRobot(state, former)
  }
  if (holder !== null) {
    const held = state.held.get(holder)
    if (held === undefined) state.held.set(holder, new Set([job.id]))
    else held.add(job.id)
    placeRobot(state, holder)
  }
}

function useDefinition(state: State, hash: DefinitionHash): void {
  const definition = state.definitions.get(hash)
  if (definition !== undefined) definition.users++
}

function releaseDefinition(state: State, hash: DefinitionHash): void {
  const definition = state.definitions.get(hash)
  if (definition !== undefined && --definition.users === 0) state.definitions.delete(hash)
}
