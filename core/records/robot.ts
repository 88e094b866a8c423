import * as v from 'valibot'
import type { JobId, Millis, RobotId } from '../base/ids.ts'
import { instantText } from '../base/instant.ts'
import { anyObject, count, id, list, number, oneOf, text } from './fields.ts'
import { column, computed, hidden, instant, key, record, type RowOf, time } from './record.ts'

/**
 * `paused` ends with a resume. `resuming`: gets jobs, and gets `resume` again until it no longer reports to be paused,
 * because a message lost with its connection would leave it paused for ever. `draining`: asked to shut down once its
 * jobs are done; ends with its `disconnect`, after which it may register anew, or with a resume.
 */
export const ROBOT_MODES = ['active', 'paused', 'resuming', 'draining'] as const

export type RobotMode = (typeof ROBOT_MODES)[number]

/** The load of a robot's machine, as it reports it. */
export const Metrics = v.strictObject({
  cpu_percent: v.nullable(number),
  memory_percent: v.nullable(number),
  disk_percent: v.nullable(number),
})
export interface Metrics extends Readonly<v.InferOutput<typeof Metrics>> {}

/** The end of a connection. `code` is the one with which we have closed it; null: the line broke, or the robot closed it. */
export interface Disconnect {
  readonly at: Millis
  readonly code: number | null
  readonly reason: string
}
const DisconnectView = v.strictObject({ at: time, code: v.nullable(number), reason: text })

/** A robot's record, which lasts over connections and restarts. While it is connected, it has a `Session`. */
export const Robot = record('robots', {
  id: key(id<RobotId>()),
  name: column('text', text),
  /** The mode that a user has set. Stored, so that a paused robot gets no jobs after it reconnects. */
  mode: column('text', oneOf(ROBOT_MODES)),
  environment: column('text', text),
  max_concurrent_jobs: column('int', count),
  /** The end of its last connection. */
  last_disconnect: hidden<Disconnect, 'json?'>('json?'),
  tags: column('json', list(text)),
  capabilities: column('json', anyObject),
  created_at: instant('int'),

  /** Null before its first registration. Written then and when it leaves, and now and then between: at most `seenMs` behind. */
  last_seen: hidden<Millis, 'int?'>('int?'),
  /** Its last heartbeat and the load in it, stored together with `last_seen`. */
  last_heartbeat: hidden<Millis, 'int?'>('int?'),
  metrics: hidden<Metrics, 'json?'>('json?'),
}, {
  /** The end of its last connection. `code` is the orchestrator's; null if the connection broke or the robot closed it. */
  last_disconnect: computed(
    v.nullable(DisconnectView),
    ({ last_disconnect }: { readonly last_disconnect: Disconnect | null }) =>
      last_disconnect && { ...last_disconnect, at: instantText(last_disconnect.at) },
  ),
})
export interface RobotRow extends RowOf<typeof Robot> {}

/** The last report of a robot. */
export interface Report extends Metrics {
  readonly at: Millis
  readonly status: string
  readonly current_jobs: number
  /** null: it has not listed them. */
  readonly active_job_ids: readonly JobId[] | null
  readonly uptime_seconds: number | null
  readonly system_info: Readonly<Record<string, unknown>>
}

export const ROBOT_STATUSES = ['offline', 'online', 'busy', 'error', 'maintenance'] as const

/** The present state of a robot, and its last report. */
export interface Presence {
  readonly status: (typeof ROBOT_STATUSES)[number]
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
