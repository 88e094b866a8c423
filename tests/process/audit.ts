import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { connect } from '../../adapters/store/file.ts'
import { type JobView, until } from '../wire/api.ts'
import type { Orchestrator } from './orchestrator.ts'

/** The expectations of a crash test, and its verdict. */

type Parameters = Readonly<Record<string, unknown>>

export interface Truth {
  /** Everything that was ever sent, by its number: whether it was taken is another matter. */
  readonly submitted: Map<number, Parameters>
  /** The acknowledged jobs, by their ids. */
  readonly acknowledged: Map<string, Parameters>
  /** The number of times that the robot has started each job. */
  readonly runs: Map<string, number>
}

interface Entry {
  readonly event: string
  readonly from_status: string | null
  readonly to_status: string
  readonly detail: string
}

interface Page {
  readonly items: readonly { readonly id: string; readonly trigger_id: string | null }[]
  readonly next_cursor: string | null
}

const ENDS = ['completed', 'failed', 'cancelled', 'timeout']
/** The number of jobs requested at a time. */
const AT_ONCE = 8

/** Waits until no job is alive. An offer that was lost with the process that made it is made anew: the robot remembers. */
export async function settled(server: Orchestrator): Promise<void> {
  await until('every job has ended', async () => {
    const { items } = await server.api<Page>('GET', '/jobs?status=pending,queued,running&limit=1')
    return items.length === 0 ? true : undefined
  })
}

/** Compares everything that the orchestrator has with the truth. Resolves with what does not hold. */
export async function audit(
  server: Orchestrator,
  truth: Truth,
  resultOf: (parameters: Parameters) => unknown,
): Promise<{ readonly jobs: number; readonly problems: readonly string[] }> {
  const listed: Page['items'][number][] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page = await server.api<Page>('GET', `/jobs?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`)
    listed.push(...page.items)
    cursor = page.next_cursor
  }
  const problems: string[] = []
  const ids = new Set(listed.map(({ id }) => id))
  if (ids.size !== listed.length) problems.push(`${listed.length - ids.size} jobs are listed more than once`)
  for (const id of truth.acknowledged.keys()) if (!ids.has(id)) problems.push(`${id} was acknowledged, and is gone`)
  for (const id of truth.runs.keys()) if (!ids.has(id)) problems.push(`${id} was run, and is gone`)

  const numbers = new Map<unknown, string>()
  const queue = [...ids]
  const look = async (): Promise<void> => {
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      const job = await server.job(id)
      const { items } = await server.api<{ readonly items: readonly Entry[] }>('GET', `/jobs/${id}/history`)
      const twin = numbers.get(job.parameters['n'])
      if (twin !== undefined) problems.push(`${id} and ${twin} are the same submission`)
      numbers.set(job.parameters['n'], id)
      for (const what of wrongWith(job, items, truth, resultOf)) problems.push(`${id} ${what}: ${story(items)}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, look))

  const fired = listed.filter(({ trigger_id }) => trigger_id !== null).length
  const trigger = await server.api('GET', '/triggers/crash')
  if (trigger['trigger_count'] !== fired) {
    problems.push(`the trigger counts ${String(trigger['trigger_count'])} jobs, and has made ${fired}`)
  }
  return { jobs: listed.length, problems }
}

/** Opens the database of an orchestrator that has ended. */
export function damage(server: Orchestrator): readonly string[] {
  const sql = connect(join(server.data, 'orchestrator.db'))
  try {
    const found = sql.all('pragma integrity_check', []).map((row) => String(Object.values(row)[0]))
    return found.length === 1 && found[0] === 'ok' ? [] : found.map((line) => `integrity_check: ${line}`)
  } finally {
    sql.close()
  }
}

function* wrongWith(
  job: JobView,
  history: readonly Entry[],
  truth: Truth,
  resultOf: (parameters: Parameters) => unknown,
): Generator<string> {
  const submitted = truth.submitted.get(Number(job.parameters['n']))
  if (!isDeepStrictEqual(submitted, job.parameters)) yield 'was submitted by nobody'
  const acknowledged = truth.acknowledged.get(job.id)
  if (acknowledged !== undefined && acknowledged !== submitted) yield 'is not what was acknowledged under this id'
  const runs = truth.runs.get(job.id) ?? 0
  if (runs !== 1) yield `was run ${runs} times`
  // The robot remembers its jobs and results over every connection, so no job ends with an unknown outcome.
  if (job.status !== 'completed') yield `is ${job.status} (${job.error_type})`
  else if (!isDeepStrictEqual(job.result, resultOf(job.parameters))) {
    yield `has the result ${JSON.stringify(job.result)}`
  }

  const moves = history.filter(({ event }) => event !== 'late_result')
  const ends = moves.filter(({ to_status }) => ENDS.includes(to_status))
  if (ends.length !== 1 || history.length !== moves.length) yield `has ${ends.length} ends`
  const broken = moves.some(({ from_status }, i) => from_status !== (moves[i - 1]?.to_status ?? null))
  if (broken || moves.at(-1)?.to_status !== job.status) yield 'has a history with a gap'
}

function story(history: readonly Entry[]): string {
  return history.map(({ event, to_status, detail }) => `${event} -> ${to_status} (${detail})`).join('; ')
}
