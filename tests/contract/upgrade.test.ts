import { deepStrictEqual as same, ok } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { applyPragmas, connect, openLibsqlStore } from '../../adapters/store/libsql.ts'
import { readMigrations } from '../../adapters/store/migrations.ts'
import { COLUMNS, TABLE_NAMES } from '../../adapters/store/rows.ts'
import { migrate, type Sql } from '../../adapters/store/sql.ts'
import { JOB_STATUSES, type JobRow } from '../../core/records/job.ts'
import { everything, SOON } from './disk.ts'
import { job, type Sample, turn } from './rows.ts'

const folder = mkdtempSync(join(tmpdir(), 'upgrade-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Writes rows of today into the tables of yesterday: the columns that there were. */
function insert(sql: Sql, sample: Sample): void {
  for (const table of TABLE_NAMES) {
    const info = sql.all('select name, "notnull" as needed from pragma_table_info(?)', [table])
    const known = new Map(info.map(({ name, needed }) => [name, needed === 1]))
    const columns = COLUMNS[table].filter(({ name }) => known.has(name))
    if (columns.length === 0) continue
    const text = `insert into ${table} (${columns.map(({ name }) => name).join()}) values (${
      columns.map(() => '?').join()
    })`
    for (const row of (sample[table] ?? []) as readonly object[]) {
      const fields = row as Readonly<Record<string, string | number | boolean | null>>
      sql.all(
        text,
        columns.map(({ name, kind }) => {
          // What may be null today had to be something then.
          const value = fields[name] ?? (known.get(name) === true ? 0 : null)
          if (kind === 'json' && value !== null) return JSON.stringify(value)
          return typeof value === 'boolean' ? Number(value) : value
        }),
      )
    }
  }
}

for (let version = 1; version < readMigrations().length; version++) {
  test(`S8: a database of schema ${version} is opened with everything in it, and goes on`, async () => {
    const path = join(folder, `from-${version}.db`)
    const jobs = JOB_STATUSES.map((status, i) =>
      job(`job-${status}`, {
        status,
        seq: 10 + i,
        definition: 'a',
        ready_at: status === 'pending' ? 7 : null,
        max_attempts: 1,
        // As the step to schema 2 sets them.
        concurrency_limit: 1,
        tries: status === 'running' ? 1 : 0,
        attempt: 1,
      })
    )
    const sql = connect(path)
    applyPragmas(sql, 'full')
    migrate(sql, readMigrations().slice(0, version))
    insert(sql, { ...everything('a', 1), jobs })
    sql.close()

    const store = await openLibsqlStore({ path })
    const hot = await store.load(SOON)
    const live = jobs.filter(({ status }) => ['pending', 'queued', 'running'].includes(status))
    // What the second step has added, for rows that were there before it.
    const added = (one: JobRow) => ({ retry_on: [], concurrency_limit: 1, tries: one.status === 'running' ? 1 : 0 })
    const expected = live.map((one) => (version < 2 ? { ...one, ...added(one) } : one))
    same(hot.jobs, expected)
    same([hot.workflows.length, hot.robots[0]?.mode, hot.triggers.length, hot.keys.length], [
      1,
      version < 2 ? 'active' : '',
      1,
      1,
    ])
    // One without a secret had asked for none.
    same(hot.triggers[0]?.auth, version < 3 ? 'none' : '')
    same([hot.schedules.length, hot.jobs[0]?.schedule_id], [version < 4 ? 0 : 1, null])
    same((await store.queries.history('a' as never)).map((entry) => entry.actor), [''])
    await store.commit(turn(1, { jobs: [job('new', { seq: 100 })] }))
    same((await store.load(SOON)).jobs.length, live.length + 1)
    await store.close()
  })
}

test('the mean of a workflow is that of its completed jobs, also for those that ended before schema 9', async () => {
  const path = join(folder, 'mean.db')
  const ended = (id: string, status: 'completed' | 'failed', took: number, workflow_id = 'w') =>
    job(id, { status, workflow_id: workflow_id as never, started_at: 1_000, completed_at: 1_000 + took })
  const workflow = { ...everything('a', 1).workflows?.[0], total_duration_ms: 1_023, success_count: 2 }
  const sql = connect(path)
  applyPragmas(sql, 'full')
  migrate(sql, readMigrations().slice(0, 8))
  insert(sql, {
    workflows: [{ ...workflow, id: 'w' }, { ...workflow, id: 'unused' }] as never,
    jobs: [ended('a', 'completed', 10), ended('b', 'completed', 13), ended('c', 'failed', 1_000)],
  })
  sql.close()
  const store = await openLibsqlStore({ path })
  const { workflows } = await store.load(SOON)
  same(workflows.map(({ id, total_duration_ms }) => [id, total_duration_ms]), [['unused', 0], ['w', 23]])
  await store.close()
})

test('S8: a robot that was only put on record was never seen; one that has run something was', async () => {
  const path = join(folder, 'robots.db')
  const sql = connect(path)
  applyPragmas(sql, 'full')
  const all = readMigrations()
  migrate(sql, all.slice(0, all.findIndex((step) => step.sql.includes('last_disconnect'))))
  const robot = (id: string, seen: number): string => `('${id}', '', '', 1, '[]', '{}', 5, ${seen})`
  const columns = 'id, name, environment, max_concurrent_jobs, tags, capabilities, created_at, last_seen'
  sql.script(`insert into robots (${columns}) values ${robot('new', 5)}, ${robot('old', 5)}, ${robot('seen', 6)}`)
  insert(sql, { jobs: [job('j', { robot_id: 'old' })] })
  sql.close()
  const store = await openLibsqlStore({ path })
  const { robots } = await store.load(SOON)
  same(robots.map(({ id, last_seen, last_disconnect }) => [id, last_seen, last_disconnect]), [
    ['new', null, null],
    ['old', 5, null],
    ['seen', 6, null],
  ])
  await store.close()
})

test('steps after the checksums leave them true, or set them to null', () => {
  const steps = readMigrations()
  const first = steps.findIndex(({ sql }) => sql.includes('ADD COLUMN checksum'))
  for (const { version, sql } of steps.slice(first + 1)) {
    const statements = sql.replace(/--.*$/gm, '').split(';')
    const reset = statements.flatMap((text) => /UPDATE (\w+)\s+SET .*checksum = NULL/is.exec(text)?.[1] ?? [])
    for (const text of statements) {
      const table = /UPDATE (\w+)\s+SET/i.exec(text)?.[1] ?? /ALTER TABLE (\w+)/i.exec(text)?.[1] ?? 'meta'
      const isPlain = /^\s*ALTER TABLE \w+ ADD COLUMN \w+ \w+( NOT NULL DEFAULT (''|0|'\[\]'))?\s*$/i.test(text)
      ok(table === 'meta' || isPlain || reset.includes(table), `step ${version} changes rows of ${table}: ${text}`)
    }
  }
})
