import type { Kind, RowOf, TableName } from './row-of.ts'
import { TABLES } from './tables.ts'

export type { Kind, RowOf, TableName } from './row-of.ts'
export { GOES, TABLES } from './tables.ts'

export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[]

export interface Column {
  readonly name: string
  readonly kind: Kind
  readonly nullable: boolean
}

/** The columns of each table in the order in which they are written and read. */
export const COLUMNS = Object.fromEntries<readonly Column[]>(
  Object.entries(TABLES).map(([table, { columns }]) => [table, Object.entries(columns).map(columnOf)]),
) as Readonly<Record<TableName, readonly Column[]>>

function columnOf([name, kept]: readonly [string, string]): Column {
  return { name, kind: kept.replace('?', '') as Kind, nullable: kept.endsWith('?') }
}

/** What a database takes and gives. */
export type SqlValue = string | number | null
export type SqlRow = Readonly<Record<string, SqlValue>>

/**
 * A row as a JSON array, its values in the order of `COLUMNS`.
 *
 * Lists and objects become text within it: SQLite then neither reads them (it gives up on JSON 1,000 levels deep) nor
 * writes them anew. Texts are well-formed and without U+0000, which what decodes them on the way in sees to.
 */
export function encode<T extends TableName>(table: T, row: RowOf[T]): string {
  // A row is looked at by column name here, and only here and in `decode`.
  const fields = row as unknown as Readonly<Record<string, unknown>>
  return JSON.stringify(COLUMNS[table].map(({ name, kind }) => {
    const value = fields[name]
    return kind === 'json' && value !== null ? JSON.stringify(value) : value
  }))
}

/** A row as what is bound to its columns one by one, in the order of `COLUMNS`. */
export function values<T extends TableName>(table: T, row: RowOf[T]): readonly SqlValue[] {
  const fields = row as unknown as Readonly<Record<string, unknown>>
  return COLUMNS[table].map(({ name, kind }) => {
    const value = fields[name] ?? null
    if (kind === 'json' && value !== null) return JSON.stringify(value)
    return typeof value === 'boolean' ? Number(value) : value as SqlValue
  })
}

/** The row that `encode` made this record from. What the database holds is trusted: it is ours, and STRICT. */
export function decode<T extends TableName>(table: T, record: SqlRow): RowOf[T] {
  const row: Record<string, unknown> = { ...BLANK[table] }
  for (const { name, kind } of COLUMNS[table]) {
    const value = record[name] ?? null
    if (kind === 'flag' && value !== null) row[name] = value === 1
    else if (kind === 'json' && value !== null) row[name] = JSON.parse(value as string)
    else row[name] = value
  }
  return row as unknown as RowOf[T]
}

/**
 * What rows are copied from before they are filled in, so that all of a table have one shape. Given its fields one by
 * one, by name, an object this wide would be a hash table to V8, and so slow for as long as the core holds it.
 */
const BLANK = Object.fromEntries(
  TABLE_NAMES.map((table) => [table, Object.fromEntries(COLUMNS[table].map(({ name }) => [name, null]))]),
) as Readonly<Record<TableName, Readonly<Record<string, unknown>>>>
