import { Heap } from '../base/heap.ts'
import type { JobId, Millis } from '../base/ids.ts'
import { type JobRow, PRIORITIES } from '../records/job.ts'
import type { State } from '../state.ts'
import type { JobClass, JobNeeds, WaitingJob } from '../indexes.ts'

/** Needs that every robot meets. */
export const NO_NEEDS: JobNeeds = {
  environment: '',
  tags: [],
  capabilities: [],
  robot: null,
  workflow: null,
  definition: null,
}

/** The needs of a job. */
export function jobNeeds({ definitions, matching }: Pick<State, 'definitions' | 'matching'>, job: JobRow): JobNeeds {
  return {
    environment: job.environment,
    tags: job.required_tags,
    capabilities: job.required_capabilities,
    robot: job.pinned_robot_id,
    // Only workflows that a robot names distinguish jobs: otherwise every workflow would form its own class.
    workflow: matching.namedWorkflows.has(job.workflow_id) ? job.workflow_id : null,
    definition: definitions.get(job.definition)?.needs ?? null,
  }
}

/** A key that is equal for jobs that exactly the same robots can run. */
export function classKey({ environment, tags, capabilities, robot, workflow, definition }: JobNeeds): string {
  const program = definition?.key ?? ''
  if (tags.length === 0 && capabilities.length === 0 && robot === null && workflow === null) {
    // JSON text contains line breaks only as escapes, so these keys are unambiguous, and differ from the others.
    return `${environment}\n${program}`
  }
  return JSON.stringify([environment, robot, tags.toSorted(), capabilities.toSorted(), workflow, program])
}

/** A class without waiting jobs. */
export function newJobClass(key: string, needs: JobNeeds): JobClass {
  return { key, needs, byPriority: PRIORITIES.map(() => new Heap<JobId, WaitingJob>(waitsLonger)) }
}

/** The fields that decide a job's place in the queue. */
export function waitingOf(job: JobRow): WaitingJob {
  return { id: job.id, priority: job.priority, queuedAt: job.queued_at ?? job.created_at, seq: job.seq }
}

/** Adds a waiting job to its class. */
export function addWaiting(jobs: JobClass, job: JobRow): void {
  jobs.byPriority[job.priority]?.set(job.id, waitingOf(job))
}

/** Removes a job from its class. */
export function removeWaiting(jobs: JobClass, job: JobRow): void {
  jobs.byPriority[job.priority]?.delete(job.id)
}

/** The number of waiting jobs. */
export function countWaiting(jobs: JobClass): number {
  return jobs.byPriority.reduce((sum, heap) => sum + heap.size, 0)
}

/**
 * The first job in line among those that pass; undefined if there is none. Only the longest waiting of each priority
 * has to be compared, since none behind it can have aged further.
 */
export function firstWaiting(
  jobs: JobClass,
  now: Millis,
  agingMs: Millis,
  passes: (job: WaitingJob) => boolean,
): WaitingJob | undefined {
  let leader: WaitingJob | undefined
  for (const heap of jobs.byPriority) {
    const head = heap.first(passes)
    if (head !== undefined && (leader === undefined || goesBefore(head, leader, now, agingMs))) leader = head
  }
  return leader
}

/** The priority with aging: one more for each `agingMs` of waiting, and at most one above CRITICAL. */
export function effectivePriority(job: WaitingJob, now: Millis, agingMs: Millis): number {
  return Math.min(job.priority + Math.floor(Math.max(0, now - job.queuedAt) / agingMs), PRIORITIES.length)
}

/** True if `a` goes first: the more urgent, then the longer waiting, then the earlier submitted. */
export function goesBefore(a: WaitingJob, b: WaitingJob, now: Millis, agingMs: Millis): boolean {
  const urgency = effectivePriority(a, now, agingMs) - effectivePriority(b, now, agingMs)
  return urgency !== 0 ? urgency > 0 : waitsLonger(a, b)
}

function waitsLonger(a: WaitingJob, b: WaitingJob): boolean {
  return a.queuedAt < b.queuedAt || (a.queuedAt === b.queuedAt && a.seq < b.seq)
}
