import { deepStrictEqual as same, ok, rejects } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { afterAll, test } from 'vitest'
import { openFleet } from '../../adapters/fleet/fleet.ts'
import { nodePlatform } from '../../adapters/node/platform.ts'
import { StaleEpoch, type Store, StoreUnusable } from '../../adapters/store/contract.ts'
import { connect, stampIn } from '../../adapters/store/file.ts'
import { readGeneration } from '../../adapters/store/generation.ts'
import { connectThread } from '../../adapters/store/thread.ts'
import { openThreadedStore } from '../../adapters/store/threaded.ts'
import type { ReplyId } from '../../core/base/ids.ts'
import { DEFAULTS } from '../../core/settings.ts'
import { prefetchOf } from '../../core/prefetch.ts'
import { submit } from '../core/bench.ts'
import { until } from '../wire/api.ts'
import { ids, SOON } from './disk.ts'
import { job, row, turn } from './rows.ts'

/** The store on a thread: commits that overlap, and a thread that ends. What a store does besides is in `store.ts`. */

const folder = mkdtempSync(join(tmpdir(), 'threads-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const fresh = () => join(folder, `${++files}.db`)

async function loaded(path: string): Promise<Store> {
  const store = await openThreadedStore({ path })
  await store.load(SOON)
  return store
}

/** Ends the thread that writes by an error that it does not expect. */
async function killWriter(): Promise<void> {
  const { thread } = await connectThread('writer', { kind: 'open', options: { path: fresh() } })
  await thread.run(-1, 'read', []).catch(() => {})
  ok(thread.isDead)
}

const jobs = async (store: Store) => (await store.queries.jobs({ limit: 100 })).items.map(({ id }) => id).toSorted()
const numbered = (n: number) => turn(n, { jobs: [job(`job-${n}`, { seq: n, status: 'completed', completed_at: 1 })] })

test('commits that overlap have their receipts in order, and a read sees those before it', async () => {
  const path = fresh()
  const store = await loaded(path)
  ok(store.overlaps)
  const order: (number | string)[] = []
  const commits = [1, 2, 3, 4, 5].map(async (n) => order.push((await store.commit(numbered(n))).turn))
  const found = Promise.resolve(store.prefetch(prefetchOf({ jobs: ids('job-5') })))
    .then((rows) => order.push([...rows.jobs.keys()].join()))
  await Promise.all([...commits, found])
  same(order.filter((one) => typeof one === 'number'), [1, 2, 3, 4, 5])
  ok(order.includes('job-5'))
  same(await jobs(store), ['job-1', 'job-2', 'job-3', 'job-4', 'job-5'])
  await store.close()
  const sql = connect(path)
  // Migrations count for none, the load for one, and each turn for one.
  same(stampIn(sql)().turns, 6)
  ok(readGeneration(path, false).isOrderly)
  same(readGeneration(path, false).verify(stampIn(sql)), 0)
  sql.close()
})

test('a process that is killed after turns were committed as one, the first in the WAL, starts again', async () => {
  const path = fresh()
  const store = await loaded(path)
  const other = connect(path)
  // The next transaction is the first in the WAL.
  other.all('pragma wal_checkpoint(truncate)', [])
  other.close()
  // While the thread is busy with the first turn, the others wait for the next transaction.
  for (let n = 1; n <= 60; n += 3) {
    await Promise.all([n, n + 1, n + 2].map((each) => store.commit(numbered(each))))
    const killed = fresh()
    for (const file of ['', '-wal', '-generation']) cpSync(path + file, killed + file)
    const again = await loaded(killed)
    same((await jobs(again)).length, n + 2)
    await again.close()
    const sql = connect(path)
    sql.all('pragma wal_checkpoint(truncate)', [])
    sql.close()
  }
  await store.close()
})

test('after a commit that has failed, all later ones fail until the next load', async () => {
  const store = await loaded(fresh())
  const outcomes = await Promise.allSettled([
    store.commit(numbered(1)),
    store.commit(turn(2, { jobs: [row('jobs', { id: 'd', created_by: null })] })),
    store.commit(numbered(3)),
    store.prefetch(prefetchOf({ jobs: ids('job-1') })),
  ])
  ok(outcomes.slice(1, 3).every(({ status }) => status === 'rejected'))
  await rejects(async () => store.commit(numbered(4)))
  await store.load(SOON)
  // The first may have been durable before the second was there.
  same(await jobs(store), outcomes[0]?.status === 'fulfilled' ? ['job-1'] : [])
  await store.commit(numbered(5))
  ok((await jobs(store)).some((id) => id === 'job-5'))
  await store.close()
})

test('errors have their classes', async () => {
  const path = fresh()
  const [first, second] = [await loaded(path), await loaded(path)]
  await rejects(async () => first.commit(numbered(1)), StaleEpoch)
  await second.close()
  await first.close()
  const text = fresh()
  writeFileSync(text, 'Dear diary, '.repeat(1_000))
  await rejects(
    openThreadedStore({ path: text }),
    (error: Error) => error instanceof StoreUnusable && error.message.startsWith(text),
  )
})

test('a thread that ends is a failed commit, and the next load starts another', async () => {
  const path = fresh()
  const store = await loaded(path)
  await store.commit(numbered(1))
  same(await jobs(store), ['job-1'])
  await killWriter()
  await rejects(async () => store.commit(numbered(2)), StoreUnusable)
  await rejects(async () => store.prefetch(prefetchOf({ jobs: ids('job-1') })), StoreUnusable)
  await store.load(SOON)
  await store.commit(numbered(3))
  same(await jobs(store), ['job-1', 'job-3'])
  await store.close()
})

test('a fleet recovers from the end of its thread, and everything that was acknowledged is there', async () => {
  const store = await openThreadedStore({ path: fresh() })
  const failed: Error[] = []
  const fleet = await openFleet(
    store,
    { ...nodePlatform(), log: () => {} },
    DEFAULTS,
    (error) => void failed.push(error),
  )
  const acknowledged: string[] = []
  for (let round = 0; round < 3; round++) {
    const asked = Array.from({ length: 20 }, async (_, i) => {
      const id = `job-${round}-${i}`
      const answer = await fleet.request((reply: ReplyId) => ({ ...submit(id), reply }) as ReturnType<typeof submit>)
      if (answer.type === 'job') acknowledged.push(id)
    })
    await killWriter()
    await Promise.all(asked)
    await until('the fleet runs', () => fleet.phase === 'running' ? true : undefined)
    const answer = await fleet.request((reply: ReplyId) =>
      ({ ...submit(`after-${round}`), reply }) as ReturnType<typeof submit>
    )
    same(answer.type === 'job' || fleet.phase !== 'running', true)
  }
  await until('the fleet runs', () => fleet.phase === 'running' ? true : undefined)
  const there = new Set<string>(await jobs(store))
  same(acknowledged.filter((id) => !there.has(id)), [])
  same(failed, [])
  await fleet.stop()
})

test('where the program of the thread is missing, the store does without, and says so', async () => {
  const bundled = join(folder, 'bundled.mjs')
  await build({
    stdin: { contents: OPENS, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile: bundled,
  })
  // Beside it is what it reads and loads, but not the program.
  cpSync('adapters/store/schema', join(folder, 'schema'), { recursive: true })
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  const { reasons, overlaps } = JSON.parse(execFileSync(process.execPath, [bundled, fresh()], { encoding: 'utf8' }))
  same([reasons.length, overlaps], [1, false])
  ok(/store-thread\.js is missing/.test(reasons[0]))
})

const OPENS = `
  import { openFileStore } from './adapters/store/open.ts'
  const reasons: string[] = []
  const path = process.argv[2] ?? ''
  const store = await openFileStore({ path, durability: 'full', unthreaded: (reason) => void reasons.push(reason) })
  console.log(JSON.stringify({ reasons, overlaps: store.overlaps }))
  await store.close()`
