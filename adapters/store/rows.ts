import { Bug } from '../../core/base/assert.ts'
import type { JsonText } from '../../core/base/ids.ts'
import { checkJob, type JobRow } from '../../core/records/job.ts'
import { fromText, toText } from '../../core/base/json.ts'
import { checksumOf, seedOf, type Summed } from './checksum.ts'
import { StoreDamaged } from './contract.ts'
import type { ColumnKind, RowOf, SqlValue, TableName } from './row-of.ts'
import { TABLES } from './tables.ts'

export type { ColumnKind as Kind, RowOf, TableName } from './row-of.ts'
export { CASCADES, TABLES } from './tables.ts'

export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[]

export interface Column {
  readonly name: string
  readonly kind: ColumnKind
  readonly nullable: boolean
}

/** The columns of each table in the order in which they are written and read. */
export const COLUMNS = Object.fromEntries<readonly Column[]>(
  Object.entries(TABLES).map(([table, { columns }]) => [table, Object.entries(columns).map(columnOf)]),
) as Readonly<Record<TableName, readonly Column[]>>

function columnOf([name, kept]: readonly [string, string]): Column {
  return { name, kind: kept.replace('?', '') as ColumnKind, nullable: kept.endsWith('?') }
}

/** The values that a database returns: a blob is the result of `packColumns`. */
export type SqlRow = Readonly<Record<string, SqlValue | ArrayBuffer>>

/** True for tables whose rows have a checksum: all except the definitions, whose key is their hash. */
export function isSummed(table: TableName): boolean {
  return table !== 'definitions'
}

/** The name of the checksum's column. It is null in rows written before it existed. */
const CHECKSUM = 'checksum'

/** The columns of each table in the database: those of its rows, and the checksum. */
export const COLUMN_NAMES = ofEachTable((table) => {
  const names = COLUMNS[table].map(({ name }) => name)
  return isSummed(table) ? [...names, CHECKSUM] : names
})

/** The default that a column added later must have in existing rows, so that their checksums stay valid. */
const PLAIN: { readonly [K in ColumnKind]: SqlValue } = { text: '', int: 0, real: 0, flag: 0, json: '[]' }

/** The contribution of each column to the checksum of its rows. */
const SUMMED = ofEachTable<readonly Summed[]>((table) =>
  COLUMNS[table].map(({ name, kind, nullable }) => ({ seed: seedOf(name), plain: nullable ? null : PLAIN[kind] }))
)

/**
 * A row as a JSON array, its values in the order of `COLUMN_NAMES`. Lists and objects become text within it, so SQLite
 * does not parse them (it gives up on JSON nested 1,000 levels deep) nor write them anew. Texts are well-formed and
 * without U+0000, because decoding of requests guarantees that.
 */
export function encodeRow<T extends TableName>(table: T, row: RowOf[T]): string {
  return JSON.stringify(rowValues(table, row))
}

/** The values to bind for a row, in the order of `COLUMN_NAMES`. */
export function rowValues<T extends TableName>(table: T, row: RowOf[T]): readonly SqlValue[] {
  // Only here and in `decodeRow` are rows accessed by column name.
  const fields = row as unknown as Readonly<Record<string, unknown>>
  const record = COLUMNS[table].map(({ name, kind }) => {
    const value = fields[name] ?? null
    if (kind === 'json' && value !== null) return toText(value)
    return typeof value === 'boolean' ? Number(value) : value as SqlValue
  })
  if (isSummed(table)) record.push(checksumOf(SUMMED[table], record))
  return record
}

/**
 * The selected expression for columns of a table: all values in one blob, separated by U+0000. The addon crashes the
 * process at a text that is not UTF-8; in a blob such a text is detected here. It is also one value to transfer instead
 * of fifty. Each value has a sign before it, because `concat_ws` skips null and empty values.
 */
export function packColumns(columns: readonly Column[]): string {
  const parts = columns.map(({ name, kind, nullable }) => {
    if (nullable) return `ifnull('+' || ${name}, '-')`
    return isText(kind) ? `'+' || ${name}` : name
  })
  return `cast(concat_ws(char(0), ${parts.join()}) as blob) as packed`
}

function isText(kind: ColumnKind): boolean {
  return kind === 'text' || kind === 'json'
}

/** The selected expressions that read whole rows of a table. */
export const ALL_COLUMNS = ofEachTable((table) =>
  `${packColumns(COLUMNS[table])}${isSummed(table) ? `, ${CHECKSUM}` : ''}`
)

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A text that was read as a blob. Throws `StoreDamaged` when it is not UTF-8. */
export function blobText(blob: SqlRow[string] | undefined): string {
  if (!(blob instanceof ArrayBuffer)) return throwDamaged('a row has no values')
  try {
    return UTF8.decode(blob)
  } catch {
    return throwDamaged('a row has text that is not UTF-8')
  }
}

/** Splits the values that `packColumns` has joined. Throws `StoreDamaged` if they are not as they were written. */
function unpack(columns: readonly Column[], blob: SqlRow[string] | undefined): SqlValue[] {
  const parts: SqlValue[] = blobText(blob).split('\0')
  if (parts.length !== columns.length) return throwDamaged('a row has lost a value')
  for (let i = 0; i < columns.length; i++) {
    const { kind, nullable } = columns[i] as Column
    const part = parts[i] as string
    if (isText(kind)) parts[i] = nullable && part === '-' ? null : part.slice(1)
    else parts[i] = nullable ? part === '-' ? null : Number(part.slice(1)) : Number(part)
  }
  return parts
}

/**
 * Decodes a record selected as `ALL_COLUMNS` to the row that `encodeRow` was given; if fewer columns were selected, the
 * rest is null. Throws `StoreDamaged` when the row is not as it was written.
 */
export function decodeRow<T extends TableName>(
  table: T,
  record: SqlRow,
  columns: readonly Column[] = COLUMNS[table],
): RowOf[T] {
  const read = unpack(columns, record['packed'])
  const checksum = record[CHECKSUM]
  if (typeof checksum === 'number' && checksum !== checksumOf(SUMMED[table], read)) {
    throwDamaged(`a row of ${table} does not match its checksum`)
  }
  const row: Record<string, unknown> = { ...BLANK[table] }
  for (let i = 0; i < columns.length; i++) {
    const { name, kind } = columns[i] as Column
    const value = read[i] ?? null
    if (kind === 'flag' && value !== null) row[name] = value === 1
    else if (kind === 'json' && value !== null) row[name] = parsed(table, value as string)
    else row[name] = value
  }
  return row as unknown as RowOf[T]
}

function parsed(table: TableName, text: string): unknown {
  try {
    return fromText(text as JsonText)
  } catch {
    return throwDamaged(`a row of ${table} has JSON that cannot be read`)
  }
}

/** Returns the job if it satisfies the rules of every job. Throws `StoreDamaged` otherwise. */
export function checkedJob(job: JobRow): JobRow {
  try {
    return checkJob(job)
  } catch (error) {
    if (error instanceof Bug) throwDamaged(`the job ${job.id} cannot be: ${error.message}`)
    throw error
  }
}

/** Throws an error that says that the database is damaged, and what can be done about it. */
export function throwDamaged(found: string): never {
  throw new StoreDamaged(`is damaged (${found}): restore it from a backup`)
}

function ofEachTable<V>(make: (table: TableName) => V): Readonly<Record<TableName, V>> {
  return Object.fromEntries(TABLE_NAMES.map((table) => [table, make(table)])) as Record<TableName, V>
}

/**
 * A template that rows are copied from before they are filled in, so that all rows of a table share one hidden class.
 * V8 would turn an object this wide, built field by field, into a slow hash table.
 */
const BLANK = ofEachTable<Readonly<Record<string, unknown>>>((table) =>
  Object.fromEntries(COLUMNS[table].map(({ name }) => [name, null]))
)
