import type { Millis } from './ids.ts'
import { restore } from './attachment.ts'
import { aheadOf } from './ahead.ts'
import { countFamilies } from './family.ts'
import { newGates } from './gate.ts'
import { check } from './job.ts'
import { place, placeAffinity, placeDefinition, placeKey, placeSchedule, placeTrigger, placeWorkflow } from './keep.ts'
import { placeKnown } from './known.ts'
import type { Settings } from './limits.ts'
import { loadOutbox, newOutbox } from './outbox.ts'
import { newLimiters, placeRecent } from './rate.ts'
import { rng } from './random.ts'
import { newRoster } from './roster.ts'
import type { Hot, State } from './state.ts'
import { newStrangers } from './strangers.ts'
import { Timers } from './timers.ts'

/**
 * The state that these rows make. The only way to begin: first start, restart, deploy, and recovery from a commit
 * that failed are one path. Robots with jobs get the whole grace period from now, so that our own downtime does not
 * cost them their work. `attached` is what the sockets carry that are open still, where memory alone has gone; those
 * that are not in the state then must be closed.
 */
export function load(
  hot: Hot,
  now: Millis,
  seed: number,
  settings: Settings,
  attached: readonly string[] = [],
): State {
  const state = newState(hot, now, seed, settings)
  for (const robot of hot.robots) placeKnown(state, undefined, robot)
  for (const definition of hot.definitions) placeDefinition(state, definition)
  for (const affinity of hot.affinities) placeAffinity(state, affinity)
  for (const key of hot.keys) placeKey(state, key)
  for (const trigger of hot.triggers) placeTrigger(state, trigger)
  placeRecent(state, hot.recent, now)
  for (const workflow of hot.workflows) placeWorkflow(state, workflow)
  for (const schedule of hot.schedules) placeSchedule(state, schedule)
  for (const job of hot.jobs) place(state, check(job))
  for (const robot of state.held.keys()) state.timers.set('robot.lost', robot, now + settings.graceMs)
  loadOutbox(state, hot.webhooks, hot.deliveries)
  for (const text of attached) restore(state, text)
  state.timers.set('store.horizon', '', now + settings.horizonMs / 2)
  state.timers.set('store.forget', '', now + settings.idempotencyMs / 24)
  return state
}

/** A state with nothing in it yet but what its containers are made from. */
function newState(hot: Hot, now: Millis, seed: number, settings: Settings): State {
  return {
    settings,
    jobs: new Map(),
    robots: new Map(hot.robots.map((robot) => [robot.id, robot])),
    workflows: new Map(),
    triggers: new Map(),
    schedules: new Map(),
    keys: new Map(),
    pools: new Map(hot.pools.map((pool) => [pool.name, pool])),
    affinities: new Map(),
    definitions: new Map(),
    webhooks: new Map(),
    outbox: newOutbox(),
    keysBySecret: new Map(),
    held: new Map(),
    families: countFamilies(hot.members),
    runs: new Map(),
    ahead: aheadOf(hot.ahead),
    listening: new Map(),
    roster: newRoster(settings.strategy),
    gates: newGates(),
    timers: new Timers(),
    limiters: newLimiters(),
    random: rng(seed),
    sockets: new Map(),
    strangers: newStrangers(),
    sessions: new Map(),
    missing: new Map(),
    logs: new Map(),
    lateLogs: new Map(),
    logMessages: new Map(),
    takeovers: new Map(),
    warned: new Map(),
    horizonAt: now + settings.horizonMs,
    seq: hot.seq,
    offers: 0,
    draining: false,
  }
}
