import { durationOf } from '../../core/duration.ts'
import type { JobRow } from '../../core/job.ts'
import type { Presence } from '../../core/presence.ts'
import type { RobotRow } from '../../core/state.ts'

/** A job as the engine shows it: as it was when it was asked for, and no link to what becomes of it. */
export type Job = ReturnType<typeof jobOf>

/** A robot as it is on record, and as it was just then. */
export type Robot = ReturnType<typeof robotOf>

/** The row with the names and the types that programs expect. */
export function jobOf(job: JobRow) {
  return {
    id: job.id as string,
    workflowId: job.workflow_id as string,
    workflowName: job.workflow_name,
    workflowVersion: job.workflow_version,
    status: job.status,
    priority: job.priority,
    /** The robot that has it or had it last; before the first offer the one that was asked for. */
    robotId: (job.robot_id ?? job.pinned_robot_id) as string | null,
    robotName: job.robot_name,
    pinnedRobotId: job.pinned_robot_id as string | null,
    pool: job.pool,
    environment: job.environment,
    requiredTags: job.required_tags,
    requiredCapabilities: job.required_capabilities,
    params: JSON.parse(job.parameters) as Readonly<Record<string, unknown>>,
    scheduledTime: date(job.scheduled_time),
    createdAt: new Date(job.created_at),
    createdBy: job.created_by,
    startedAt: date(job.started_at),
    completedAt: date(job.completed_at),
    durationMs: durationOf(job),
    progress: job.progress,
    currentNode: job.current_node,
    progressMessage: job.progress_message,
    /** What the robot returned; null before the end, and where there is none. */
    result: job.result === null ? null : JSON.parse(job.result) as unknown,
    errorMessage: job.error_message,
    errorType: job.error_type,
    stackTrace: job.stack_trace,
    failedNode: job.failed_node,
    attempt: job.attempt,
    tries: job.tries,
    maxAttempts: job.max_attempts,
    retryOn: job.retry_on,
    retryOf: job.retry_of as string | null,
    retrySafety: job.retry_safety,
    deadLettered: job.dead_lettered,
    concurrencyKey: job.concurrency_key,
    concurrencyLimit: job.concurrency_limit,
    /** It has ended, and its robot has not said yet that it has stopped. */
    stopping: job.stop_until !== null,
    timeoutSeconds: job.timeout_ms / 1000,
    triggerId: job.trigger_id as string | null,
    scheduleId: job.schedule_id as string | null,
    /** The instant for which its schedule made it. */
    dueAt: date(job.due_at),
  }
}

/** The row with the names and the types that programs expect. */
export function robotOf(robot: RobotRow, now: Presence) {
  return {
    id: robot.id as string,
    name: robot.name,
    status: now.status,
    mode: robot.mode,
    environment: robot.environment,
    maxConcurrentJobs: robot.max_concurrent_jobs,
    currentJobs: now.current_jobs,
    activeJobIds: now.active_job_ids as readonly string[],
    tags: robot.tags,
    capabilities: robot.capabilities,
    createdAt: new Date(robot.created_at),
    lastSeen: date(now.heard_at ?? robot.last_seen),
  }
}

function date(at: number | null): Date | null {
  return at === null ? null : new Date(at)
}
