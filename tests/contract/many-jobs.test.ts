import { deepStrictEqual as same } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import type { Cursor } from '../../adapters/store/contract.ts'
import { JOBS_SEARCHED_MAX } from '../../adapters/store/job-list.ts'
import { openLibsqlStore } from '../../adapters/store/libsql.ts'
import type { WorkflowId } from '../../core/base/ids.ts'
import { withoutLongParameters } from '../../core/records/parameters.ts'
import { SOON } from './disk.ts'
import { job, turn } from './rows.ts'

/** Many jobs: lists that are searched in part, and a load in portions. */

const folder = mkdtempSync(join(tmpdir(), 'casare-many-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('of a list with several filters so many jobs are searched for a page, and the next one goes on there', async () => {
  const store = await openLibsqlStore({ path: join(folder, 'searched.db') })
  await store.load(SOON)
  const rare = [1, 2, JOBS_SEARCHED_MAX + 1, 2 * JOBS_SEARCHED_MAX]
  const jobs = Array.from(
    { length: 2 * JOBS_SEARCHED_MAX + 10 },
    (_, seq) => job(`job-${seq}`, { seq, status: 'failed', workflow_id: rare.includes(seq) ? 'rare' : 'common' }),
  )
  await store.commit(turn(1, { jobs }))
  const pages: (readonly [readonly number[], number | null])[] = []
  let after: Cursor | undefined
  do {
    const query = { workflow_id: 'rare' as WorkflowId, status: ['failed', 'running'] as const, limit: 10, after }
    const { items, next, searched } = await store.queries.jobs(query)
    pages.push([items.map(({ seq }) => seq), searched])
    after = next ?? undefined
  } while (after !== undefined)
  same(pages, [
    [[2 * JOBS_SEARCHED_MAX], JOBS_SEARCHED_MAX],
    [[JOBS_SEARCHED_MAX + 1], JOBS_SEARCHED_MAX],
    [[2, 1], null],
  ])
  await store.close()
})

test('jobs are loaded in portions, however large and however many they are', async () => {
  const store = await openLibsqlStore({ path: join(folder, 'portions.db') })
  await store.load(SOON)
  const large = Array.from({ length: 20 }, (_, i) => job(`large-${i}`, { parameters: `"${'ä'.repeat(400_000)}"` }))
  const small = Array.from(
    { length: 5_000 },
    (_, i) =>
      job(`small-${i}`, i % 2 === 0 ? { concurrency_key: '\u0001' } : { status: 'pending', ready_at: i % 7 - 3 }),
  )
  const jobs = [...large, ...small]
  await store.commit(turn(1, { jobs }))
  same((await store.load(SOON)).jobs, jobs.map(withoutLongParameters))
  await store.close()
})
