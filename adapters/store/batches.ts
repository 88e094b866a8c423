import { bytesSql } from './bytes.ts'
import { COLUMN_NAMES, COLUMNS, type TableName, TABLES } from './rows.ts'
import type { SqlValue } from './row-of.ts'
import type { Statement } from './sqlite.ts'

/**
 * The number of characters of rows in one statement. At up to three bytes each, this stays below the two megabytes that
 * a Durable Object allows a value. A longer row goes alone, one value for each column.
 */
export const STATEMENT_CHARS_MAX = 500_000

export interface Batch extends Statement {
  /** The number of rows that it writes. */
  readonly rows: number
}

/** Statements that write rows: as many to each as fit, and those alone that fit into none. */
export function* batches<Row>(
  rows: Iterable<Row>,
  valuesOf: (row: Row) => readonly SqlValue[],
  sql: string,
  alone: string,
): Generator<Batch> {
  let batch: string[] = []
  let chars = 0
  for (const row of rows) {
    const values = valuesOf(row)
    const text = JSON.stringify(values)
    if (text.length > STATEMENT_CHARS_MAX) {
      yield { sql: alone, args: values, rows: 1 }
      continue
    }
    if (batch.length > 0 && chars + text.length > STATEMENT_CHARS_MAX) {
      yield { sql, args: [`[${batch.join()}]`], rows: batch.length }
      batch = []
      chars = 0
    }
    batch.push(text)
    chars += text.length
  }
  if (batch.length > 0) yield { sql, args: [`[${batch.join()}]`], rows: batch.length }
}

/**
 * Inserts rows with these columns; the others are null. All rows of a table are passed as one JSON parameter, because a
 * remote server and a Durable Object limit or charge statements. Converted to JSONB once per row, and read by position,
 * this takes a seventh longer than a prepared statement per row; as text, or by name, two to three times as long.
 * `materialized` makes the conversion happen once per row.
 */
export function insertSql(table: TableName, names: readonly string[]): string {
  const values = names.map((name) => storedSql(table, names, name, (i) => `v ->> ${i}`))
  // Without `where true` the parser takes `on` for part of a join.
  return `${ROWS} insert into ${table} (${names.join()}) select ${values.join()} from r where true ${resolve(table)}`
}

/** The same for one row, with a parameter for each column, so that no value is larger than its largest column. */
export function insertAloneSql(table: TableName, names: readonly string[]): string {
  const values = names.map((name) => storedSql(table, names, name, (i) => `?${i + 1}`))
  return `insert into ${table} (${names.join()}) values (${values.join()}) ${resolve(table)}`
}

/** The rows of the parameter. */
export const ROWS = 'with r as materialized (select jsonb(value) as v from json_each(?))'

/** The expression for the value that a column gets from its parameter, one of those of `names`. */
export function storedSql(
  table: TableName,
  names: readonly string[],
  name: string,
  parameter: (i: number) => string,
): string {
  const column = COLUMNS[table].find((one) => one.name === name)
  const of = (other: string): string => parameter(names.indexOf(other))
  if (column?.since != null) return `(${of(name)}) - (${of(column.since)})`
  const value = column?.isBytes === true ? bytesSql(of(name)) : of(name)
  if (table !== 'jobs' || name !== 'definition') return value
  const version = `workflow_id = ${bytesSql(of('workflow_id'))} and version = ${of('workflow_version')}`
  return `nullif(${value}, (select definition from workflow_versions where ${version}))`
}

/** The handling of rows that are there. */
function resolve(table: TableName): string {
  const { key, conflict } = TABLES[table]
  const others = COLUMN_NAMES[table].filter((name) => !(key as readonly string[]).includes(name))
  return {
    replace: `on conflict (${key.join()}) do update set ${others.map((name) => `${name} = excluded.${name}`).join()}`,
    keep: `on conflict (${key.join()}) do nothing`,
    fail: '',
  }[conflict]
}
