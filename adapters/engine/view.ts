import { durationOf, type JobRow } from '../../core/records/job.ts'
import { parseExact } from '../../core/base/exact.ts'
import { toText } from '../../core/base/json.ts'
import type { TriggerEventRow } from '../../core/records/trigger.ts'
import { workflowSummary } from '../views/records.ts'
import { camel } from './names.ts'
import type { Presence, RobotRow } from '../../core/records/robot.ts'
import type { WorkflowRow } from '../../core/records/workflow.ts'

/** A job in a list: everything but its definition and its log. */
export type JobSummary = ReturnType<typeof jobOf>

/** A job as the engine shows it: as it was when it was asked for, and no link to what becomes of it. */
export interface Job extends JobSummary {
  /** The definition that it runs. */
  readonly workflowJson: string
  /** The last lines of its log; the first says how many are left out. */
  readonly logs: string
}

/** A robot as it is on record, and as it was just then. */
export type Robot = ReturnType<typeof robotOf>

/** A workflow in a list. */
export type WorkflowSummary = ReturnType<typeof workflowOf>

/** One workflow, whole. */
export interface Workflow extends WorkflowSummary {
  /** Its newest definition. */
  readonly jsonDefinition: string
}

/** Something that has come to a trigger, and what became of it. */
export type TriggerEvent = ReturnType<typeof triggerEventOf>

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
    /** The same as JSON, digit for digit: `parseExact` reads it without a loss. */
    paramsText: job.parameters as string,
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
    resultText: job.result as string | null,
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
    /** The job that called it or whose end made it, and how many there are above it. */
    parentJobId: job.parent_job_id as string | null,
    depth: job.depth,
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
    /** With a number that no double has as `parseExact` reads it. */
    capabilities: parseExact(toText(robot.capabilities)) as Readonly<Record<string, unknown>>,
    createdAt: new Date(robot.created_at),
    /** Null for one that never came. */
    lastSeen: date(now.last_frame_at ?? robot.last_seen),
    /** Of a robot that is away its last one on record; so are its metrics. */
    lastHeartbeat: date(now.last_heartbeat),
    metrics: camel(now.metrics),
    connectedSince: date(now.connected_since),
    /** How its last connection ended. */
    lastDisconnect: robot.last_disconnect === null
      ? null
      : { ...robot.last_disconnect, at: new Date(robot.last_disconnect.at) },
    /** Two machines that replace each other under this id; null: it is one. */
    conflict: now.conflict === null ? null : { ...now.conflict, since: new Date(now.conflict.since) },
  }
}

/** The row with the names and the types that programs expect. */
export function workflowOf(workflow: WorkflowRow) {
  return {
    id: workflow.id as string,
    name: workflow.name,
    description: workflow.description,
    version: workflow.version,
    /** What jobs run; null before the first publication. */
    publishedVersion: workflow.published_version,
    status: workflow.status,
    maxConcurrent: workflow.max_concurrent,
    createdBy: workflow.created_by,
    createdAt: new Date(workflow.created_at),
    updatedAt: new Date(workflow.updated_at),
    tags: workflow.tags,
    executionCount: workflow.execution_count,
    successCount: workflow.success_count,
    /** Of the jobs that were completed. */
    avgDurationMs: workflowSummary(workflow).avg_duration_ms,
  }
}

/** The row with the names and the types that programs expect. */
export function triggerEventOf(event: TriggerEventRow) {
  return {
    seq: event.seq,
    triggerId: event.trigger_id as string,
    triggerType: event.trigger_type,
    workflowId: event.workflow_id as string,
    scenarioId: event.scenario_id,
    timestamp: new Date(event.at),
    payload: JSON.parse(event.payload) as Readonly<Record<string, unknown>>,
    metadata: JSON.parse(event.metadata) as Readonly<Record<string, unknown>>,
    /** Both as JSON, digit for digit. */
    payloadText: event.payload as string,
    metadataText: event.metadata as string,
    priority: event.priority,
    outcome: event.outcome,
    /** Why it made no job. */
    reason: event.reason,
    jobId: event.job_id as string | null,
  }
}

function date(at: number | null): Date | null {
  return at === null ? null : new Date(at)
}
