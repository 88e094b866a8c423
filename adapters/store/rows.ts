import { Bug } from '../../core/base/assert.ts'
import type { JsonText } from '../../core/base/ids.ts'
import { checkJob, type JobRow } from '../../core/records/job.ts'
import { fromText, toText } from '../../core/base/json.ts'
import { checksumOf, seedOf, type Summed } from './checksum.ts'
import { bytesParameter, bytesPartSql, textOfPart } from './bytes.ts'
import { blobText, throwDamaged } from './damaged.ts'
import type { ColumnKind, RowOf, SqlRow, SqlValue, TableName } from './row-of.ts'
import { TABLES } from './tables.ts'

export type { ColumnKind as Kind, RowOf, SqlRow, TableName } from './row-of.ts'
export { blobText, throwDamaged } from './damaged.ts'
export { CASCADES, TABLES } from './tables.ts'

export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[]

export interface Column {
  readonly name: string
  readonly kind: ColumnKind
  readonly nullable: boolean
  /** The value that is stored as null, of a column that is never null in a row; null if there is none. */
  readonly usual: SqlValue
  /** The column that it usually equals, and is null then. */
  readonly sameAs: string | null
  /** The expression for a value of bytes that is stored as null where it is equal. */
  readonly derived: string | null
  /** The column of the instant from which this one is counted. */
  readonly since: string | null
  /** True if a UUID, or a hash, is stored as the bytes that its digits stand for, and every other text as it is. */
  readonly isBytes: boolean
  /** The column of the checksum that its value counts in; null in a table without checksums. */
  readonly checksum: Checksum | null
}

/**
 * The names of the columns with checksums, which are null in rows written before they existed. A table whose rows are
 * updated in part has two: `state_checksum` is that of the columns which an update writes.
 */
type Checksum = 'checksum' | 'state_checksum'

/** The columns of each table in the order in which they are written and read. */
export const COLUMNS = Object.fromEntries<readonly Column[]>(
  Object.entries(TABLES).map(([table, { columns }]) => [table, columnsOf(table as TableName, columns)]),
) as Readonly<Record<TableName, readonly Column[]>>

/** A column that is stored as it is. */
export function plainColumn(name: string, kind: ColumnKind, nullable = false): Column {
  return { name, kind, nullable, usual: null, sameAs: null, derived: null, since: null, isBytes: false, checksum: null }
}

interface Stored {
  readonly fixed?: readonly string[]
  readonly usual?: Readonly<Record<string, SqlValue>>
  readonly same?: Readonly<Record<string, string>>
  readonly derived?: Readonly<Record<string, string>>
  readonly since?: Readonly<Record<string, string>>
  readonly bytes?: readonly string[]
}

/** Fixed columns come first, so that those which an update writes are next to each other. */
function columnsOf(table: TableName, columns: Readonly<Record<string, string>>): readonly Column[] {
  const { fixed, usual = {}, same = {}, derived = {}, since = {}, bytes = [] } = TABLES[table] as Stored
  const all = Object.entries(columns).map(([name, kept]): Column => {
    const sum = fixed === undefined || fixed.includes(name) ? 'checksum' : 'state_checksum'
    const kind = kept.replace('?', '') as ColumnKind
    return {
      name,
      kind,
      nullable: kept.endsWith('?'),
      usual: usual[name] ?? null,
      sameAs: same[name] ?? null,
      derived: derived[name] ?? null,
      since: since[name] ?? null,
      isBytes: bytes.includes(name),
      checksum: table === 'definitions' ? null : sum,
    }
  })
  return [...all.filter(({ checksum }) => checksum !== 'state_checksum'), ...all.filter(isState)]
}

/** True for a column that an update writes, of a table whose rows are updated in part. */
function isState({ checksum }: Column): boolean {
  return checksum === 'state_checksum'
}

/** Runs one reading statement, locally or remotely. */
export type ReadSql = (sql: string, args: readonly SqlValue[]) => readonly SqlRow[] | Promise<readonly SqlRow[]>

/** The checksums of a table: none of the definitions, whose key is their hash. */
export const CHECKSUMS = ofEachTable((table): readonly Checksum[] => [
  ...new Set(COLUMNS[table].flatMap(({ checksum }) => checksum ?? [])),
])

/** The columns of each table in the database: those of its rows, and the checksums. */
export const COLUMN_NAMES = ofEachTable((table) => [...COLUMNS[table].map(({ name }) => name), ...CHECKSUMS[table]])

/** The default that a column added later must have in existing rows, so that their checksums stay valid. */
const PLAIN: { readonly [K in ColumnKind]: SqlValue } = { text: '', int: 0, real: 0, flag: 0, json: '[]' }

/** The contribution of each column to a checksum of its rows. */
const SUMMED = ofEachTable((table) => summedOf(COLUMNS[table]))

/** The contributions of columns to a checksum. The checksum of two sets of columns is the sum of theirs. */
export function summedOf(columns: readonly Column[]): readonly Summed[] {
  return columns.map(({ name, kind, nullable }) => ({ seed: seedOf(name), plain: nullable ? null : PLAIN[kind] }))
}

const STATE_COLUMNS = COLUMNS.jobs.filter(isState)
const STATE_SUMMED = SUMMED.jobs.slice(-STATE_COLUMNS.length)

/** The number of fixed columns of each table: the first ones. */
const FIXED = ofEachTable((table) => COLUMNS[table].filter((column) => !isState(column)).length)

/**
 * The values to bind for a row, in the order of `COLUMN_NAMES`. Lists and objects become text, so SQLite does not parse
 * them (it gives up on JSON nested 1,000 levels deep) nor write them anew. Texts are well-formed and without U+0000,
 * because decoding of requests guarantees that.
 */
export function rowValues<T extends TableName>(table: T, row: RowOf[T]): readonly SqlValue[] {
  const columns = COLUMNS[table]
  const values = valuesOf(columns, row)
  const sums = checksumsOf(table, values)
  store(columns, values, row)
  return [...values, ...sums]
}

/** Replaces values by what is bound for them: null for the usual ones, and digits of bytes. */
function store(columns: readonly Column[], values: SqlValue[], row: RowOf[TableName]): void {
  const fields = row as unknown as Readonly<Record<string, SqlValue>>
  for (let i = 0; i < columns.length; i++) {
    const value = values[i] as SqlValue
    if (value === null) continue
    const { usual, sameAs, isBytes } = columns[i] as Column
    if (value === usual || (sameAs !== null && value === (fields[sameAs] ?? ''))) values[i] = null
    else if (isBytes) values[i] = bytesParameter(value as string)
  }
}

/** The names of the columns of a job that may change, and of their checksum. */
export const STATE_NAMES: readonly string[] = [...STATE_COLUMNS.map(({ name }) => name), 'state_checksum']

/** The values to bind for them. */
export function stateValues(job: JobRow): readonly SqlValue[] {
  const values = valuesOf(STATE_COLUMNS, job)
  const sum = checksumOf(STATE_SUMMED, values)
  store(STATE_COLUMNS, values, job)
  return [...values, sum]
}

function valuesOf(columns: readonly Column[], row: RowOf[TableName]): SqlValue[] {
  // Only here and in `decodeRow` are rows accessed by column name.
  const fields = row as unknown as Readonly<Record<string, unknown>>
  return columns.map(({ name, kind }) => {
    const value = fields[name] ?? null
    if (kind === 'json' && value !== null) return toText(value)
    return typeof value === 'boolean' ? Number(value) : value as SqlValue
  })
}

/** The checksums of a row's values. */
function checksumsOf(table: TableName, values: readonly SqlValue[]): readonly number[] {
  const summed = SUMMED[table]
  const count = FIXED[table]
  const all = CHECKSUMS[table]
  if (all.length < 2) return all.map(() => checksumOf(summed, values))
  return [checksumOf(summed, values, 0, count), checksumOf(summed, values, count)]
}

/**
 * The selected expression for columns of a table: all values in one blob, separated by U+0000. The addon crashes the
 * process at a text that is not UTF-8; in a blob such a text is detected here. It is also one value to transfer instead
 * of fifty. Each value has a sign before it, because `concat_ws` skips null and empty values.
 */
export function packColumns(columns: readonly Column[]): string {
  return `cast(${joinColumns(columns)} as blob) as packed`
}

/** The same as text, to be joined with other rows. No part is empty, so U+0000 never comes twice. */
export function joinColumns(columns: readonly Column[]): string {
  return `concat_ws(char(0), ${columns.map(partSql).join()})`
}

/** The expression for one of these values, with its sign. */
export function partSql(column: Column): string {
  const { name, kind, nullable, usual, isBytes, derived } = column
  if (isBytes) return bytesPartSql(name, derived ?? (usual === null ? "'-'" : `'+${usual}'`))
  const value = valueSql(column)
  if (nullable) return `ifnull('+' || ${value}, '-')`
  return isText(kind) ? `'+' || ${value}` : value
}

/** The expression for the value of a column as it is in a row. */
function valueSql({ name, usual, sameAs, since }: Column): string {
  if (since !== null) return `(${since} + ${name})`
  if (sameAs !== null) return `ifnull(${name}, ifnull(${sameAs}, ''))`
  return usual === null ? name : `ifnull(${name}, ${literal(usual)})`
}

function literal(value: SqlValue): string {
  return typeof value === 'string' ? `'${value}'` : String(value)
}

function isText(kind: ColumnKind): boolean {
  return kind === 'text' || kind === 'json'
}

/** The selected expressions that read whole rows of a table. */
export const ALL_COLUMNS = ofEachTable((table) => [packColumns(COLUMNS[table]), ...CHECKSUMS[table]].join(', '))

/** Splits the values that `packColumns` has joined. Throws `StoreDamaged` if they are not as they were written. */
function unpack(columns: readonly Column[], blob: SqlRow[string] | undefined): SqlValue[] {
  const parts = blobText(blob).split('\0')
  if (parts.length !== columns.length) return throwDamaged('a row has lost a value')
  return parts.map((part, i) => valueOf(columns[i] as Column, part))
}

/** Reads one of the values that `joinColumns` has joined. */
export function valueOf({ kind, nullable, isBytes }: Column, part: string): SqlValue {
  if (nullable && part === '-') return null
  if (isBytes) return textOfPart(part)
  if (isText(kind)) return part.slice(1)
  return Number(nullable ? part.slice(1) : part)
}

/**
 * Decodes a record selected as `ALL_COLUMNS` to the row that `rowValues` was given; if fewer columns were selected, the
 * rest is null. Throws `StoreDamaged` when the row is not as it was written.
 */
export function decodeRow<T extends TableName>(
  table: T,
  record: SqlRow,
  columns: readonly Column[] = COLUMNS[table],
): RowOf[T] {
  const read = unpack(columns, record['packed'])
  if (columns === COLUMNS[table]) verifyChecksums(table, record, read)
  const row: Record<string, unknown> = { ...BLANK[table] }
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i] as Column
    row[column.name] = fieldOf(table, column, read[i] ?? null)
  }
  return row as unknown as RowOf[T]
}

/** The field of a row that has this value in its column. Throws `StoreDamaged` when it cannot be read. */
export function fieldOf(table: TableName, { kind }: Column, value: SqlValue): unknown {
  if (kind === 'flag' && value !== null) return value === 1
  return kind === 'json' && value !== null ? parsed(table, value as string) : value
}

function verifyChecksums(table: TableName, record: SqlRow, values: readonly SqlValue[]): void {
  const sums = checksumsOf(table, values)
  const names = CHECKSUMS[table]
  for (let i = 0; i < names.length; i++) {
    const stored = record[names[i] as string]
    if (typeof stored === 'number' && stored !== sums[i]) {
      throwDamaged(`a row of ${table} does not match its checksum`)
    }
  }
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

function ofEachTable<V>(make: (table: TableName) => V): Readonly<Record<TableName, V>> {
  return Object.fromEntries(TABLE_NAMES.map((table) => [table, make(table)])) as Record<TableName, V>
}

/**
 * A template that rows are copied from before they are filled in, so that all rows of a table share one hidden class.
 * V8 would turn an object this wide, built field by field, into a slow hash table.
 */
export const BLANK = ofEachTable<Readonly<Record<string, unknown>>>((table) =>
  Object.fromEntries(COLUMNS[table].map(({ name }) => [name, null]))
)
