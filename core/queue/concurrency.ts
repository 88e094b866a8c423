import type { JobId, ScheduleId } from '../base/ids.ts'
import { isBlocked, isOfWorkflow, isStopping, type JobRow } from '../records/job.ts'
import { addWaiting, countWaiting, newJobClass, NO_NEEDS, removeWaiting } from './queue.ts'
import type { State } from '../state.ts'
import type { ConcurrencyGroup, ConcurrencyGroups } from '../indexes.ts'

/** Empty groups. */
export function newConcurrencyGroups(): ConcurrencyGroups {
  return { byKey: new Map(), released: new Set() }
}

/** The key of the group of all jobs of a workflow. */
export function workflowGroup(job: Pick<JobRow, 'workflow_id'>): string {
  return `workflow:${job.workflow_id}`
}

/** The key of the group of all jobs of a pool. */
export function poolGroup(name: string): string {
  return `pool:${name}`
}

/** The key of the group of all jobs of a schedule. */
export function scheduleGroup(id: ScheduleId): string {
  return `schedule:${id}`
}

/** The groups that a job belongs to. */
function concurrencyGroupsOf(job: JobRow): readonly string[] {
  const groups = isOfWorkflow(job) ? [workflowGroup(job)] : []
  if (job.pool !== null) groups.push(poolGroup(job.pool))
  if (job.concurrency_key !== null) groups.push(`key:${job.concurrency_key}`)
  if (job.schedule_id !== null) groups.push(scheduleGroup(job.schedule_id))
  return groups
}

/** The number of jobs of a group that may run at a time, as it applies to this job. */
export function concurrencyLimitOf(state: State, group: string, job: JobRow): number {
  if (group.startsWith('key:')) return job.concurrency_limit
  if (group.startsWith('schedule:') && job.schedule_id !== null) {
    return queuesItsRuns(state, job.schedule_id) ? 1 : Infinity
  }
  const limit = group.startsWith('pool:') && job.pool !== null
    ? state.pools.get(job.pool)?.max_concurrent
    : state.workflows.get(job.workflow_id)?.max_concurrent
  return limit ?? Infinity
}

/** True if jobs of the schedule wait for each other. A deleted schedule does not hold back its jobs. */
function queuesItsRuns(state: State, id: ScheduleId): boolean {
  const overlap = state.schedules.get(id)?.overlap
  return overlap === 'queue_one' || overlap === 'queue_all'
}

/** The groups whose limits hold this job back; empty if it may run. */
export function blockedBy(state: State, job: JobRow): readonly string[] {
  return concurrencyGroupsOf(job).filter((key) => {
    const running = state.concurrency.byKey.get(key)?.running
    return running !== undefined && !running.has(job.id) && running.size >= concurrencyLimitOf(state, key, job)
  })
}

/** Updates the groups after a job has changed from `before` to `job`. */
export function indexConcurrency(state: State, before: JobRow | undefined, job: JobRow): void {
  const was = {
    running: before !== undefined && countsAsRunning(before),
    waiting: before !== undefined && isBlocked(before),
  }
  const is = { running: countsAsRunning(job), waiting: isBlocked(job) }
  if (was.running === is.running && was.waiting === is.waiting) return
  for (const key of concurrencyGroupsOf(job)) {
    const group = groupOf(state.concurrency, key)
    if (is.running) group.running.add(job.id)
    else if (group.running.delete(job.id)) state.concurrency.released.add(group)
    if (is.waiting) addWaiting(group.waiting, job)
    else if (was.waiting) removeWaiting(group.waiting, job)
    if (group.running.size === 0 && countWaiting(group.waiting) === 0) {
      state.concurrency.byKey.delete(key)
      state.concurrency.released.delete(group)
    }
  }
}

/** Marks a group whose limit has changed: jobs that it now allows are released after this event. */
export function markReleased(state: State, key: string): void {
  const group = state.concurrency.byKey.get(key)
  if (group !== undefined) state.concurrency.released.add(group)
}

function countsAsRunning(job: JobRow): boolean {
  return job.status === 'queued' || job.status === 'running' || isStopping(job)
}

function groupOf(groups: ConcurrencyGroups, key: string): ConcurrencyGroup {
  const known = groups.byKey.get(key)
  if (known !== undefined) return known
  const group = { key, running: new Set<JobId>(), waiting: newJobClass(key, NO_NEEDS) }
  groups.byKey.set(key, group)
  return group
}
