import type { Millis } from '../../core/base/ids.ts'
import type { KeyView, ReportView, RobotView, Time } from '../../core/api/view.ts'
import type { Presence, Report, RobotRow } from '../../core/records/robot.ts'
import type { KeyRow } from '../../core/records/key.ts'

/** Rows as the API shows them: the data models of the reference, and beside them what we know besides. */

/** An instant as the API writes it: ISO 8601 in UTC, with milliseconds and `Z`. */
export function iso(at: Millis): Time
export function iso(at: Millis | null): Time | null
export function iso(at: Millis | null): Time | null {
  return at === null ? null : new Date(at).toISOString()
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
