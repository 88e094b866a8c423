import type { ReportView, RobotView } from '../../core/api/robots.ts'
import type { Millis } from '../../core/base/ids.ts'
import { instantText } from '../../core/base/instant.ts'
import { type Presence, type Report, Robot, type RobotRow } from '../../core/records/robot.ts'

/** A robot's record and its present state. */
export function robotView(robot: RobotRow, now: Presence): RobotView {
  return {
    ...Robot.show(robot),
    status: now.status,
    current_jobs: now.current_jobs,
    active_job_ids: now.active_job_ids,
    last_seen: instantOf(now.last_frame_at ?? robot.last_seen),
    last_heartbeat: instantOf(now.last_heartbeat),
    connected_since: instantOf(now.connected_since),
    conflict: now.conflict && { ...now.conflict, since: instantText(now.conflict.since) },
    metrics: now.metrics,
  }
}

/** The latest report of a robot. */
export function reportView(robot: RobotRow, report: Report, now: Presence): ReportView {
  return {
    robot_id: robot.id,
    status: report.status,
    current_jobs: report.current_jobs,
    active_job_ids: report.active_job_ids,
    uptime_seconds: report.uptime_seconds,
    system_info: report.system_info,
    metrics: now.metrics,
    at: instantText(report.at),
  }
}

function instantOf(at: Millis | null): string | null {
  return at === null ? null : instantText(at)
}
