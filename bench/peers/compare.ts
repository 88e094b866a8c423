import { setTimeout } from 'node:timers/promises'
import { quantile } from '../measure.ts'
import { costOfEach, type Costs, costSoFar } from './cost.ts'
import { HAS_BATCH } from './ours.ts'
import { residentBytes } from './program.ts'
import type { Column, Results, RowName } from './results.ts'
import { onStage, type Submitting } from './stage.ts'

/** The measurements in which all systems take part, by turns. */

export interface Plan {
  readonly rounds: number
  readonly jobs: number
  readonly inFlight: number
  /** Jobs that are submitted one at a time, in a round. */
  readonly singles: number
  readonly pending: number
  /** Jobs that have ended long ago. */
  readonly ended: number
  readonly columns: readonly Column[]
}

/** One way of one system to take jobs. */
interface Way {
  readonly title: string
  readonly system: string
  readonly how: string
  readonly batch: number | null
  readonly column: Column
  /** The rows that its figure stands in. */
  readonly rows: readonly RowName[]
}

const BATCH = 1_000
const BATCHES_IN_FLIGHT = 2
const peer = (system: Column): readonly Way[] => [
  { title: 'single submits', system, how: '', batch: null, column: system, rows: ['single', 'files', 'client'] },
  { title: 'batches of 1,000', system, how: '', batch: BATCH, column: system, rows: ['batch', 'engine'] },
]

const mine = (row: RowName, title: string, how: string, batch: number | null): Way => ({
  title,
  system: row === 'engine' ? 'engine' : 'ours',
  how,
  batch,
  column: 'ours',
  rows: [row],
})

const WAYS: readonly Way[] = [
  mine('single', 'single submits over HTTP', 'http', null),
  ...peer('BullMQ'),
  mine('files', 'the same, robots with state files', 'state files', null),
  mine('client', 'single submits through `CasareClient`', 'client', null),
  ...(HAS_BATCH ? [mine('batch', 'batches of 1,000 over HTTP', 'http', BATCH)] : []),
  mine('engine', 'in process, 1,000 calls at a time', '', BATCH),
  ...peer('pg-boss'),
  ...peer('graphile-worker'),
]

function submitting({ batch }: Way, { inFlight }: Plan): Submitting {
  return batch === null ? { inFlight, batch } : { inFlight: BATCHES_IN_FLIGHT, batch }
}

/**
 * From the first submission to the end of the last job. Each measurement starts its system anew, and as many jobs run
 * before it: what is compiled while it runs is compiled then.
 */
export async function throughput(plan: Plan, results: Results, costs: Costs): Promise<void> {
  for (let round = 0; round < plan.rounds; round++) {
    for (const way of WAYS.filter(({ column }) => plan.columns.includes(column))) {
      const perSecond = await onStage(way.system, way.how, async (stage) => {
        await stage.work()
        await stage.endToEnd(plan.jobs, submitting(way, plan))
        const before = costSoFar(stage.processes())
        const figure = await stage.endToEnd(plan.jobs, submitting(way, plan))
        costs.add(`${way.column}: ${way.title}`, costOfEach(plan.jobs, before, costSoFar(stage.processes())))
        return figure
      })
      for (const row of way.rows) results.add(row, way.column, perSecond)
    }
  }
}

/** Jobs that are submitted one at a time, after as many as `throughput` runs. */
export async function latency(plan: Plan, results: Results): Promise<void> {
  for (let round = 0; round < plan.rounds; round++) {
    for (const column of plan.columns) {
      const { acknowledged, taken, ended } = await onStage(column, 'http', async (stage) => {
        await stage.work()
        await stage.endToEnd(plan.jobs, { inFlight: plan.inFlight, batch: null })
        await stage.latencies(Math.ceil(plan.singles / 5))
        return stage.latencies(plan.singles)
      })
      results.add('acknowledged50', column, quantile(acknowledged, 0.5))
      results.add('acknowledged99', column, quantile(acknowledged, 0.99))
      results.add('taken50', column, quantile(taken, 0.5))
      results.add('taken99', column, quantile(taken, 0.99))
      results.add('ended50', column, quantile(ended, 0.5))
      results.add('ended99', column, quantile(ended, 0.99))
    }
  }
}

/** The number of restarts of a system with pending jobs. */
const RESTARTS = 5
/** The garbage of a start is collected meanwhile. */
const REST_MS = 3_000

/** Many jobs and nobody to run them: restarts, memory, and then ten robots. Ours and BullMQ only. */
export async function pending(plan: Plan, results: Results): Promise<void> {
  for (let round = 0; round < plan.rounds; round++) {
    for (const column of plan.columns.filter((one) => one === 'ours' || one === 'BullMQ')) {
      const batch = column === 'BullMQ' || HAS_BATCH ? BATCH : null
      await onStage(column, 'http', async (stage) => {
        await stage.submit(plan.pending, { inFlight: batch === null ? plan.inFlight : BATCHES_IN_FLIGHT, batch })
        // The connections of the submitting side would only see errors.
        await stage.leave()
        for (let start = 0; start < RESTARTS; start++) results.add('restart', column, await stage.running.restart())
        await setTimeout(REST_MS)
        results.add('resident', column, residentBytes(stage.running.pids()) / 1e6)
        results.add('drain', column, await stage.drain())
      })
    }
  }
}
