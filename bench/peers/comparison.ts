import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { machine } from '../table.ts'
import { latency, pending, throughput } from './compare.ts'
import { Costs } from './cost.ts'
import { disk } from './disk.ts'
import { lists } from './lists.ts'
import { readOptions } from './options.ts'
import { comparePasts } from './past.ts'
import { COLUMNS, markdown, Results } from './results.ts'

/** Measures what is asked for, and prints the tables of docs/PERFORMANCE.md. */
export async function comparison(args: readonly string[], load: number): Promise<void> {
  const { parts, plan } = readOptions(args)
  const begin = performance.now()
  const results = new Results()
  const costs = new Costs()
  const tables: string[] = []
  for (const part of parts) {
    if (part === 'throughput') await throughput(plan, results, costs)
    if (part === 'latency') await latency(plan, results)
    if (part === 'pending') await pending(plan, results)
    if (part === 'disk') tables.push(await disk(plan, results))
    if (part === 'load') tables.push(await comparePasts(plan, ['pending', 'ended']))
    if (part === 'lists') tables.push(await lists(plan))
  }
  const rows = results.cells()
  const compared = rows.length === 0 ? [] : [markdown(['', ...COLUMNS, 'ours / BullMQ', 'target'], rows)]
  const minutes = (performance.now() - begin) / 60_000
  process.stdout.write([
    `${new Date().toISOString().slice(0, 10)}, ${machine()}; load before it ${load.toFixed(1)}.`,
    `${versions()}. Medians of ${plan.rounds} rounds, ${plan.inFlight} single submissions under way, ` +
    `${plan.jobs} jobs; ${minutes.toFixed(0)} minutes.`,
    ...compared,
    ...costs.tables(),
    ...tables,
    '',
  ].join('\n\n'))
}

function versions(): string {
  const { dependencies } = JSON.parse(
    readFileSync(fileURLToPath(new URL('package.json', import.meta.url)), 'utf8'),
  ) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  const redis = /v=(\S+)/.exec(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]
  const postgres = /\d[\d.]*/.exec(spawnSync('psql', ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[0]
  const named = ['bullmq', 'pg-boss', 'graphile-worker'].map((name) => `${name} ${dependencies[name]}`)
  return [...named, `Redis ${redis ?? '?'}`, `PostgreSQL ${postgres ?? '?'}`].join(', ')
}
