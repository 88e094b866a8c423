import type { Millis } from '../../core/base/ids.ts'
import { durationOf, type HistoryRow, isLive, type JobRow, type LogRow } from '../../core/records/job.ts'
import { fromText, type JsonObject } from '../../core/base/json.ts'
import type {
  ExplanationView,
  HistoryEntry,
  JobDetail,
  JobSummary,
  KeyView,
  LogLine,
  ReportView,
  RobotView,
  ScheduleRunView,
  ScheduleView,
  SubmittedJob,
  Time,
  UpcomingRunView,
  VersionView,
  WorkflowDetail,
  WorkflowSummary,
} from '../../core/api/view.ts'
import type { ScheduleRow, ScheduleRunRow, UpcomingRun } from '../../core/records/schedule.ts'
import type { State } from '../../core/state.ts'
import { noSuitableRobot } from '../../core/explain/unsuited.ts'
import { writtenAt } from './log-text.ts'
import type { Presence, Report, RobotRow } from '../../core/records/robot.ts'
import type { VersionRow, WorkflowRow } from '../../core/records/workflow.ts'
import type { KeyRow } from '../../core/records/key.ts'
import type { Explanation } from '../../core/records/explanation.ts'

/** Rows as the API shows them: the data models of the reference, and beside them what we know besides. */

/** A job that has just been submitted, with what there is to know. */
export function submittedJob(state: State, job: JobRow): SubmittedJob {
  const warning = isLive(job.status) ? noSuitableRobot(state, job) : null
  return { ...jobSummary(job), ...(warning === null ? {} : { warnings: [warning] }) }
}

/** An instant as the API writes it: ISO 8601 in UTC, with milliseconds and `Z`. */
export function iso(at: Millis): Time
export function iso(at: Millis | null): Time | null
export function iso(at: Millis | null): Time | null {
  return at === null ? null : new Date(at).toISOString()
}

/** A job in a list: everything but what may be large or secret. */
export function jobSummary(job: JobRow): JobSummary {
  return {
    id: job.id,
    workflow_id: job.workflow_id,
    workflow_name: job.workflow_name,
    workflow_version: job.workflow_version,
    robot_id: job.robot_id ?? job.pinned_robot_id,
    robot_name: job.robot_name,
    pinned_robot_id: job.pinned_robot_id,
    pool: job.pool,
    status: job.status,
    priority: job.priority,
    environment: job.environment,
    required_tags: job.required_tags,
    required_capabilities: job.required_capabilities,
    scheduled_time: iso(job.scheduled_time),
    started_at: iso(job.started_at),
    completed_at: iso(job.completed_at),
    duration_ms: durationOf(job),
    progress: job.progress,
    current_node: job.current_node,
    progress_message: job.progress_message,
    error_message: job.error_message,
    error_type: job.error_type,
    failed_node: job.failed_node,
    attempt: job.attempt,
    tries: job.tries,
    max_attempts: job.max_attempts,
    retry_on: job.retry_on,
    retry_of: job.retry_of,
    dead_lettered: job.dead_lettered,
    concurrency_key: job.concurrency_key,
    concurrency_limit: job.concurrency_limit,
    stopping: job.stop_until !== null,
    retry_safety: job.retry_safety,
    timeout_seconds: job.timeout_ms / 1000,
    trigger_id: job.trigger_id,
    schedule_id: job.schedule_id,
    due_at: iso(job.due_at),
    parent_job_id: job.parent_job_id,
    depth: job.depth,
    created_at: iso(job.created_at),
    created_by: job.created_by,
  }
}

/** One job, whole. */
export function jobDetail(job: JobRow, definition: string | undefined, logs: string): JobDetail {
  return {
    ...jobSummary(job),
    workflow_json: definition ?? '{}',
    parameters: fromText(job.parameters) as JsonObject,
    result: job.result === null ? {} : fromText(job.result),
    stack_trace: job.stack_trace,
    logs,
  }
}

/** One line of a log. */
export function logLine(line: LogRow, job: JobRow): LogLine {
  return {
    seq: line.seq,
    timestamp: iso(line.at),
    logged_at: iso(writtenAt(line, job)),
    robot_timestamp: line.logged_at === '' ? null : line.logged_at,
    robot_id: line.robot_id,
    level: line.level,
    node_id: line.node_id,
    message: line.message,
    extra: line.extra === null ? null : fromText(line.extra),
  }
}

/** One entry of a history. */
export function historyEntry(entry: HistoryRow): HistoryEntry {
  return { ...entry, at: iso(entry.at) }
}

/** A robot as it is on record, and as it is just now. */
export function robotView(robot: RobotRow, now: Presence): RobotView {
  return {
    id: robot.id,
    name: robot.name,
    status: now.status,
    mode: robot.mode,
    environment: robot.environment,
    max_concurrent_jobs: robot.max_concurrent_jobs,
    current_jobs: now.current_jobs,
    active_job_ids: now.active_job_ids,
    last_seen: iso(now.last_frame_at ?? robot.last_seen),
    last_heartbeat: iso(now.last_heartbeat),
    connected_since: iso(now.connected_since),
    last_disconnect: robot.last_disconnect === null
      ? null
      : { ...robot.last_disconnect, at: iso(robot.last_disconnect.at) },
    conflict: now.conflict === null ? null : { ...now.conflict, since: iso(now.conflict.since) },
    tags: robot.tags,
    capabilities: robot.capabilities,
    metrics: now.metrics,
    created_at: iso(robot.created_at),
  }
}

/** A workflow in a list. */
export function workflowSummary(workflow: WorkflowRow): WorkflowSummary {
  const { execution_count, success_count, total_duration_ms } = workflow
  return {
    id: workflow.id,
    name: workflow.name,
    description: workflow.description,
    version: workflow.version,
    published_version: workflow.published_version,
    status: workflow.status,
    max_concurrent: workflow.max_concurrent,
    created_by: workflow.created_by,
    created_at: iso(workflow.created_at),
    updated_at: iso(workflow.updated_at),
    tags: workflow.tags,
    execution_count,
    success_count,
    avg_duration_ms: success_count === 0 ? 0 : Math.round(total_duration_ms / success_count),
  }
}

/** One workflow, whole, with its newest definition. */
export function workflowDetail(workflow: WorkflowRow, definition: string | undefined): WorkflowDetail {
  return { ...workflowSummary(workflow), json_definition: definition ?? '{}' }
}

/** One version of a workflow. */
export function versionView(version: VersionRow): VersionView {
  return {
    version: version.version,
    hash: version.definition,
    created_by: version.created_by,
    created_at: iso(version.created_at),
  }
}

/** A schedule. */
export function scheduleView(schedule: ScheduleRow): ScheduleView {
  const { misfire_grace_ms } = schedule
  return {
    id: schedule.id,
    name: schedule.name,
    workflow_id: schedule.workflow_id,
    workflow_name: schedule.workflow_name,
    robot_id: schedule.robot_id,
    frequency: schedule.frequency,
    cron_expression: schedule.cron_expression,
    run_at: iso(schedule.run_at),
    timezone: schedule.timezone,
    start_at: iso(schedule.start_at),
    end_at: iso(schedule.end_at),
    enabled: schedule.enabled,
    note: schedule.note,
    priority: schedule.priority,
    parameters: fromText(schedule.parameters) as JsonObject,
    environment: schedule.environment,
    pool: schedule.pool,
    jitter_seconds: schedule.jitter_ms / 1000,
    misfire: schedule.misfire,
    misfire_grace_seconds: misfire_grace_ms === null ? null : misfire_grace_ms / 1000,
    overlap: schedule.overlap,
    last_run: iso(schedule.last_run),
    next_run: iso(schedule.next_run),
    fires_at: iso(schedule.fires_at),
    run_count: schedule.run_count,
    success_count: schedule.success_count,
    created_by: schedule.created_by,
    created_at: iso(schedule.created_at),
    updated_at: iso(schedule.updated_at),
  }
}

/** An instant to come. */
export function upcomingRunView({ due_at, fires_at }: UpcomingRun): UpcomingRunView {
  return { due_at: iso(due_at), fires_at: iso(fires_at) }
}

/** One row of a schedule's ledger. */
export function scheduleRunView({ due_at, until, at, outcome, reason, job_id }: ScheduleRunRow): ScheduleRunView {
  return { due_at: iso(due_at), until: iso(until), at: iso(at), outcome, reason, job_id }
}

/** A key, without the key itself. */
export function keyView(key: KeyRow): KeyView {
  return {
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    robot_id: key.robot_id,
    created_at: iso(key.created_at),
    revoked_at: iso(key.revoked_at),
  }
}

/** What a robot has just said of itself. */
export function reportView(robot: RobotRow, report: Report, now: Presence): ReportView {
  return {
    robot_id: robot.id,
    status: report.status,
    current_jobs: report.current_jobs,
    active_job_ids: report.active_job_ids,
    uptime_seconds: report.uptime_seconds,
    system_info: report.system_info,
    metrics: now.metrics,
    at: iso(report.at),
  }
}

/** Why a job is not running. */
export function explanationView(explanation: Explanation, asOf: Millis): ExplanationView {
  const { queue } = explanation
  return {
    ...explanation,
    as_of: iso(asOf),
    queue: queue === null ? null : { ...queue, aging_at: iso(queue.aging_at) },
    next_check_at: iso(explanation.next_check_at),
  }
}
