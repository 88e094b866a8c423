import { presence } from '../robots/presence.ts'
import type { DispatcherStats, PoolStats, QueueStats } from '../records/stats.ts'
import type { State } from '../state.ts'
import type { TriggerRow } from '../records/trigger.ts'
import { triggerTypeOf } from '../trigger-types/index.ts'

/** Statistics, in the format of the API reference's engine. Counted on request. */

/** Jobs that have not ended. `by_priority` counts those in the queue. */
export function queueStats(state: State): QueueStats {
  const counts = { queued: 0, running: 0, pending: 0 }
  const waiting: [number, number, number, number] = [0, 0, 0, 0]
  for (const job of state.jobs.values()) {
    if (job.status === 'queued' || job.status === 'running' || job.status === 'pending') counts[job.status]++
    if (job.status === 'queued') waiting[job.priority]++
  }
  const [low, normal, high, critical] = waiting
  return { ...counts, by_priority: { critical, high, normal, low }, total_tracked: state.jobs.size }
}

/** Robots and their slots. `utilization` is the percentage of all slots in use, those of offline robots included. */
export function dispatcherStats(state: State): DispatcherStats {
  const statuses = { online: 0, busy: 0, offline: 0, error: 0, maintenance: 0 }
  let total_capacity = 0
  let current_load = 0
  for (const robot of state.robots.values()) {
    const now = presence(state, robot.id)
    statuses[now.status]++
    total_capacity += robot.max_concurrent_jobs
    current_load += now.current_jobs
  }
  return {
    total_robots: state.robots.size,
    ...statuses,
    total_capacity,
    current_load,
    utilization: percent(current_load, total_capacity),
    strategy: state.settings.strategy,
    pools: Object.fromEntries([...state.pools.values()].map((pool) => [pool.name, poolStats(state, pool.tags)])),
  }
}

function poolStats(state: State, tags: readonly string[]): PoolStats {
  let robots = 0
  let available = 0
  let slots = 0
  let load = 0
  for (const robot of state.robots.values()) {
    if (!tags.every((tag) => robot.tags.includes(tag))) continue
    const now = presence(state, robot.id)
    robots++
    if (now.status === 'online') available++
    slots += robot.max_concurrent_jobs
    load += now.current_jobs
  }
  return { robots, available, utilization: percent(load, slots) }
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round(1000 * part / whole) / 10
}

/**
 * True if there is no live job, no connection and no source, and no deadline except the store's own: a shell may unload
 * such a state until the next request. Jobs beyond the horizon are not part of it.
 */
export function isIdle(state: State): boolean {
  return state.jobs.size === 0 && state.sockets.size === 0 && state.timers.every((why) => why.startsWith('store.')) &&
    ![...state.triggers.values()].some(isListenedFor)
}

function isListenedFor({ enabled, trigger_type, config }: TriggerRow): boolean {
  return enabled && triggerTypeOf(trigger_type).listens(config)
}
