import { type Effects, newEffects, type Turn } from '../core/turn.ts'
import { Receipt } from '../core/base/receipt.ts'
import type { Event } from '../core/events/index.ts'
import type { JobId } from '../core/base/ids.ts'
import { isOffered, type JobRow, type Priority } from '../core/records/job.ts'
import { DEFAULTS } from '../core/settings.ts'
import { load } from '../core/load.ts'
import type { State } from '../core/state.ts'
import { step } from '../core/step.ts'
import { complete, join, NO_ROWS, say, START, submit } from '../tests/core/bench.ts'
import { sum, timed } from './measure.ts'
import { NOTHING_PREFETCHED } from '../core/prefetch.ts'

/** A state with a queue and busy robots, to be stepped and timed. */
export interface Fleet {
  readonly state: State
  readonly robots: readonly string[]
  now: number
  jobs: number
  turns: number
}

/** Nanoseconds per event. */
export interface Costs {
  readonly submit: number
  readonly complete: number
  readonly accept: number
  /** The control. */
  readonly bare: number
}

export const ROBOT_KINDS = 10
export const JOB_KINDS = 20
/** One job in this many is of the kind that no robot can run, submitted first and with the highest priority. */
export const STUCK_EVERY = 10
/** Events of one kind that share a turn. */
export const TURN = 10
export const TURNS_PER_ROUND = 400

/** As many jobs wait, of every kind, and every robot runs one. With none waiting, the robots are idle. */
export function newFleet(queued: number, robots: number): Fleet {
  const state = load(NO_ROWS, START, 1, { ...DEFAULTS, robotsAuth: 'open', liveJobsMax: 1_000_000 })
  const fleet: Fleet = {
    state,
    robots: Array.from({ length: robots }, (_, i) => `robot-${i}`),
    now: START,
    jobs: 0,
    turns: 0,
  }
  for (let i = 0; i < queued / STUCK_EVERY; i++) take(fleet, [stuck(fleet)])
  for (const [i, robot] of fleet.robots.entries()) take(fleet, join(robot, robotTraits(i % ROBOT_KINDS)))
  if (queued === 0) return fleet
  // One job for every robot, which accepts it, and then the queue.
  for (let i = 0; state.held.size < robots; i++) take(fleet, [job(fleet, i % JOB_KINDS, 1)])
  for (const [robot, held] of state.held) {
    for (const id of held) take(fleet, [say(robot, 'job_accept', { job_id: id, offer: 1 })])
  }
  for (let i = 0; state.jobs.size < queued + robots; i++) {
    take(fleet, [job(fleet, i % JOB_KINDS, (i * 7 % 4) as Priority)])
  }
  return fleet
}

/** Completes every robot's job and submits another like the next one, so that the queue stays the same. */
export function cycles(fleet: Fleet): Omit<Costs, 'bare'> {
  const times = { submit: [] as number[], complete: [] as number[], accept: [] as number[] }
  for (let turn = 0; turn < TURNS_PER_ROUND; turn++) {
    const robots = Array.from(
      { length: TURN },
      (_, i) => fleet.robots[(turn * TURN + i) % fleet.robots.length] as string,
    )
    const completions = robots.map((robot) => complete(robot, heldBy(fleet, robot), { ok: true }))
    const after = clocked(fleet, completions, times.complete)
    const offered = [...after.rows.jobs.values()].filter(isOffered)
    const acceptances = offered.map((row) =>
      say(row.robot_id ?? '', 'job_accept', { job_id: row.id, offer: row.offer })
    )
    clocked(fleet, acceptances, times.accept)
    clocked(fleet, offered.map((row) => likewise(fleet, row)), times.submit)
  }
  const count = TURNS_PER_ROUND * TURN
  const ns = (ms: readonly number[]): number => sum(ms) * 1e6 / count
  return { submit: ns(times.submit), complete: ns(times.complete), accept: ns(times.accept) }
}

function clocked(fleet: Fleet, events: readonly Event[], times: number[]): Effects {
  let out: Effects | undefined
  times.push(timed(() => out = take(fleet, events)))
  return out as Effects
}

/**
 * Steps through the events in one turn. Every webhook call succeeds at once; its outcome is processed in a turn of its
 * own.
 */
export function take(fleet: Fleet, events: readonly Event[]): Effects {
  const turn: Turn = {
    now: ++fleet.now,
    prefetched: NOTHING_PREFETCHED,
    out: newEffects(++fleet.turns, fleet.now),
    facts: [],
  }
  for (const event of events) step(fleet.state, event, turn)
  const calls = turn.out.requests.open(new Receipt(turn.out.turn))
  if (calls.length > 0) {
    take(
      fleet,
      calls.map(({ webhook, delivery, request }) => ({
        type: 'delivery.finished',
        webhook,
        delivery,
        request,
        outcome: TAKEN,
      })),
    )
  }
  return turn.out
}

const TAKEN = { status: 200, error: '', retry_after_ms: null }

function heldBy(fleet: Fleet, robot: string): JobId {
  for (const id of (fleet.state.held as ReadonlyMap<string, ReadonlySet<JobId>>).get(robot) ?? []) return id
  throw new Error(`${robot} has nothing to do`)
}

function newId(fleet: Fleet): string {
  return `00000000-0000-4000-8000-${(++fleet.jobs).toString(16).padStart(12, '0')}`
}

function stuck(fleet: Fleet): Event {
  return submit(newId(fleet), { priority: 3, required_tags: ['nobody-has-this'] })
}

/** Twenty kinds of job: the even ones ask for a pool and perhaps SAP, the odd ones for an environment and a browser. */
function job(fleet: Fleet, kind: number, priority: Priority): Event {
  const robot = robotTraits(kind >> 1)
  return submit(newId(fleet), {
    priority,
    environment: kind % 2 === 0 || robot.environment === 'default' ? '' : robot.environment,
    required_tags: robot.tags.slice(0, 1),
    required_capabilities: kind % 2 === 1 ? ['browser'] : 'sap' in robot.capabilities ? ['sap'] : [],
  })
}

/** A new job that asks what this one asks. */
function likewise(fleet: Fleet, row: JobRow): Event {
  return submit(newId(fleet), {
    priority: row.priority,
    environment: row.environment,
    required_tags: row.required_tags,
    required_capabilities: row.required_capabilities,
  })
}

function robotTraits(kind: number) {
  return {
    environment: ['default', 'production', 'test'][kind % 3] ?? 'default',
    tags: [`pool-${kind % 5}`, 'windows'],
    capabilities: { browser: true, ...(kind % 2 === 1 ? { sap: true } : {}) },
  }
}

/** The least that an event could cost: one row in a map of that size, one in a list. */
export function bare(size: number): number {
  const rows = new Map<string, object>()
  const ids = Array.from({ length: size }, (_, i) => `00000000-0000-4000-8000-${i.toString(16).padStart(12, '0')}`)
  for (const id of ids) rows.set(id, { id })
  const count = 3 * TURNS_PER_ROUND * TURN
  const list: object[] = []
  const ms = timed(() => {
    for (let i = 0; i < count; i++) {
      const id = ids[i * 31 % size] as string
      const row = { id, at: i }
      rows.set(id, row)
      list.push(row)
    }
  })
  return list.length === count ? ms * 1e6 / count : Number.NaN
}
