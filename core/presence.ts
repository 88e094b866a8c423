import { conflictOf } from './conflict.ts'
import { foreignSlots, saysOffline } from './elsewhere.ts'
import type { JobId, Millis, RobotId } from './ids.ts'
import { takesJobs } from './roster.ts'
import type { Metrics } from './seen.ts'
import type { State } from './state.ts'

/** How a robot is doing just now, and what it said last. */
export interface Presence {
  readonly status: 'offline' | 'online' | 'busy' | 'error' | 'maintenance'
  readonly current_jobs: number
  readonly active_job_ids: readonly JobId[]
  readonly connected_since: Millis | null
  /** Of a robot that is away the last one that was written down: at most `seenMs` before the last. So are its metrics. */
  readonly last_heartbeat: Millis | null
  /** Of any frame. */
  readonly last_frame_at: Millis | null
  readonly metrics: Metrics
  /** Two machines that replace each other under this id; null: it is one. */
  readonly conflict: { readonly since: Millis; readonly takeovers: number } | null
}

/**
 * For people. `busy` is a robot without a free slot, by what it runs for us and says that it runs besides; a paused one is
 * in `maintenance`; one that says it is offline is shown so, though it is connected.
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
