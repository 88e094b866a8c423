import * as v from 'valibot'
import { STRATEGY_NAMES } from '../settings.ts'
import { count, number, oneOf } from './fields.ts'

/** Counts of one fleet, in the shapes that the API reference's engine gives them. */

/** Jobs that have not ended. */
export const QueueStats = v.strictObject({
  queued: count,
  running: count,
  pending: count,
  /** Of those in the queue. */
  by_priority: v.strictObject({ critical: count, high: count, normal: count, low: count }),
  total_tracked: count,
})
export type QueueStats = Readonly<v.InferOutput<typeof QueueStats>>

/** Of the robots that hold a pool's tags. */
const PoolStats = v.strictObject({ robots: count, available: count, utilization: number })
export type PoolStats = Readonly<v.InferOutput<typeof PoolStats>>

/** Robots and their slots. `utilization` is a percentage of all slots, those of robots that are away included. */
export const DispatcherStats = v.strictObject({
  total_robots: count,
  online: count,
  busy: count,
  offline: count,
  error: count,
  maintenance: count,
  total_capacity: count,
  current_load: count,
  utilization: number,
  strategy: oneOf(STRATEGY_NAMES),
  pools: v.record(v.string(), PoolStats),
})
export type DispatcherStats = Readonly<v.InferOutput<typeof DispatcherStats>>
