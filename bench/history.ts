import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '../adapters/store/file.ts'
import { openLibsqlStore } from '../adapters/store/libsql.ts'
import { COLUMNS } from '../adapters/store/rows.ts'
import { newEffects } from '../core/turn.ts'
import { bench, submit } from '../tests/core/bench.ts'
import { median } from './measure.ts'
import { number, percent, type Table } from './table.ts'

/** The cost of a long history for a start: none, if memory and start-up depend only on live jobs. */

const ENDED = 1_000_000
const LIVE = 1_000
const STARTS = 7
/** With a past against without. The target is 1.1; this is what a busy machine keeps. */
const RATIO_MAX = 1.5

interface Start {
  readonly ms: number
  readonly heap: number
}

/** The same live jobs in a file without a past, and in one with a million jobs that have ended. */
export async function historyBench(): Promise<readonly Table[]> {
  const folder = mkdtempSync(join(tmpdir(), 'casare-history-'))
  try {
    const files = { empty: join(folder, 'empty.db'), full: join(folder, 'full.db') }
    await fill(files.empty, 0)
    await fill(files.full, ENDED)
    const starts: { readonly [F in keyof typeof files]: Start[] } = { empty: [], full: [] }
    for (let i = 0; i < STARTS; i++) {
      for (const file of ['empty', 'full'] as const) starts[file].push(start(files[file]))
    }
    const of = (file: keyof typeof files, what: keyof Start) => median(starts[file].map((one) => one[what]))
    const row = (name: string, what: keyof Start, unit: (value: number) => string): string[] => {
      const [without, past] = [of('empty', what), of('full', what)]
      return [name, unit(without), unit(past), percent(past / without - 1)]
    }
    const size = (file: string): string => `${number(statSync(file).size / 2 ** 20)} MiB`
    return [{
      title: `history: a start with ${number(LIVE)} live jobs, without and with ${number(ENDED)} that have ended`,
      columns: ['', 'without', 'with', 'more'],
      rows: [
        row('open, load and build the state, ms', 'ms', (value) => number(value, 1)),
        row('heap afterwards, KiB', 'heap', (value) => number(value / 1024)),
        ['size of the file', size(files.empty), size(files.full), ''],
      ],
      notes: [
        `Median of ${STARTS} starts by turns, each in a process of its own, timed inside it. At most 10 % is the target.`,
      ],
      bounds: [
        { of: 'a start with / without', value: of('full', 'ms') / of('empty', 'ms'), most: RATIO_MAX },
        { of: 'the heap with / without', value: of('full', 'heap') / of('empty', 'heap'), most: RATIO_MAX },
      ],
    }]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Live jobs by the product's own way, ended ones copied from one of them by SQL. */
async function fill(path: string, ended: number): Promise<void> {
  const fleet = bench()
  fleet.turn(...Array.from({ length: LIVE }, (_, i) => submit(`live-${i}`)))
  const store = await openLibsqlStore({ path })
  await store.load(Number.MAX_SAFE_INTEGER)
  const { rows, history } = fleet.disk
  await store.commit({ ...newEffects(1, fleet.now), rows, history, created: new Set(rows.jobs.keys()) })
  await store.close()
  const sql = connect(path)
  const own: Readonly<Record<string, string>> = {
    id: `'ended-' || n`,
    seq: `n + ${LIVE * 10}`,
    status: `'completed'`,
    completed_at: 'n',
    started_at: '0',
    result: `'{}'`,
    progress: '100',
  }
  const columns = COLUMNS.jobs.map(({ name }) => name)
  sql.script(`
    with recursive numbers(n) as (select 1 where ${ended} > 0 union all select n + 1 from numbers where n < ${ended})
    insert into jobs(${columns.join()})
    select ${columns.map((name) => own[name] ?? name).join()} from numbers, (select * from jobs limit 1)
  `)
  sql.close()
}

function start(path: string): Start {
  const file = fileURLToPath(new URL('history-start.ts', import.meta.url))
  const out = execFileSync(process.execPath, ['--expose-gc', '--import', 'tsx', file, path], { encoding: 'utf8' })
  return JSON.parse(out) as Start
}
