import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { median, quantile } from '../measure.ts'
import { number, percent } from '../table.ts'
import type { Plan } from './compare.ts'
import { copyJobs } from './copies.ts'
import { costOfEach, costSoFar } from './cost.ts'
import { ask, startOurs, WORKFLOW } from './ours.ts'
import { markdown } from './results.ts'
import { onStage, Stage, temporaryFolder } from './stage.ts'
import type { Running } from './system.ts'

/** Throughput and latency of ours with many jobs that wait, and with many that have ended, beside a server without. */

/** Jobs that are run by robots, and then copied. */
const RUN = 200
/** Ended jobs are spread over so many workflows, and one in so many has failed. */
const WORKFLOWS = 20
const FAILED_EVERY = 50

/** The definition of the version that the original has run. */
const DEFINITION = `(select v.definition from workflow_versions v
  where v.workflow_id = t.workflow_id and v.version = t.workflow_version)`

export type Past = 'nothing' | 'pending' | 'ended'

/** A server on a database with that past. */
export async function serverWith(past: Past, folder: string, count: number): Promise<Running> {
  const data = join(folder, past)
  const server = await startOurs(data)
  if (past === 'nothing') return server
  if (past === 'pending') {
    const body = { workflow_id: WORKFLOW, required_tags: ['absent'], parameters: { name: 'x'.repeat(328) } }
    await ask(server.connection, '/api/v1/jobs', body)
  } else {
    await onStage('ours', 'http', async (stage) => {
      await stage.work()
      await stage.endToEnd(RUN, { inFlight: 16, batch: null })
    }, server)
  }
  await server.stop()
  process.stderr.write(`copying ${number(count)} jobs\n`)
  copyJobs(
    join(data, 'orchestrator.db'),
    count,
    past === 'pending' ? {} : {
      workflow_id: `'workflow-' || (n % ${WORKFLOWS})`,
      // A job that has that of its version has none of its own.
      definition: `coalesce(t.definition, ${DEFINITION})`,
      status: `case when n % ${FAILED_EVERY} = 0 then 'failed' else t.status end`,
    },
  )
  return startOurs(data, server.connection)
}

interface Measured {
  readonly perSecond: number[]
  /** Microseconds of the server's processor for a job. */
  readonly cpu: number[]
  readonly taken: number[]
  readonly ended: number[]
}

/** Measures servers with different pasts by turns. */
export async function comparePasts(plan: Plan, others: readonly ('pending' | 'ended')[]): Promise<string> {
  const folder = await temporaryFolder()
  const pasts: readonly Past[] = ['nothing', ...others]
  const servers: Running[] = []
  const stages: Stage[] = []
  const measured = pasts.map((): Measured => ({ perSecond: [], cpu: [], taken: [], ended: [] }))
  try {
    for (const one of pasts) servers.push(await serverWith(one, folder, one === 'pending' ? plan.pending : plan.ended))
    for (const server of servers) stages.push(await Stage.open('ours', 'http', server))
    for (const [i, stage] of stages.entries()) {
      await stage.work()
      await stage.endToEnd(
        plan.jobs,
        { inFlight: plan.inFlight, batch: null },
        waitingIn(pasts[i], plan),
      )
    }
    for (let round = 0; round < plan.rounds; round++) {
      for (const [i, stage] of stages.entries()) {
        const waiting = waitingIn(pasts[i], plan)
        const before = costSoFar(stage.processes())
        const perSecond = await stage.endToEnd(plan.jobs, { inFlight: plan.inFlight, batch: null }, waiting)
        const { loop, writer, rest } = costOfEach(plan.jobs, before, costSoFar(stage.processes()))
        const { taken, ended } = await stage.latencies(plan.singles, waiting)
        measured[i]?.perSecond.push(perSecond)
        measured[i]?.cpu.push(loop + writer + rest)
        measured[i]?.taken.push(quantile(taken, 0.5))
        measured[i]?.ended.push(quantile(ended, 0.5))
        process.stderr.write(
          `${pasts[i]}: ${number(perSecond)} jobs/s, taken after ${number(quantile(taken, 0.5), 2)} ms\n`,
        )
      }
    }
    for (const stage of stages) await stage.close()
    const names = {
      nothing: 'without',
      pending: `${number(plan.pending)} pending`,
      ended: `${number(plan.ended)} ended`,
    }
    return table(pasts.map((one) => names[one]), measured)
  } finally {
    for (const stage of stages) await stage.discard()
    for (const server of servers) await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

function waitingIn(one: Past | undefined, plan: Plan): number {
  return one === 'pending' ? plan.pending + 1 : 0
}

/** At most so much more, or less, than without. */
const CHANGE_MAX = 0.1

function table(names: readonly string[], measured: readonly Measured[]): string {
  const row = (title: string, figure: keyof Measured, digits: number, sign: 1 | -1): readonly string[] => {
    const medians = measured.map((one) => median(one[figure]))
    const [without = Number.NaN] = medians
    const shown = medians.slice(1).map((value) => {
      const worse = sign * (value / without - 1)
      return `${number(value, digits)} (${percent(value / without - 1)}: ${worse <= CHANGE_MAX ? 'kept' : 'missed'})`
    })
    return [title, number(without, digits), ...shown]
  }
  return markdown(['ours', ...names], [
    row('end to end, single submits over HTTP, jobs/s', 'perSecond', 0, -1),
    row('CPU of the server, µs a job', 'cpu', 0, 1),
    row('submit → a robot has it, p50 ms', 'taken', 2, 1),
    row('submit → the submitter learns that it is done, p50 ms', 'ended', 2, 1),
  ])
}
