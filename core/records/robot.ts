import type { JobId, Millis, RobotId } from '../base/ids.ts'

/**
 * `paused` ends with a resume. `resuming`: gets jobs again, and is told so until it no longer says that it is paused: a
 * word that is lost with its connection would leave it paused for ever. `draining`: told to shut down once its jobs are done; ends with its goodbye, upon which
 * it may register anew, or with a resume.
 */
export const ROBOT_MODES = ['active', 'paused', 'resuming', 'draining'] as const

export type RobotMode = (typeof ROBOT_MODES)[number]

/** A robot as it is remembered across connections and restarts. Whether it is connected is its `Session`. */
export interface RobotRow {
  readonly id: RobotId
  readonly name: string
  readonly environment: string
  readonly max_concurrent_jobs: number
  readonly tags: readonly string[]
  readonly capabilities: Readonly<Record<string, unknown>>
  /** What it has been told to do. Remembered across connections: a robot that is paused gets nothing when it returns. */
  readonly mode: RobotMode
  readonly created_at: Millis
  /** Null before its first registration. Written then and when it leaves, and now and then between: at most `seenMs` behind. */
  readonly last_seen: Millis | null
  /** Its last heartbeat and what that said of its machine, written together with `last_seen`. */
  readonly last_heartbeat: Millis | null
  readonly metrics: Metrics | null
  /** How its last connection ended. */
  readonly last_disconnect: Disconnect | null
}

/** How loaded a robot's machine is, by its own word. */
export interface Metrics {
  readonly cpu_percent: number | null
  readonly memory_percent: number | null
  readonly disk_percent: number | null
}

/** What a robot last said of itself. */
export interface Report extends Metrics {
  readonly at: Millis
  readonly status: string
  readonly current_jobs: number
  /** null: it has not said which. */
  readonly active_job_ids: readonly JobId[] | null
  readonly uptime_seconds: number | null
  readonly system_info: Readonly<Record<string, unknown>>
}

/** The end of a connection. `code` is the one with which we have closed it; null: the line broke, or the robot closed it. */
export interface Disconnect {
  readonly at: Millis
  readonly code: number | null
  readonly reason: string
}

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
