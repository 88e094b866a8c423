import type { JobId, ScheduleId } from './ids.ts'
import { isBlocked, isStopping, type JobRow } from './job.ts'
import { isOfWorkflow } from './published.ts'
import { type JobClass, newClass, NO_NEEDS, put, remove, size } from './queue.ts'
import type { State } from './state.ts'

/**
 * Limits on how many jobs run at a time: those of one workflow, of one pool, with one concurrency key, and those of a
 * schedule whose jobs wait for each other. A job passes its
 * gates when it becomes queued and is inside until it has ended, gone back, or been seen to stop; who may not pass is
 * pending until somebody leaves.
 */
export interface Gate {
  readonly key: string
  readonly inside: Set<JobId>
  readonly waiting: JobClass
}

export interface Gates {
  readonly byKey: Map<string, Gate>
  /** Those that somebody has left since they were last looked at. */
  readonly opened: Set<Gate>
}

/** No gate has anybody before it or behind it. */
export function newGates(): Gates {
  return { byKey: new Map(), opened: new Set() }
}

/** The name of the gate that all jobs of a workflow pass. */
export function workflowGate(job: Pick<JobRow, 'workflow_id'>): string {
  return `workflow:${job.workflow_id}`
}

/** The name of the gate that all jobs of a pool pass. */
export function poolGate(name: string): string {
  return `pool:${name}`
}

/** The name of the gate that all jobs of a schedule pass. */
export function scheduleGate(id: ScheduleId): string {
  return `schedule:${id}`
}

/** The gates that a job has to pass. */
function gatesOf(job: JobRow): readonly string[] {
  const gates = isOfWorkflow(job) ? [workflowGate(job)] : []
  if (job.pool !== null) gates.push(poolGate(job.pool))
  if (job.concurrency_key !== null) gates.push(`key:${job.concurrency_key}`)
  if (job.schedule_id !== null) gates.push(scheduleGate(job.schedule_id))
  return gates
}

/** How many may be inside at a time, as far as this job is concerned. */
export function limitAt(state: State, gate: string, job: JobRow): number {
  if (gate.startsWith('key:')) return job.concurrency_limit
  if (gate.startsWith('schedule:') && job.schedule_id !== null) return isQueued(state, job.schedule_id) ? 1 : Infinity
  const limit = gate.startsWith('pool:') && job.pool !== null
    ? state.pools.get(job.pool)?.max_concurrent
    : state.workflows.get(job.workflow_id)?.max_concurrent
  return limit ?? Infinity
}

/** Whether jobs of the schedule wait for each other. One that is deleted holds none of its jobs back. */
function isQueued(state: State, id: ScheduleId): boolean {
  const overlap = state.schedules.get(id)?.overlap
  return overlap === 'queue_one' || overlap === 'queue_all'
}

/** The gates that do not let this job pass now; none when it may. */
export function closedTo(state: State, job: JobRow): readonly string[] {
  return gatesOf(job).filter((key) => {
    const inside = state.gates.byKey.get(key)?.inside
    return inside !== undefined && !inside.has(job.id) && inside.size >= limitAt(state, key, job)
  })
}

/** Keeps the gates in step with a job that has changed from `before` to `job`. */
export function placeGates(state: State, before: JobRow | undefined, job: JobRow): void {
  const was = { inside: before !== undefined && isInside(before), waiting: before !== undefined && isBlocked(before) }
  const is = { inside: isInside(job), waiting: isBlocked(job) }
  if (was.inside === is.inside && was.waiting === is.waiting) return
  for (const key of gatesOf(job)) {
    const gate = gateAt(state.gates, key)
    if (is.inside) gate.inside.add(job.id)
    else if (gate.inside.delete(job.id)) state.gates.opened.add(gate)
    if (is.waiting) put(gate.waiting, job)
    else if (was.waiting) remove(gate.waiting, job)
    if (gate.inside.size === 0 && size(gate.waiting) === 0) {
      state.gates.byKey.delete(key)
      state.gates.opened.delete(gate)
    }
  }
}

/** A limit has changed: whoever may pass now is let through after this event. */
export function touchGate(state: State, key: string): void {
  const gate = state.gates.byKey.get(key)
  if (gate !== undefined) state.gates.opened.add(gate)
}

function isInside(job: JobRow): boolean {
  return job.status === 'queued' || job.status === 'running' || isStopping(job)
}

function gateAt(gates: Gates, key: string): Gate {
  const known = gates.byKey.get(key)
  if (known !== undefined) return known
  const gate = { key, inside: new Set<JobId>(), waiting: newClass(key, NO_NEEDS) }
  gates.byKey.set(key, gate)
  return gate
}
