import type { Millis } from './base/ids.ts'
import { restoreSocket } from './robots/snapshot.ts'
import { earlyRunsBySchedule } from './scheduler/early-runs.ts'
import { countFamilies } from './jobs/family.ts'
import { newConcurrencyGroups } from './queue/concurrency.ts'
import { checkJob } from './records/job.ts'
import { indexJob } from './jobs/save.ts'
import { indexKnownRobot } from './queue/known-robots.ts'
import type { Settings } from './settings.ts'
import { loadDeliveryQueues, newDeliveryQueues } from './webhooks/queue.ts'
import { loadRecent, newLimiters } from './limiter/rates.ts'
import { rng } from './base/random.ts'
import { newMatchingIndex } from './queue/matching.ts'
import type { State, StoredRows } from './state.ts'
import { newUnregistered } from './robots/unregistered.ts'
import { Timers } from './timers.ts'
import { indexKey } from './access/keys.ts'
import { indexAffinity } from './queue/save.ts'
import { indexDefinition, indexWorkflow } from './workflows/definitions.ts'
import { indexSchedule } from './scheduler/save.ts'
import { indexTrigger } from './triggers/save.ts'

/**
 * Builds the state from rows; the only way to begin. First start, restart, deployment, and recovery from a failed
 * commit use the same path. Robots with jobs get the whole grace period from now, so that our own downtime does not
 * cost them their work. `snapshots` are those of sockets that survived hibernation; sockets that are not in the state
 * afterwards must be closed.
 */
export function load(
  rows: StoredRows,
  now: Millis,
  seed: number,
  settings: Settings,
  snapshots: readonly string[] = [],
): State {
  const state = newState(rows, now, seed, settings)
  for (const robot of rows.robots) indexKnownRobot(state, undefined, robot)
  for (const definition of rows.definitions) indexDefinition(state, definition)
  for (const affinity of rows.affinities) indexAffinity(state, affinity)
  for (const key of rows.keys) indexKey(state, key)
  for (const trigger of rows.triggers) indexTrigger(state, trigger)
  loadRecent(state, rows.recent, now)
  for (const workflow of rows.workflows) indexWorkflow(state, workflow)
  for (const schedule of rows.schedules) indexSchedule(state, schedule)
  for (const job of rows.jobs) indexJob(state, checkJob(job))
  for (const robot of state.held.keys()) state.timers.set('robot.lost', robot, now + settings.graceMs)
  loadDeliveryQueues(state, rows.webhooks, rows.deliveries)
  for (const text of snapshots) restoreSocket(state, text)
  state.timers.set('store.horizon', '', now + settings.horizonMs / 2)
  state.timers.set('store.forget', '', now + settings.idempotencyMs / 24)
  return state
}

/** An empty state. */
function newState(stored: StoredRows, now: Millis, seed: number, settings: Settings): State {
  return {
    settings,
    jobs: new Map(),
    robots: new Map(stored.robots.map((robot) => [robot.id, robot])),
    workflows: new Map(),
    triggers: new Map(),
    schedules: new Map(),
    keys: new Map(),
    pools: new Map(stored.pools.map((pool) => [pool.name, pool])),
    affinities: new Map(),
    definitions: new Map(),
    webhooks: new Map(),
    deliveries: newDeliveryQueues(),
    keysBySecret: new Map(),
    held: new Map(),
    families: countFamilies(stored.members),
    runs: new Map(),
    earlyRuns: earlyRunsBySchedule(stored.earlyRuns),
    subscribers: new Map(),
    unsavedSkips: new Map(),
    matching: newMatchingIndex(settings.strategy),
    concurrency: newConcurrencyGroups(),
    timers: new Timers(),
    limiters: newLimiters(),
    random: rng(seed),
    sockets: new Map(),
    unregistered: newUnregistered(),
    sessions: new Map(),
    missing: new Map(),
    logs: new Map(),
    lateLogs: new Map(),
    logMessages: new Map(),
    takeovers: new Map(),
    warned: new Map(),
    horizonAt: now + settings.horizonMs,
    seq: stored.seq,
    offersMade: 0,
    draining: false,
  }
}
