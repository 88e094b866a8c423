import type { Strategy } from '../settings.ts'

/** Counts of one fleet, in the shapes that the API reference's engine gives them. */

/** Jobs that have not ended. */
export interface QueueStats {
  readonly queued: number
  readonly running: number
  readonly pending: number
  /** Of those in the queue. */
  readonly by_priority: Readonly<Record<'critical' | 'high' | 'normal' | 'low', number>>
  readonly total_tracked: number
}

/** Of the robots that hold a pool's tags. */
export interface PoolStats {
  readonly robots: number
  readonly available: number
  readonly utilization: number
}

/** Robots and their slots. `utilization` is a percentage of all slots, those of robots that are away included. */
export interface DispatcherStats {
  readonly total_robots: number
  readonly online: number
  readonly busy: number
  readonly offline: number
  readonly error: number
  readonly maintenance: number
  readonly total_capacity: number
  readonly current_load: number
  readonly utilization: number
  readonly strategy: Strategy
  readonly pools: Readonly<Record<string, PoolStats>>
}
