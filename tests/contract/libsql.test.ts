import { deepStrictEqual as same, ok, rejects, throws } from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { StaleEpoch, StoreUnusable } from '../../adapters/store/contract.ts'
import { applyPragmas, connect } from '../../adapters/store/file.ts'
import { openLibsqlStore } from '../../adapters/store/libsql.ts'
import { readMigrations } from '../../adapters/store/migrations.ts'
import { META_COLUMNS } from '../../adapters/store/pages.ts'
import { loadPlan, prefetchPlan, sqlQueries } from '../../adapters/store/queries.ts'
import { CHECKSUMS, COLUMNS, plainColumn, TABLE_NAMES, TABLES } from '../../adapters/store/rows.ts'
import { liveJobs } from '../../adapters/store/live-jobs.ts'
import { migrationsOf } from '../../adapters/store/schema.ts'
import { migrate, type Sql, type Statement } from '../../adapters/store/sqlite.ts'
import { STATEMENT_CHARS_MAX } from '../../adapters/store/batches.ts'
import { writes } from '../../adapters/store/writes.ts'
import { Bug } from '../../core/base/assert.ts'
import { prefetchOf } from '../../core/prefetch.ts'
import { SOON } from './disk.ts'
import { filters } from './reading.ts'
import { job, row, turn } from './rows.ts'

const folder = mkdtempSync(join(tmpdir(), 'libsql-'))
afterAll(() => rmSync(folder, { recursive: true }))

let files = 0
const fresh = () => join(folder, `${++files}.db`)

const loaded = async (path: string) => {
  const store = await openLibsqlStore({ path })
  await store.load(SOON)
  return store
}

/** Looks at a file as another program would. */
function look<T>(path: string, use: (sql: Sql) => T): T {
  const sql = connect(path)
  try {
    return use(sql)
  } finally {
    sql.close()
  }
}

const read = (sql: Sql, text: string) => sql.all(text, []).map((record) => Object.values(record)[0])

test('a file is in WAL mode, may shrink, and each connection is as durable as was asked for', async () => {
  const path = fresh()
  await (await loaded(path)).close()
  look(path, (sql) => same([read(sql, 'pragma journal_mode'), read(sql, 'pragma auto_vacuum')], [['wal'], [2]]))
  for (const [durability, synchronous] of [['full', 2], ['relaxed', 1]] as const) {
    look(path, (sql) => {
      applyPragmas(sql, durability)
      same(read(sql, 'pragma synchronous'), [synchronous])
    })
  }
})

test('a store refuses to start where the settings do not hold', () => {
  const pretend = (answers: Record<string, unknown>): Sql => ({
    all: (text) => (text in answers ? [{ answer: answers[text] as string }] : []),
    script() {},
    transaction: (work) => work(),
    close() {},
  })
  const good = { 'pragma journal_mode = wal': 'wal', 'pragma synchronous': 2 }
  applyPragmas(pretend(good), 'full')
  for (const bad of [{ 'pragma journal_mode = wal': 'delete' }, { 'pragma synchronous': 1 }]) {
    throws(() => applyPragmas(pretend({ ...good, ...bad }), 'full'), StoreUnusable)
  }
})

test('a file that cannot be used is refused in a sentence that names it and says what to do', async () => {
  const refused = async (path: string, words: RegExp) => {
    await rejects(loaded(path), (error: Error) => {
      ok(error instanceof StoreUnusable && error.message.startsWith(path), String(error))
      ok(words.test(error.message), error.message)
      return true
    })
  }

  const text = fresh()
  writeFileSync(text, 'Dear diary, '.repeat(1_000))
  await refused(text, /is not a database .*move it away/)

  await refused(join(text, 'below.db'), /cannot be opened .*folder/)
  await refused(join(folder, 'nowhere', 'a.db'), /cannot be opened .*folder/)
  await refused(folder, /cannot be opened/)

  const damaged = fresh()
  const store = await loaded(damaged)
  await store.commit(turn(1, { jobs: Array.from({ length: 500 }, (_, i) => job(`job-${i}`, { seq: i + 1 })) }))
  await store.close()
  const size = statSync(damaged).size
  const fd = openSync(damaged, 'r+')
  writeSync(fd, Buffer.alloc(4096 * 4, 0x5a), 0, 4096 * 4, size >> 1)
  closeSync(fd)
  await refused(damaged, /is damaged .*backup/)

  const foreign = fresh()
  look(foreign, (sql) => sql.script('create table notes (text)'))
  await refused(foreign, /another program/)

  const newer = fresh()
  await (await loaded(newer)).close()
  look(newer, (sql) => sql.all('update meta set schema_version = schema_version + 1', []))
  await refused(newer, /newer version/)
})

test('steps of the schema apply once, in order, whole or not at all', () => {
  const one = 'create table meta (schema_version integer) strict; insert into meta values (0)'
  look(fresh(), (sql) => {
    const tables = () => read(sql, "select name from sqlite_master where type = 'table' order by name")
    migrate(sql, migrationsOf({ '0001_one.sql': one }))
    const bad = migrationsOf({ '0002_two.sql': 'create table b (c); create table b (c)', '0001_one.sql': one })
    throws(() => migrate(sql, bad))
    same([tables(), read(sql, 'select schema_version from meta')], [['meta'], [1]])
    const good = migrationsOf({ '0002_two.sql': 'create table b (c)', '0001_one.sql': one })
    migrate(sql, good)
    migrate(sql, good)
    same([tables(), read(sql, 'select schema_version from meta')], [['b', 'meta'], [2]])
  })
  throws(() => migrationsOf({ '0001_one.sql': '', '0003_three.sql': '' }), Bug)
})

test('the schema has the columns, kinds and keys that rows.ts says', () => {
  const types = { text: 'TEXT', int: 'INTEGER', real: 'REAL', flag: 'INTEGER', json: 'TEXT' }
  look(fresh(), (sql) => {
    migrate(sql, readMigrations())
    same(
      new Set(read(sql, "select name from sqlite_master where type = 'table' and name <> 'meta'")),
      new Set(TABLE_NAMES),
    )
    same(read(sql, "select name from pragma_table_info('meta') order by cid"), META_COLUMNS)
    same(read(sql, "select name from pragma_table_info('job_history')"), ['seq', 'job', 'at', 'entries', 'checksum'])
    // Rows of the history are packed into pages.
    for (const table of TABLE_NAMES.filter((name) => name !== 'job_history')) {
      const columns = sql.all('select * from pragma_table_info(?) order by name', [table])
      // Jobs are found by their ids, and stored by their numbers.
      const key: readonly string[] = table === 'jobs' ? ['seq'] : TABLES[table].key
      const sums = CHECKSUMS[table].map((name) => plainColumn(name, 'int', true))
      same(
        columns.map(({ name, type, notnull, pk }) => ({ name, type, nullable: notnull === 0 && pk === 0, pk })),
        [...COLUMNS[table], ...sums].toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((column) => ({
          name: column.name,
          type: column.isBytes ? 'ANY' : types[column.kind],
          nullable: column.nullable || (column.usual ?? column.sameAs ?? column.derived) !== null,
          pk: key.indexOf(column.name) + 1,
        })),
      )
    }
  })
})

/** The statements that load jobs, of which there are none. */
function* liveJobsStatements(): Generator<Statement> {
  const reads = liveJobs(SOON)
  for (let step = reads.next(); step.done !== true; step = reads.next([{ packed: null }])) yield step.value
}

test('every query of jobs, log lines and history goes by an index', async () => {
  const statements = new Map<string, number>()
  const queries = sqlQueries((text, args) => {
    statements.set(text, args.length)
    return []
  })
  const any = 'any' as never
  for (const filter of filters()) await queries.jobs({ ...filter, limit: 1 })
  for (const list of ['robots', 'workflows', 'triggers', 'schedules', 'keys', 'webhooks'] as const) {
    await queries[list]({ limit: 1 })
  }
  const ones = ['job', 'robot', 'workflow', 'trigger', 'schedule', 'definition', 'webhook', 'delivery'] as const
  for (const one of ones) await queries[one](any)
  await Promise.all([
    queries.history(any),
    queries.versions(any),
    queries.logTail(any, 1),
    queries.logCount(any),
    queries.backlog(any),
  ])
  await queries.logs(any, { after: 0, limit: 1 })
  for (const status of [undefined, 'failed'] as const) await queries.deliveries({ webhook_id: any, status, limit: 1 })
  await queries.scheduleRuns(any, { limit: 1 })
  await queries.triggerEvents(any, { limit: 1 })
  const need = prefetchOf({
    jobs: [any],
    duplicates: ['a'],
    idempotency: ['a'],
    due: { after: 1, until: 2 },
    deliveries: [any],
    interactions: [{ job: any, robot: any }],
  })
  for (const { sql, args } of prefetchPlan(need).statements) statements.set(sql, args.length)
  look(fresh(), (sql) => {
    migrate(sql, readMigrations())
    const plan = (text: string, args: number) =>
      sql.all(`explain query plan ${text}`, Array.from({ length: args }, () => 1)).map(({ detail }) => String(detail))
    for (const [text, args] of statements) {
      const steps = plan(text, args)
      ok(steps.some((step) => step.startsWith('SEARCH')), `${text}: ${steps.join()}`)
      // Of a list with several filters at most a stated number is searched.
      const own = steps.filter((step) => !/^SCAN \(subquery-\d\)|^SCAN json_each/.test(step))
      const isBounded = steps.some((step) => /^SCAN \(subquery-\d\)/.test(step))
      ok(!own.some((step) => /^SCAN|TEMP B-TREE/.test(step)) || isBounded, `${text}: ${steps.join()}`)
    }
    // Loading scans the index of live jobs, and none of the ended ones.
    const jobs = [...liveJobsStatements()]
    same(jobs.length, 2)
    for (const { sql: text, args } of [...loadPlan(SOON, SOON).statements, ...jobs]) {
      const steps = plan(text, args.length)
      const ofJobs = steps.filter((step) => step.includes(' jobs '))
      const others = {
        'where created_at > ?': 'jobs_created',
        'where root_job_id': 'jobs_root',
        'where id in': 'sqlite',
      }
      const other = Object.entries(others).find(([words]) => text.includes(` from jobs ${words}`))?.[1] ??
        'jobs_in_memory'
      const indexes = ['jobs_in_memory', other].map((index) => `SEARCH jobs USING INDEX ${index}`)
      ok(ofJobs.every((step) => indexes.some((index) => step.startsWith(index))), steps.join())
      ok(
        !text.includes('from jobs indexed by') || !steps.some((step) => step.includes('TEMP B-TREE FOR ORDER BY')),
        text,
      )
    }
  })
})

test('of two stores on one file the later one goes on', async () => {
  const path = fresh()
  const first = await loaded(path)
  await first.commit(turn(1, { jobs: [job('a')] }))
  const second = await openLibsqlStore({ path })
  await first.commit(turn(2, { jobs: [job('b', { seq: 1 })] }))
  same((await second.load(SOON)).jobs.length, 2)
  await rejects(async () => first.commit(turn(3, { jobs: [job('c', { seq: 2 })] })), StaleEpoch)
  await second.commit(turn(1, { jobs: [job('d', { seq: 3 })] }))
  await first.close()
  same((await second.queries.jobs({ limit: 10 })).items.length, 3)
  await second.close()
})

test('a commit while another program writes fails, leaves nothing, and the store goes on', async () => {
  const path = fresh()
  const store = await loaded(path)
  look(path, (other) => {
    other.all('begin immediate', [])
    throws(() => store.commit(turn(1, { jobs: [job('a')] })), /locked|busy/i)
    other.all('rollback', [])
  })
  same((await store.load(SOON)).jobs, [])
  const a = job('a')
  await store.commit(turn(2, { jobs: [a] }))
  same((await store.load(SOON)).jobs, [a])
  await store.close()
})

test('the WAL starts over while the store is read from, and is empty when it is closed', async () => {
  const path = fresh()
  const store = await loaded(path)
  for (let number = 1; number <= 300; number++) {
    const jobs = Array.from({ length: 20 }, (_, i) => job(`job-${i}`, { seq: i + 1, parameters: 'x'.repeat(3_000) }))
    await store.commit(turn(number, { jobs }))
    await store.queries.jobs({ limit: 3 })
    await store.queries.job(jobs[0]!.id)
    await store.prefetch(prefetchOf({ jobs: [jobs[1]!.id] }))
  }
  ok(statSync(`${path}-wal`).size < 8 * 1024 * 1024, 'the WAL has grown')
  await store.close()
  await store.close()
  same(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0, 0)
})

test('a closed store says so', async () => {
  const store = await loaded(fresh())
  await store.close()
  await rejects(async () => store.commit(turn(1, { jobs: [job('a')] })), Bug)
  await rejects(store.queries.jobs({ limit: 1 }), Bug)
})

test('a large turn is split into statements that a Durable Object takes', () => {
  const json = (length: number) => 'x'.repeat(length)
  const lengths = [STATEMENT_CHARS_MAX * 2, 10, 10, STATEMENT_CHARS_MAX / 2, STATEMENT_CHARS_MAX / 2, 10]
  const definitions = lengths.map((length, i) => row('definitions', { hash: `${i}`, json: json(length) }))
  const hashes = writes(turn(1, { definitions })).map(({ args }) =>
    args.length > 1 ? args[0] : (JSON.parse(String(args[0])) as [string, string][]).map(([hash]) => hash).join('')
  )
  same(hashes, ['=0', '=1=2=3', '=4=5'])
})
