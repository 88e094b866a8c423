import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { commitBench } from './commit.ts'
import { type BenchOptions, endToEnd } from './e2e.ts'
import { idleBench } from './idle.ts'
import { historyBench } from './history.ts'
import { scheduleBench } from './schedules.ts'
import { jsonBench } from './json.ts'
import { isKept, machine, render, type Table } from './table.ts'
import { postBench } from './post.ts'
import { turnBench } from './turn.ts'
import { runtimesBench } from './runtimes.ts'
import { scaleBench } from './scale.ts'
import { telemetryBench } from './telemetry.ts'

/**
 * The benchmarks: `npm run bench`, or `npm run bench -- turn`; `--save` keeps the numbers in `results/`, and
 * with `--bounds` it fails where a figure exceeds its bound.
 */

const BENCHES: Readonly<Record<string, (options: BenchOptions) => Promise<readonly Table[]>>> = {
  turn: turnBench,
  json: async () => jsonBench(),
  commit: commitBench,
  e2e: endToEnd,
  history: historyBench,
  robots: idleBench,
  telemetry: ({ minute }) => telemetryBench(minute),
  runtimes: runtimesBench,
  scale: scaleBench,
  schedules: scheduleBench,
  webhooks: postBench,
}

/** They take minutes, or start every runtime, so they only run when named. */
const LONG = ['robots', 'telemetry', 'runtimes', 'scale']

interface Result {
  readonly bench: string
  readonly seconds: number
  /** The load of the machine in the minute before: what others were doing. */
  readonly load: number
  readonly tables: readonly Table[]
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      save: { type: 'boolean', default: false },
      bounds: { type: 'boolean', default: false },
      profile: { type: 'string' },
      minute: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  const unknown = positionals.find((name) => !Object.hasOwn(BENCHES, name))
  if (unknown !== undefined) {
    throw new Error(`there is no benchmark "${unknown}"; there are ${Object.keys(BENCHES).join(', ')}`)
  }
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHES).filter((name) => !LONG.includes(name))
  const results: Result[] = []
  for (const name of names) results.push(await run(name, { profile: values.profile ?? null, minute: values.minute }))
  if (values.save) save(results)
  const exceeded = results.flatMap(({ tables }) => tables.flatMap(({ bounds }) => bounds.filter((one) => !isKept(one))))
  if (exceeded.length === 0) return
  process.stderr.write(`bench: ${exceeded.length} figures exceed their bounds\n`)
  if (values.bounds) process.exitCode = 1
}

async function run(name: string, options: BenchOptions): Promise<Result> {
  const load = loadavg()[0] ?? 0
  const begin = performance.now()
  const tables = await BENCHES[name]?.(options) ?? []
  const seconds = (performance.now() - begin) / 1000
  for (const table of tables) process.stdout.write(render(table, seconds, load))
  return { bench: name, seconds, load, tables }
}

function save(results: readonly Result[]): void {
  const date = new Date().toISOString()
  const folder = new URL('./results/', import.meta.url)
  mkdirSync(folder, { recursive: true })
  const file = new URL(`${date.slice(0, 10)}.json`, folder)
  writeFileSync(file, `${JSON.stringify({ date, machine: machine(), results }, null, 2)}\n`)
  process.stdout.write(`Saved in ${fileURLToPath(file)}\n`)
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
})
