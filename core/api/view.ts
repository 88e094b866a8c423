import type { DeliveryId, JobId, KeyId, RobotId, ScheduleId, TriggerId, WebhookId, WorkflowId } from '../base/ids.ts'
import type { Pool } from '../records/pool.ts'
import type { ViewOf } from '../records/record.ts'

/**
 * What the HTTP API answers with. Derived from the rows, so that a field has one type from the column to the client:
 * the server makes these from rows, the client promises them.
 */

/** ISO 8601 in UTC, with milliseconds and `Z`. */
export type Time = string

/** Any JSON object: parameters, results, capabilities. */
export type Anything = Readonly<Record<string, unknown>>

type AnyId = DeliveryId | JobId | KeyId | RobotId | ScheduleId | TriggerId | WebhookId | WorkflowId
/** Ids that are told apart inside are text to everybody else. */
type Plain<V> = V extends AnyId ? string : V extends readonly AnyId[] ? readonly string[] : V
/** Fields of a row that are shown as they are. */
export type Shown<Row, K extends keyof Row = keyof Row> = { readonly [F in keyof Pick<Row, K>]: Plain<Row[F]> }

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[]
  /** Where the next page starts; null on the last. */
  readonly next_cursor: string | null
}

/** A pool. */
export type PoolView = ViewOf<typeof Pool>

/** How the process is doing. */
export interface Health {
  readonly status: 'ok' | 'recovering' | 'draining' | 'stopped'
  readonly version: string
  readonly durability: 'full' | 'relaxed' | 'server'
  /** What a power cut may take of what was answered, where that is anything. */
  readonly may_lose?: string
  readonly live_jobs: number
  readonly robots_connected: number
  /** How often a state has been loaded from the store, in whatever process. */
  readonly loads: number
  /** How the clock of the machine was set last since the process began: by `by_ms`, and how often; null: it was not. */
  readonly clock_set: { readonly at: string; readonly by_ms: number; readonly count: number } | null
}
