import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@libsql/client'
import Database from 'libsql'
import { applyPragmas, connect } from '../adapters/store/file.ts'
import { openLibsqlStore } from '../adapters/store/libsql.ts'
import { readMigrations } from '../adapters/store/migrations.ts'
import { openRemoteStore } from '../adapters/store/remote.ts'
import { historyPages, INSERT_PAGE } from '../adapters/store/history-pages.ts'
import { COLUMNS, type RowOf, type TableName, TABLES } from '../adapters/store/rows.ts'
import { migrate } from '../adapters/store/sqlite.ts'
import type { Effects } from '../core/turn.ts'
import { Sqld } from '../tests/contract/sqld.ts'
import type { SqlValue } from '../adapters/store/row-of.ts'

/** Something that makes turns durable in a file of its own: our store, and the least that others could do. */
export interface Writer {
  write(out: Effects): Promise<void> | void
  close(): Promise<void> | void
}

/** A folder that is gone once `use` is done. */
export async function inTemporaryFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'casare-bench-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The store of the product. */
export async function ourStore(folder: string): Promise<Writer> {
  const store = await openLibsqlStore({ path: join(folder, 'store.db') })
  await store.load(Number.MAX_SAFE_INTEGER)
  return { write: async (out) => void await store.commit(out), close: () => store.close() }
}

/** The store of the product on a libSQL server, which is a process of its own. */
export async function remoteStore(): Promise<Writer> {
  const server = await Sqld.start()
  const store = await openRemoteStore({ url: server.url })
  await store.load(Number.MAX_SAFE_INTEGER)
  return {
    write: async (out) => void await store.commit(out),
    async close() {
      await store.close()
      server.remove()
    },
  }
}

/** `libsql`, one prepared statement, run once for each row, in one transaction. */
export function preparedRows(folder: string): Writer {
  const path = join(folder, 'prepared.db')
  emptyDatabase(path)
  const db = new Database(path)
  db.exec('pragma synchronous = full')
  const statements = Object.fromEntries(TOUCHED.map((table) => [table, db.prepare(rowSql(table))]))
  const begin = db.prepare('begin immediate')
  const commit = db.prepare('commit')
  return {
    write(out) {
      begin.run()
      for (const [table, args] of argumentsOf(out)) statements[table]?.run(args)
      commit.run()
    },
    close: () => void db.close(),
  }
}

/** `@libsql/client`, one batch with a statement for each row. */
export async function clientBatch(folder: string): Promise<Writer> {
  const path = join(folder, 'client.db')
  emptyDatabase(path)
  const client = createClient({ url: `file:${path}`, concurrency: 1 })
  await client.execute('pragma synchronous = full')
  const sql = Object.fromEntries(TOUCHED.map((table) => [table, rowSql(table)]))
  return {
    async write(out) {
      await client.batch(argumentsOf(out).map(([table, args]) => ({ sql: sql[table] ?? '', args: [...args] })), 'write')
    },
    close: () => client.close(),
  }
}

/** The bytes of the rows at the end of a plain file, and one `fdatasync`. */
export function plainFile(folder: string): Writer {
  const file = openSync(join(folder, 'plain.log'), 'a')
  return {
    write(out) {
      writeSync(file, argumentsOf(out).map(([, values]) => JSON.stringify(values)).join('\n'))
      fdatasyncSync(file)
    },
    close: () => closeSync(file),
  }
}

/** The tables that the turns here write to, in the order in which rows may refer to each other. */
const TOUCHED = ['definitions', 'workflow_versions', 'workflows', 'robots', 'jobs', 'job_history'] as const

/** The schema of the product, WAL: the same tables with the same indexes. */
function emptyDatabase(path: string): void {
  const sql = connect(path)
  applyPragmas(sql, 'full')
  migrate(sql, readMigrations())
  sql.close()
}

function rowSql(table: TableName): string {
  if (table === 'job_history') return INSERT_PAGE
  const { key, conflict } = TABLES[table]
  const names = COLUMNS[table].map((column) => column.name)
  const others = names.filter((name) => !(key as readonly string[]).includes(name))
  const resolve = conflict === 'replace'
    ? `on conflict (${key.join()}) do update set ${others.map((name) => `${name} = excluded.${name}`).join()}`
    : conflict === 'keep'
    ? `on conflict (${key.join()}) do nothing`
    : ''
  return `insert into ${table} (${names.join()}) values (${names.map(() => '?').join()}) ${resolve}`
}

type Row = { [T in TableName]: readonly [T, RowOf[T]] }[TableName]

function rowsOf({ rows }: Effects): readonly Row[] {
  return [
    ...of('definitions', rows.definitions.values()),
    ...of('workflow_versions', rows.versions.values()),
    ...of('workflows', rows.workflows.values()),
    ...of('robots', rows.robots.values()),
    ...of('jobs', rows.jobs.values()),
  ]
}

function of<T extends TableName>(table: T, rows: Iterable<RowOf[T]>): readonly Row[] {
  return [...rows].map((row) => [table, row] as unknown as Row)
}

function argumentsOf(out: Effects): readonly (readonly [TableName, readonly SqlValue[]])[] {
  const pages = historyPages(out.history).map((page) => ['job_history', page] as const)
  const rows = rowsOf(out).map(([table, row]) => {
    const fields = row as unknown as Readonly<Record<string, unknown>>
    const args = COLUMNS[table].map(({ name, kind }) => {
      const value = fields[name] ?? null
      if (kind === 'flag') return Number(value)
      return (kind === 'json' && value !== null ? JSON.stringify(value) : value) as SqlValue
    })
    return [table, args] as const
  })
  return [...rows, ...pages]
}
