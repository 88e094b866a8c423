import type { DeliveryId, JobId, KeyId, RobotId, ScheduleId, TriggerId, WebhookId, WorkflowId } from '../base/ids.ts'
import type { Pool } from '../records/pool.ts'
import type { ViewOf } from '../records/record.ts'

/** The answers of the HTTP API. Derived from the rows, so that a field has one type from the column to the client. */

/** ISO 8601 in UTC, with milliseconds and `Z`. */
export type Time = string

/** Any JSON object: parameters, results, capabilities. */
export type Anything = Readonly<Record<string, unknown>>

type AnyId = DeliveryId | JobId | KeyId | RobotId | ScheduleId | TriggerId | WebhookId | WorkflowId
/** Branded ids are plain text outside. */
type Plain<V> = V extends AnyId ? string : V extends readonly AnyId[] ? readonly string[] : V
/** Fields of a row that are shown as they are. */
export type Shown<Row, K extends keyof Row = keyof Row> = { readonly [F in keyof Pick<Row, K>]: Plain<Row[F]> }

/** One page of a list. */
export interface Page<T> {
  readonly items: readonly T[]
  /** The cursor of the next page; null on the last. */
  readonly next_cursor: string | null
}

/** A pool. */
export type PoolView = ViewOf<typeof Pool>
