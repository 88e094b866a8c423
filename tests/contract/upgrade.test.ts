import { deepStrictEqual as same, rejects, throws } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { StoreDamaged, StoreUnusable } from '../../adapters/store/contract.ts'
import { historyPages, INSERT_PAGE } from '../../adapters/store/history-pages.ts'
import { inspect } from '../../adapters/store/inspect.ts'
import { applyPragmas, connect } from '../../adapters/store/file.ts'
import { openLibsqlStore } from '../../adapters/store/libsql.ts'
import { readMigrations } from '../../adapters/store/migrations.ts'
import { COLUMNS, TABLE_NAMES } from '../../adapters/store/rows.ts'
import type { Migration } from '../../adapters/store/schema.ts'
import { sqlStore } from '../../adapters/store/sql.ts'
import { migrate, type Sql } from '../../adapters/store/sqlite.ts'
import { JOB_STATUSES } from '../../core/records/job.ts'
import { everything, SOON } from './disk.ts'
import { job, type Sample, turn } from './rows.ts'

const folder = mkdtempSync(join(tmpdir(), 'upgrade-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Writes rows of today into the tables of a schema: the columns that there were. */
function insert(sql: Sql, sample: Sample): void {
  for (const table of TABLE_NAMES.filter((name) => name !== 'job_history')) {
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
          // A column that may be null now was required then.
          const value = fields[name] ?? (known.get(name) === true ? 0 : null)
          if (kind === 'json' && value !== null) return JSON.stringify(value)
          return typeof value === 'boolean' ? Number(value) : value
        }),
      )
    }
  }
  for (const page of historyPages(sample.job_history ?? [])) sql.all(INSERT_PAGE, page)
}

/** A database that is open, at a step of the schema. */
function at(path: string, steps: readonly Migration[]): Sql {
  const sql = connect(path)
  applyPragmas(sql, 'full')
  migrate(sql, steps)
  return sql
}

const STEPS = readMigrations()
const JOBS = JOB_STATUSES.map((status, i) =>
  job(`job-${status}`, { status, seq: 10 + i, definition: 'a', ready_at: status === 'pending' ? 7 : null })
)
/** A job with a history. */
const ENDED = job('a', { status: 'completed', seq: 99, definition: 'a' })
const LIVE = JOBS.filter(({ status }) => ['pending', 'queued', 'running'].includes(status))

for (const { version } of STEPS) {
  test(`S8: a database of schema ${version} is opened with everything in it, and goes on`, async () => {
    const path = join(folder, `from-${version}.db`)
    const sql = at(path, STEPS.slice(0, version))
    insert(sql, { ...everything('a', 1), jobs: [...JOBS, ENDED] })
    sql.close()

    const store = await openLibsqlStore({ path })
    const loaded = await store.load(SOON)
    same(loaded.jobs, LIVE)
    const { workflows, robots, triggers, schedules, keys, pools, webhooks } = loaded
    same([workflows, robots, triggers, schedules, keys, pools, webhooks].map(({ length }) => length), [
      1,
      1,
      1,
      1,
      1,
      1,
      1,
    ])
    same((await store.queries.history('a' as never)).length, 1)
    await store.commit(turn(1, { jobs: [job('new', { seq: 100 })] }))
    same((await store.load(SOON)).jobs.length, LIVE.length + 1)
    await store.close()
  })
}

/** The steps, and one more. */
const withStep = (sql: string): readonly Migration[] => [...STEPS, { version: STEPS.length + 1, sql }]
const NEXT = `
  ALTER TABLE jobs ADD COLUMN colour TEXT NOT NULL DEFAULT '';
  UPDATE robots SET name = upper(name), checksum = NULL;
`

/** A database that the program has written everything into and closed. */
async function written(name: string): Promise<string> {
  const path = join(folder, name)
  const store = await openLibsqlStore({ path })
  await store.load(SOON)
  await store.commit(turn(1, { ...everything('a', 1), jobs: [...JOBS, ENDED] }))
  await store.close()
  return path
}

test('S8: the next step is taken once, with all rows and their checksums, and the database goes on', async () => {
  const path = await written('next.db')
  const sql = at(path, withStep(NEXT))
  migrate(sql, withStep(NEXT))
  const store = sqlStore(sql)
  const { jobs, robots } = await store.load(SOON)
  same(jobs, LIVE)
  same(robots, everything('a', 1).robots?.map((robot) => ({ ...robot, name: robot.name.toUpperCase() })))
  same((await store.queries.job('job-completed' as never))?.status, 'completed')
  await store.commit(turn(2, { robots: [{ ...robots[0], name: 'after' }] as never }))
  same((await store.load(SOON)).robots[0]?.name, 'after')
  await store.close()
  await rejects(
    openLibsqlStore({ path }),
    /was written by a newer version of this program \(schema 2, known here up to 1\)/,
  )
})

test('a step that changes rows and leaves their checksums is found out by the next load', async () => {
  const sql = at(await written('forgetful.db'), withStep("UPDATE robots SET name = 'other'"))
  await rejects(async () => sqlStore(sql).load(SOON), StoreDamaged)
  sql.close()
})

test('a step that fails is undone whole, and the database is used as before', async () => {
  const path = await written('failed.db')
  const sql = connect(path)
  throws(() => migrate(sql, withStep(`${NEXT}; ALTER TABLE robots ADD COLUMN name TEXT;`)), /duplicate column/)
  sql.close()
  const store = await openLibsqlStore({ path })
  const { jobs, robots } = await store.load(SOON)
  same([jobs, robots], [LIVE, everything('a', 1).robots])
  await store.close()
})

test('a database from before the first release is refused in a sentence that says what to do, and left as it is', async () => {
  for (const version of [1, 12]) {
    const path = join(folder, `before-${version}.db`)
    const sql = connect(path)
    applyPragmas(sql, 'full')
    sql.script(
      `create table meta (only integer primary key, version integer not null); insert into meta values (1, ${version})`,
    )
    sql.close()
    const words = new RegExp(`^${path} was written by a version from before the first release, .*: move it away`)
    const isRefused = (error: Error) => error instanceof StoreUnusable && words.test(error.message)
    await rejects(openLibsqlStore({ path }), isRefused)
    throws(() => inspect(path), isRefused)
    const again = connect(path)
    same(again.all('select version from meta', []), [{ version }])
    again.close()
  }
})

/** Steps that change rows of tables whose checksums they leave as they are. */
function careless(steps: readonly Migration[]): readonly string[] {
  return steps.flatMap(({ version, sql }) => {
    const statements = sql.replace(/--.*$/gm, '').split(';')
    const reset = statements.flatMap((text) => /UPDATE (\w+)\s+SET .*checksum = NULL/is.exec(text)?.[1] ?? [])
    return statements.flatMap((text) => {
      const table = /UPDATE (\w+)\s+SET/i.exec(text)?.[1] ?? /ALTER TABLE (\w+)/i.exec(text)?.[1] ?? 'meta'
      const isPlain = /^\s*ALTER TABLE \w+ ADD COLUMN \w+ \w+( NOT NULL DEFAULT (''|0|'\[\]'))?\s*$/i.test(text)
      return table === 'meta' || isPlain || reset.includes(table) ? [] : [`step ${version} changes rows of ${table}`]
    })
  })
}

test('steps after the first leave checksums true, or set them to null', () => {
  same(careless(STEPS.slice(1)), [])
  same(careless([{ version: 2, sql: NEXT }]), [])
  same(careless([{ version: 2, sql: "UPDATE robots SET name = 'other'" }]), ['step 2 changes rows of robots'])
  same(careless([{ version: 2, sql: 'ALTER TABLE jobs ADD COLUMN depth INTEGER NOT NULL DEFAULT 1' }]), [
    'step 2 changes rows of jobs',
  ])
})
