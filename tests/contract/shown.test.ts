import { deepStrictEqual as same } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { connect } from '../../adapters/store/file.ts'
import { openLibsqlStore } from '../../adapters/store/libsql.ts'
import { SOON } from './disk.ts'
import { job, turn } from './rows.ts'

const folder = mkdtempSync(join(tmpdir(), 'shown-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a view shows jobs as people read them, whatever is stored as null or as bytes', async () => {
  const path = join(folder, 'a.db')
  const store = await openLibsqlStore({ path })
  await store.load(SOON)
  const id = '01a22974-32a8-71d1-a008-29136b90ae41'
  const [created_at, started_at] = [Date.UTC(2026, 0, 2), Date.UTC(2026, 0, 2, 0, 0, 1, 5)]
  const own = { workflow_id: 'greeting', robot_id: 'r', robot_name: 'r', offer: 1, attempt: 1, priority: 1 }
  await store.commit(turn(1, { jobs: [job(id, { ...own, status: 'running', created_at, started_at })] }))
  const other = connect(path)
  const shown = 'id, workflow_id, status, robot_name, priority, retry_safety, created_at, queued_at, started_at'
  same(other.all(`select ${shown} from jobs_shown`, []).map((record) => Object.values(record)), [[
    id,
    'greeting',
    'running',
    'r',
    1,
    'never',
    '2026-01-02T00:00:00.000Z',
    null,
    '2026-01-02T00:00:01.005Z',
  ]])
  // The bytes of the id, nothing for the usual, and the time since it was created.
  const stored = other.all('select length(id), priority, robot_name, started_at from jobs', [])
  same(stored.map((record) => Object.values(record)), [[16, null, null, 1_005]])
  other.close()
  await store.close()
})
