import { deepStrictEqual as same, ok } from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import type { GrownWal, Store } from '../../adapters/store/contract.ts'
import { openLibsqlStore } from '../../adapters/store/libsql.ts'
import { connect } from '../../adapters/store/file.ts'
import { openThreadedStore } from '../../adapters/store/threaded.ts'
import { SOON } from './disk.ts'
import { job, row, turn } from './rows.ts'

/** Reads that go on while turns are committed: what they hold up, and the WAL that they need. */

const folder = mkdtempSync(join(tmpdir(), 'wal-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const fresh = () => join(folder, `${++files}.db`)
const walBytes = (path: string): number => statSync(`${path}-wal`).size
/** Some 100 kB. */
const large = (n: number) => turn(n, { jobs: [job('a', { seq: 1, stack_trace: 'x'.repeat(100_000) })] })

/** Puts a view where the table of pools was, which takes long to read. */
async function slowPools(path: string, store: Store, steps: number): Promise<void> {
  await store.commit(turn(1, { pools: [row('pools', { name: 'a' })] }))
  const sql = connect(path)
  sql.script('alter table pools rename to quick_pools')
  sql.script(`create view pools as select * from quick_pools where (
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${steps}) select max(i) from n
  ) > 0`)
  sql.close()
}

test('a slow read holds up neither a commit nor what the loop does', async () => {
  const path = fresh()
  const store = await openThreadedStore({ path, durability: 'relaxed' })
  await store.load(SOON)
  await slowPools(path, store, 3_000_000)
  const order: string[] = []
  const slow = store.queries.pools().then((pools) => order.push(`${pools.length} pool`))
  await store.commit(large(2))
  order.push('commit')
  await new Promise(setImmediate)
  order.push('loop')
  await slow
  same(order, ['commit', 'loop', '1 pool'])
  await store.close()
})

const MEGABYTE = 1024 * 1024
/** Without waits for the disk, which do not matter here. */
const options = { durability: 'relaxed', limits: { kept: MEGABYTE / 2, max: 4 * MEGABYTE } } as const

test('a WAL starts over, although a read is always under way', async () => {
  const path = fresh()
  const store = await openThreadedStore({ path, ...options })
  await store.load(SOON)
  await slowPools(path, store, 100_000)
  const reading = new AbortController()
  const read = async (): Promise<void> => {
    while (!reading.signal.aborted) await store.queries.pools()
  }
  // Each waits behind another one, so the thread goes from one to the next.
  const readers: Promise<void>[] = []
  for (let n = 0; n < 3; n++) {
    readers.push(read())
    await new Promise(setImmediate)
  }
  let [n, before] = [1, 0]
  // Otherwise it would only ever grow.
  while (walBytes(path) >= before) {
    before = walBytes(path)
    await store.commit(large(++n))
  }
  reading.abort()
  await Promise.all(readers)
  await store.close()
}, 60_000)

/** A process that has begun to read a database, and does not stop. */
async function readingProcess(path: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', READS, path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  return child
}

const READS = `
  import Database from 'libsql'
  const db = new Database(process.argv[1])
  db.exec('begin')
  db.prepare('select count(*) from jobs').all()
  console.log('reading')
  process.stdin.resume().on('end', () => process.exit())
`

for (const [name, open] of Object.entries({ openThreadedStore, openLibsqlStore })) {
  test(`${name}: a WAL that another process keeps from starting over is reported until it does`, async () => {
    const path = fresh()
    const reports: GrownWal[] = []
    const store: Store = await open({ path, ...options, grown: (wal) => void reports.push(wal) })
    await store.load(SOON)
    const child = await readingProcess(path)
    let n = 0
    const commitUntil = async (done: () => boolean): Promise<void> => {
      while (!done()) {
        await store.commit(large(++n))
        await new Promise(setImmediate)
      }
    }
    await commitUntil(() => reports.length > 0)
    const [report] = reports
    ok(report !== undefined && report.bytes > options.limits.max)
    same(store.grownWal?.()?.readers, report.readers)
    if (process.platform === 'linux') same(report.readers.map((one) => /\d+/.exec(one)?.[0]), [String(child.pid)])
    child.stdin?.end()
    await once(child, 'exit')
    await commitUntil(() => store.grownWal?.() === null)
    ok(walBytes(path) <= options.limits.max)
    same(reports.length, 1)
    await store.close()
  }, 60_000)
}
