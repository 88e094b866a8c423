import { saysOffline, slotsElsewhere } from './elsewhere.ts'
import type { JobId, Millis, RobotId } from './ids.ts'
import { takesJobs } from './roster.ts'
import type { State } from './state.ts'

/** How a robot is doing just now: what is not worth a row, because it is gone with the connection. */
export interface Presence {
  readonly status: 'offline' | 'online' | 'busy' | 'error' | 'maintenance'
  readonly current_jobs: number
  readonly active_job_ids: readonly JobId[]
  readonly connected_since: Millis | null
  readonly last_heartbeat: Millis | null
  /** Of any frame. */
  readonly heard_at: Millis | null
  readonly metrics: {
    readonly cpu_percent: number | null
    readonly memory_percent: number | null
    readonly disk_percent: number | null
  }
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
  return {
    status: session === undefined || saysOffline(session)
      ? 'offline'
      : reported?.status === 'error'
      ? 'error'
      : session.paused || (robot !== undefined && !takesJobs(robot))
      ? 'maintenance'
      : held.length + slotsElsewhere(session) >= slots
      ? 'busy'
      : 'online',
    current_jobs: held.length,
    active_job_ids: held,
    connected_since: session?.since ?? null,
    last_heartbeat: reported?.at ?? null,
    heard_at: session?.heardAt ?? null,
    metrics: {
      cpu_percent: reported?.cpu_percent ?? null,
      memory_percent: reported?.memory_percent ?? null,
      disk_percent: reported?.disk_percent ?? null,
    },
  }
}
