import { sha256 } from '../crypto/secrets.ts'
import { readGeneration } from './generation.ts'
import { connect, refuseDamaged, stampIn, storeError } from './file.ts'
import { entriesOf, PAGE_COLUMNS } from './history-pages.ts'
import { readMigrations } from './migrations.ts'
import { ALL_COLUMNS, decodeRow, type SqlRow, TABLE_NAMES, type TableName, throwDamaged } from './rows.ts'
import { pending } from './schema.ts'
import { type Sql, versionIn } from './sqlite.ts'

/** Rows in memory at a time. */
const PAGE_ROWS = 1_000

/**
 * Checks a database with its indexes, its rows and the files beside it, and returns the number of rows. Returns null
 * for an older schema, of which only the structure is checked. Throws `StoreDamaged` at the first damage. Changes
 * nothing, except that the WAL is checkpointed.
 */
export function inspect(path: string): number | null {
  let sql: Sql | null = null
  try {
    const generation = readGeneration(path, false)
    sql = connect(path)
    refuseDamaged(sql, 'integrity_check')
    generation.verify(stampIn(sql))
    if (pending(versionIn(sql), readMigrations()).length > 0) return null
    let rows = 0
    for (const table of TABLE_NAMES) {
      for (const record of rowsOf(sql, table)) {
        judge(table, record)
        rows++
      }
    }
    return rows
  } catch (error) {
    throw storeError(path, error)
  } finally {
    sql?.close()
  }
}

function judge(table: TableName, record: SqlRow): void {
  if (table === 'job_history') return void entriesOf(record)
  if (table !== 'definitions') return void decodeRow(table, record)
  const { hash, json } = decodeRow(table, record)
  if (sha256(json) !== hash) throwDamaged(`the workflow definition ${hash.slice(0, 12)}… is not the one of this hash`)
}

function* rowsOf(sql: Sql, table: TableName): Generator<SqlRow> {
  const [kind] = sql.all('select wr from pragma_table_list where name = ?', [table])
  // These tables are small.
  if (kind?.['wr'] === 1) return yield* sql.all(`select ${ALL_COLUMNS[table]} from ${table}`, [])
  const text = `select rowid as at, ${
    table === 'job_history' ? PAGE_COLUMNS : ALL_COLUMNS[table]
  } from ${table} where rowid > ? order by rowid limit ${PAGE_ROWS}`
  for (let at = -1;;) {
    const page = sql.all(text, [at])
    yield* page
    if (page.length < PAGE_ROWS) return
    at = Number(page.at(-1)?.['at'])
  }
}
