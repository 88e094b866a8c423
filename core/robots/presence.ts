import { conflictOf } from './conflict.ts'
import { saysOffline } from './foreign-work.ts'
import type { RobotId } from '../base/ids.ts'
import { foreignSlots, takesJobs } from '../queue/matching.ts'
import type { State } from '../state.ts'
import type { Presence } from '../records/robot.ts'

/**
 * The status of a robot, for people. `busy`: no free slot, counting other work that it reports. A paused robot is in
 * `maintenance`. One that reports to be offline is shown so, though it is connected.
 */
export function presence(state: State, id: RobotId): Presence {
  const session = state.sessions.get(id)
  const held = [...(state.held.get(id) ?? [])]
  const robot = state.robots.get(id)
  const slots = robot?.max_concurrent_jobs ?? 0
  const { reported } = session ?? {}
  const latest = reported ?? robot?.metrics
  const conflict = conflictOf(state, id)
  return {
    status: session === undefined || saysOffline(session)
      ? 'offline'
      : reported?.status === 'error'
      ? 'error'
      : session.paused || (robot !== undefined && !takesJobs(robot))
      ? 'maintenance'
      : held.length + foreignSlots(session) >= slots
      ? 'busy'
      : 'online',
    current_jobs: held.length,
    active_job_ids: held,
    connected_since: session?.since ?? null,
    last_heartbeat: reported?.at ?? robot?.last_heartbeat ?? null,
    last_frame_at: session?.lastFrameAt ?? null,
    metrics: {
      cpu_percent: latest?.cpu_percent ?? null,
      memory_percent: latest?.memory_percent ?? null,
      disk_percent: latest?.disk_percent ?? null,
    },
    conflict: conflict === null ? null : { since: conflict.since, takeovers: conflict.count },
  }
}
