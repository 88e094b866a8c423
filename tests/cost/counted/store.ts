import { statSync } from 'node:fs'
import { applyPragmas, connect } from '../../../adapters/store/file.ts'
import { readMigrations } from '../../../adapters/store/migrations.ts'
import type { Store } from '../../../adapters/store/contract.ts'
import { sqlStore } from '../../../adapters/store/sql.ts'
import { migrate, type Sql } from '../../../adapters/store/sqlite.ts'

/** The changes to one table. */
interface TableWork {
  /** Inserted, updated or deleted. */
  readonly rows: number
  /** All of an inserted row; of an updated one those that the statement assigns, changed or not. */
  readonly columns: number
  /** Entries that were inserted into or deleted from the indexes of the table. */
  readonly index_entries: number
}

/** The work of a store. */
export interface StoreWork {
  readonly turns: number
  readonly transactions: number
  /** Statements within transactions. */
  readonly statements: number
  /** Statements outside transactions: they only read. */
  readonly reads: number
  /** The bytes of texts and blobs that were bound to statements within transactions. */
  readonly parameter_bytes: number
  /** Pages of the database file that were written into the WAL. */
  readonly pages: number
  readonly tables: Readonly<Record<string, TableWork>>
}

/** A store in a file that counts its work. */
export interface CountedStore {
  readonly store: Store
  /** Forgets what was counted so far. */
  reset(): void
  work(): StoreWork
}

const PAGE_BYTES = 4_096
/** Of the file, and of each page in it. */
const WAL_HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24

/**
 * Opens a store in a new file. Statements are counted where the store hands them to the database. Rows, columns and
 * index entries are counted by SQLite itself, by temporary triggers: they hold for any statement, however its values
 * are passed.
 */
export function openCountedStore(path: string): CountedStore {
  const sql = connect(path)
  applyPragmas(sql, 'relaxed')
  migrate(sql, readMigrations())
  // So that the WAL grows by what is written, and by nothing else.
  sql.all('pragma wal_autocheckpoint = 0', [])
  countRows(sql)
  const counts: Counts = { turns: 0, transactions: 0, statements: 0, reads: 0, parameter_bytes: 0 }
  const inner = sqlStore(counting(sql, counts))
  let pagesBefore = 0
  const pages = (): number => {
    const bytes = statSync(`${path}-wal`).size
    return Math.max(0, (bytes - WAL_HEADER_BYTES) / (PAGE_BYTES + FRAME_HEADER_BYTES))
  }
  return {
    store: {
      ...inner,
      commit(out) {
        counts.turns++
        return inner.commit(out)
      },
    },
    reset() {
      for (const name in counts) counts[name as keyof typeof counts] = 0
      sql.all('delete from touched', [])
      pagesBefore = pages()
    },
    work: () => ({ ...counts, pages: pages() - pagesBefore, tables: tablesOf(sql) }),
  }
}

type Counts = { -readonly [K in keyof Omit<StoreWork, 'pages' | 'tables'>]: number }

function counting(sql: Sql, counts: Counts): Sql {
  let writes = false
  return {
    ...sql,
    all(text, args) {
      if (!writes) counts.reads++
      else {
        counts.statements++
        for (const value of args) counts.parameter_bytes += bytesOf(value)
      }
      return sql.all(text, args)
    },
    transaction(work) {
      counts.transactions++
      writes = true
      try {
        return sql.transaction(work)
      } finally {
        writes = false
      }
    },
  }
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? value.byteLength : 0
}

function tablesOf(sql: Sql): StoreWork['tables'] {
  const tables: Record<string, TableWork> = {}
  for (const { name, what, total } of sql.all('select name, what, sum(n) as total from touched group by 1, 2', [])) {
    const table = tables[String(name)] ?? { rows: 0, columns: 0, index_entries: 0 }
    tables[String(name)] = { ...table, [String(what)]: Number(total) }
  }
  return tables
}

/** An index: the columns on which its entries depend, and the condition for having one; null: each row has one. */
interface Index {
  readonly columns: readonly string[]
  readonly condition: string | null
}

function countRows(sql: Sql): void {
  sql.all('pragma temp_store = memory', [])
  sql.script('create temp table touched (name text, what text, n integer)')
  const tables = sql.all("select name from sqlite_master where type = 'table' and name not like 'sqlite_%'", [])
  for (const { name } of tables) for (const trigger of triggersOf(sql, String(name))) sql.script(trigger)
}

let triggers = 0

/** `update of` fires where a statement assigns the column, whether or not the value changes: so SQLite writes too. */
function triggersOf(sql: Sql, table: string): readonly string[] {
  const columns = sql.all(`select name from pragma_table_info('${table}')`, []).map(({ name }) => String(name))
  const indexes = indexesOf(sql, table, columns)
  const has = (row: 'old' | 'new', { condition }: Index): string =>
    condition === null ? '1' : `ifnull((${condition.replaceAll(new RegExp(wordOf(columns), 'g'), `${row}.$1`)}), 0)`
  const all = (row: 'old' | 'new'): string => indexes.map((index) => has(row, index)).join(' + ') || '0'
  const trigger = (when: string, what: keyof TableWork, n: string): string =>
    `create temp trigger counted_${++triggers} after ${when} on ${table} begin
      insert into touched values ('${table}', '${what}', ${n}); end`
  return [
    ...['insert', 'update', 'delete'].map((when) => trigger(when, 'rows', '1')),
    trigger('insert', 'columns', String(columns.length)),
    trigger('insert', 'index_entries', all('new')),
    trigger('delete', 'index_entries', all('old')),
    ...columns.map((column) => trigger(`update of ${column}`, 'columns', '1')),
    ...indexes.map((index) =>
      trigger(`update of ${index.columns.join()}`, 'index_entries', `${has('old', index)} + ${has('new', index)}`)
    ),
  ]
}

function wordOf(columns: readonly string[]): string {
  return `\\b(${columns.join('|')})\\b`
}

/** The indexes of a table. The primary key of a table without rowids is the table itself. */
function indexesOf(sql: Sql, table: string, columns: readonly string[]): readonly Index[] {
  const [{ wr } = {}] = sql.all(`select wr from pragma_table_list('${table}')`, [])
  const list = sql.all(`select name, origin from pragma_index_list('${table}')`, [])
  return list.filter(({ origin }) => wr !== 1 || origin !== 'pk').map(({ name }) => {
    const keyed = sql.all(`select name from pragma_index_info('${name}')`, []).map((column) => String(column['name']))
    const [master] = sql.all('select sql from sqlite_master where name = ?', [String(name)])
    const condition = /\bwhere\b(.*)$/is.exec(String(master?.['sql']))?.[1] ?? null
    const words = condition?.match(new RegExp(wordOf(columns), 'g')) ?? []
    return { columns: [...new Set([...keyed, ...words])], condition }
  })
}
