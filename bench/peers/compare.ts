import { setTimeout } from 'node:timers/promises'
import { quantile } from '../measure.ts'
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
  readonly columns: readonly Column[]
}

/** One way of one system to take jobs. */
interface Way {
  readonly system: string
  readonly how: string
  readonly batch: number | null
  readonly column: Column
  /** The rows that its figure stands in. */
  readonly rows: readonly RowName[]
}

const BATCH = 1_000
const BATCHES_IN_FLIGHT = 2
/** The share of jobs that come before the measured ones: what is compiled while it runs is compiled then. */
const WARM_UP = 0.2

const peer = (system: Column): readonly Way[] => [
  { system, how: '', batch: null, column: system, rows: ['single', 'files', 'client'] },
  { system, how: '', batch: BATCH, column: system, rows: ['batch', 'engine'] },
]

const WAYS: readonly Way[] = [
  { system: 'ours', how: 'http', batch: null, column: 'ours', rows: ['single'] },
  ...peer('BullMQ'),
  { system: 'ours', how: 'state files', batch: null, column: 'ours', rows: ['files'] },
  { system: 'ours', how: 'client', batch: null, column: 'ours', rows: ['client'] },
  ...(HAS_BATCH ? [{ system: 'ours', how: 'http', batch: BATCH, column: 'ours', rows: ['batch'] } as const] : []),
  { system: 'engine', how: '', batch: BATCH, column: 'ours', rows: ['engine'] },
  ...peer('pg-boss'),
  ...peer('graphile-worker'),
]

function submitting({ batch }: Way, { inFlight }: Plan): Submitting {
  return batch === null ? { inFlight, batch } : { inFlight: BATCHES_IN_FLIGHT, batch }
}

/** From the first submission to the end of the last job. Each measurement starts its system anew. */
export async function throughput(plan: Plan, results: Results): Promise<void> {
  for (let round = 0; round < plan.rounds; round++) {
    for (const way of WAYS.filter(({ column }) => plan.columns.includes(column))) {
      const perSecond = await onStage(way.system, way.how, async (stage) => {
        await stage.work()
        await stage.endToEnd(Math.ceil(WARM_UP * plan.jobs), submitting(way, plan))
        return stage.endToEnd(plan.jobs, submitting(way, plan))
      })
      for (const row of way.rows) results.add(row, way.column, perSecond)
    }
  }
}

/** Jobs that are submitted one at a time. */
export async function latency(plan: Plan, results: Results): Promise<void> {
  for (let round = 0; round < plan.rounds; round++) {
    for (const column of plan.columns) {
      const { acknowledged, taken, ended } = await onStage(column, 'http', async (stage) => {
        await stage.work()
        await stage.latencies(Math.ceil(WARM_UP * plan.singles))
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
