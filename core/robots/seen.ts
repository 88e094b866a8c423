import type { Millis } from '../base/ids.ts'
import type { Message } from '../protocol/message.ts'
import type { Metrics, Report, RobotRow } from '../records/robot.ts'
import type { Session } from '../session.ts'

/** The last report of a robot, and the end of its last connection. */

/**
 * The report in a robot's message. An answer to a status request has the machine's load in its `system_info`, or not at
 * all: then the previous values stay.
 */
export function reportOf(
  former: Metrics | null,
  { type, payload }: Message<'heartbeat'> | Message<'status_response'>,
  now: Millis,
): Report {
  const info = type === 'status_response' ? payload.system_info ?? {} : {}
  const metric = (name: keyof Metrics): number | null => {
    const value = payload[name] ?? info[name]
    if (typeof value === 'number') return value
    return type === 'status_response' ? former?.[name] ?? null : null
  }
  return {
    at: now,
    status: payload.status,
    current_jobs: payload.current_jobs,
    active_job_ids: payload.active_job_ids ?? null,
    uptime_seconds: type === 'status_response' ? payload.uptime_seconds ?? null : null,
    system_info: info,
    cpu_percent: metric('cpu_percent'),
    memory_percent: metric('memory_percent'),
    disk_percent: metric('disk_percent'),
  }
}

/** The fields to store for a connected robot: when it was seen, and its last report. */
export function seenFields({ reported }: Session, now: Millis): Pick<RobotRow, 'last_seen'> & Partial<RobotRow> {
  if (reported === null) return { last_seen: now }
  const { cpu_percent, memory_percent, disk_percent } = reported
  return { last_seen: now, last_heartbeat: reported.at, metrics: { cpu_percent, memory_percent, disk_percent } }
}
