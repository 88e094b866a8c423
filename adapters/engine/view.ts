import { durationOf, type JobRow } from '../../core/records/job.ts'
import { wholeParameters } from '../../core/records/parameters.ts'
import { parseExact } from '../../core/base/exact.ts'
import { toText } from '../../core/base/json.ts'
import type { TriggerEventRow } from '../../core/records/trigger.ts'
import { camel } from './names.ts'
import type { Presence, RobotRow } from '../../core/records/robot.ts'
import { averageDuration, type WorkflowRow } from '../../core/records/workflow.ts'

/** A job in a list, without its definition and log. */
export type JobSummary = ReturnType<typeof jobOf>

/** A snapshot of a job. It does not change when the job does. */
export interface Job extends JobSummary {
  /** The definition that the job runs. */
  readonly workflowJson: string
  /** The last lines of the log; the first line says how many are left out. */
  readonly logs: string
}

/** A robot's record and its present state. */
export type Robot = ReturnType<typeof robotOf>

/** A workflow in a list. */
export type WorkflowSummary = ReturnType<typeof workflowOf>

/** A workflow with its definition. */
export interface Workflow extends WorkflowSummary {
  /** The newest definition. */
  readonly jsonDefinition: string
}

/** An event of a trigger with its outcome. */
export type TriggerEvent = ReturnType<typeof triggerEventOf>

/** Converts a row to the engine's names and types. */
export function jobOf(job: JobRow) {
  return {
    id: job.id as string,
    workflowId: job.workflow_id as string,
    workflowName: job.workflow_name,
    workflowVersion: job.workflow_version,
    status: job.status,
    priority: job.priority,
    /** The robot that has or had it last; before the first offer, the requested one. */
    robotId: (job.robot_id ?? job.pinned_robot_id) as string | null,
    robotName: job.robot_name,
    pinnedRobotId: job.pinned_robot_id as string | null,
    pool: job.pool,
    environment: job.environment,
    requiredTags: job.required_tags,
    requiredCapabilities: job.required_capabilities,
    params: JSON.parse(wholeParameters(job)) as Readonly<Record<string, unknown>>,
    /** The parameters as JSON, digit for digit: `parseExact` reads them without a loss. */
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
    /** The robot's result; null before the end, and if there is none. */
    result: job.result === null ? null : JSON.parse(job.result) as unknown,
    resultText: job.result as string | null,
    errorMessage: job.error_message,
    errorType: job.error_type,
    stackTrace: job.stack_trace,
    failedNode: job.failed_node,
    attempt: job.attempt,
    offer: job.offer,
    maxAttempts: job.max_attempts,
    retryOn: job.retry_on,
    retryOf: job.retry_of as string | null,
    retrySafety: job.retry_safety,
    deadLettered: job.dead_lettered,
    concurrencyKey: job.concurrency_key,
    concurrencyLimit: job.concurrency_limit,
    /** True if the job has ended and its robot has not confirmed that it stopped. */
    stopping: job.stop_until !== null,
    timeoutSeconds: job.timeout_ms / 1000,
    triggerId: job.trigger_id as string | null,
    scheduleId: job.schedule_id as string | null,
    /** The job that called it, or whose end triggered it; and the number of jobs above it. */
    parentJobId: job.parent_job_id as string | null,
    depth: job.depth,
    /** The due instant for which its schedule made it. */
    dueAt: date(job.due_at),
  }
}

/** Converts a row to the engine's names and types. */
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
    /** Numbers that no double can hold are kept, as `parseExact` reads them. */
    capabilities: parseExact(toText(robot.capabilities)) as Readonly<Record<string, unknown>>,
    createdAt: new Date(robot.created_at),
    /** Null if it never connected. */
    lastSeen: date(now.last_frame_at ?? robot.last_seen),
    /** For a robot that is offline, the last heartbeat and metrics on record. */
    lastHeartbeat: date(now.last_heartbeat),
    metrics: camel(now.metrics),
    connectedSince: date(now.connected_since),
    /** The end of its last connection. */
    lastDisconnect: robot.last_disconnect === null
      ? null
      : { ...robot.last_disconnect, at: new Date(robot.last_disconnect.at) },
    /** Two machines that replace each other under this id; null if there is only one. */
    conflict: now.conflict === null ? null : { ...now.conflict, since: new Date(now.conflict.since) },
  }
}

/** Converts a row to the engine's names and types. */
export function workflowOf(workflow: WorkflowRow) {
  return {
    id: workflow.id as string,
    name: workflow.name,
    description: workflow.description,
    version: workflow.version,
    /** The version that jobs run; null before the first publication. */
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
    avgDurationMs: averageDuration(workflow),
  }
}

/** Converts a row to the engine's names and types. */
export function triggerEventOf(event: TriggerEventRow) {
  return {
    seq: event.seq,
    triggerId: event.trigger_id as string,
    triggerType: event.trigger_type,
    workflowId: event.workflow_id as string,
    scenarioId: event.scenario_id,
    timestamp: new Date(event.timestamp),
    payload: JSON.parse(event.payload) as Readonly<Record<string, unknown>>,
    metadata: JSON.parse(event.metadata) as Readonly<Record<string, unknown>>,
    /** Payload and metadata as JSON, digit for digit. */
    payloadText: event.payload as string,
    metadataText: event.metadata as string,
    priority: event.priority,
    outcome: event.outcome,
    /** The reason why it started no job. */
    reason: event.reason,
    jobId: event.job_id as string | null,
  }
}

function date(at: number | null): Date | null {
  return at === null ? null : new Date(at)
}
