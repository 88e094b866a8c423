import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { JobRow } from '../core/records/job.ts'
import { DEFAULTS } from '../core/settings.ts'
import { load } from '../core/load.ts'
import type { State, StoredRows } from '../core/state.ts'
import { NO_ROWS, START } from '../tests/core/bench.ts'
import { startChild } from './child.ts'
import { type Costs, JOB_KINDS, newFleet, ROBOT_KINDS, STUCK_EVERY, TURN, TURNS_PER_ROUND } from './fleet.ts'
import { median, timed } from './measure.ts'
import { type Bound, number, type Table } from './table.ts'
import { webhookBench } from './webhooks.ts'

/** The core alone: no store, no sockets, no JSON. What one event costs, and that it does not grow with the fleet. */

const SMALL = { queued: 100, robots: 10 }
const LARGE = { queued: 100_000, robots: 1_000 }
const ROUNDS = 7
const RATIO_MAX = 3
/** A single event, whose figure moves more than that of a cycle. */
const EVENT_RATIO_MAX = 4
/** Nanoseconds against those of the control: a map and a list. */
const CONTROL_RATIO_MAX = 400
/** Bytes on the heap, which no busy machine changes. */
const JOB_BYTES_MAX = 4_000
const ROBOT_BYTES_MAX = 6_000

interface Round {
  readonly small: Costs
  readonly large: Costs
}

export async function turnBench(): Promise<readonly Table[]> {
  const [small, large] = [SMALL, LARGE].map(() => startChild(new URL('./fleet-process.ts', import.meta.url)))
  if (small === undefined || large === undefined) throw new Error('there is no process')
  const rounds: Round[] = []
  try {
    await small.ask('build', SMALL)
    await large.ask('build', LARGE)
    // By turns, so that a disturbance of the machine meets both. The first two rounds only warm up.
    for (let round = 0; round < ROUNDS + 2; round++) {
      const costs = { small: await small.ask<Costs>('round'), large: await large.ask<Costs>('round') }
      if (round >= 2) rounds.push(costs)
    }
  } finally {
    small.end()
    large.end()
  }
  return [events(rounds), webhookBench(), beginning()]
}

function events(rounds: readonly Round[]): Table {
  const row = (name: string, of: (costs: Costs) => number): string[] => {
    const { small: a, large: b } = medians(of)
    return [name, number(a), number(b), number(b / a, 2), number(1e9 / a), number(1e9 / b)]
  }
  const cycle = (costs: Costs): number => costs.submit + costs.complete + costs.accept
  const medians = (of: (costs: Costs) => number) => ({
    small: median(rounds.map(({ small }) => of(small))),
    large: median(rounds.map(({ large }) => of(large))),
  })
  const growth = (name: string, of: (costs: Costs) => number, most: number): Bound => {
    const { small, large } = medians(of)
    return { of: `${name}, large/small`, value: large / small, most }
  }
  return {
    title: 'turn: nanoseconds per event, the core alone',
    columns: ['event', 'small ns', 'large ns', 'large/small', 'small /s', 'large /s'],
    rows: [
      row('cycle: submit + complete + assign + accept', cycle),
      row('submit, nobody free', (costs) => costs.submit),
      row('job_complete, and the next job is offered', (costs) => costs.complete),
      row('job_accept', (costs) => costs.accept),
      row('control: Map.set + array.push per event', (costs) => costs.bare),
    ],
    notes: [
      `small: ${SMALL.queued} jobs waiting for ${SMALL.robots} robots. large: ${number(LARGE.queued)} for ` +
      `${number(LARGE.robots)}. All robots are busy and every kind of job waits.`,
      `Both have the same ${JOB_KINDS} kinds of job (environment, tags, capabilities, four priorities) and ` +
      `${ROBOT_KINDS} kinds of robot;`,
      `one job in ${STUCK_EVERY} is at the head of the queue (CRITICAL, submitted first) and no robot can run it.`,
      `Median of ${ROUNDS} rounds of ${
        number(TURNS_PER_ROUND * TURN)
      } cycles, small and large by turns, each in a process ` +
      `of its own; ${TURN} events to a turn.`,
      'A cycle is 3 events. Garbage collection is in the figures. The control is a row in a Map of that size and in a list.',
    ],
    bounds: [
      growth('cycle', cycle, RATIO_MAX),
      growth('submit', (costs) => costs.submit, EVENT_RATIO_MAX),
      growth('job_complete', (costs) => costs.complete, EVENT_RATIO_MAX),
      growth('job_accept', (costs) => costs.accept, EVENT_RATIO_MAX),
      {
        of: 'an event of a small cycle / control',
        value: medians(cycle).small / 3 / medians((costs) => costs.bare).small,
        most: CONTROL_RATIO_MAX,
      },
    ],
  }
}

/** The cost of starting with many waiting jobs, and the memory of one of them. */
function beginning(): Table {
  const { state: large } = newFleet(LARGE.queued, LARGE.robots)
  const bytesBefore = heapBytes()
  // Texts of their own for every row, as a store hands them over.
  const jobs = [...large.jobs.values()].slice(0, LARGE.queued).map((job): JobRow => structuredClone(waiting(job)))
  const definitions = [...large.definitions].map(([hash, { json }]) => ({ hash, json }))
  const rows: StoredRows = { ...NO_ROWS, jobs, definitions, seq: large.seq }
  const rowBytes = (heapBytes() - bytesBefore) / jobs.length
  const times: number[] = []
  let state: State | null = null
  for (let round = 0; round < 3; round++) {
    state = null
    heapBytes()
    times.push(timed(() => state = load(rows, START, 1, { ...DEFAULTS, robotsAuth: 'open' })))
  }
  const jobBytes = (heapBytes() - bytesBefore) / jobs.length
  const robotsBefore = heapBytes()
  const fleet = newFleet(0, LARGE.robots)
  const robotBytes = (heapBytes() - robotsBefore) / fleet.robots.length
  return {
    title: `turn: load of ${number(jobs.length)} waiting jobs, and memory`,
    columns: ['what', 'value'],
    rows: [
      ['load, ms', number(median(times), 1)],
      ['load, us per job', number(1000 * median(times) / jobs.length, 2)],
      ['memory per waiting job, bytes', number(jobBytes)],
      ['  of it the row itself', number(rowBytes)],
      [`memory per connected robot, idle, bytes`, number(robotBytes)],
    ],
    notes: [
      `Median of 3 loads. Heap after a full collection, before and after; ${state === null ? 0 : jobs.length} jobs, ` +
      `${fleet.robots.length} robots.`,
      "The socket of a robot is the platform's and comes on top, and so does reading the rows from the file.",
    ],
    bounds: [
      { of: 'bytes of a waiting job', value: jobBytes, most: JOB_BYTES_MAX },
      { of: 'bytes of an idle robot', value: robotBytes, most: ROBOT_BYTES_MAX },
    ],
  }
}

/** The job as it would wait if no robot were running it. */
function waiting(job: JobRow): JobRow {
  return { ...job, status: 'queued', offer_until: null, started_at: null, progress: 0, queued_at: job.created_at }
}

const collect = ((): () => void => {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as () => void
})()

/** The bytes on the heap that are reachable. */
function heapBytes(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
