import { COLUMNS, type Kind, type RowOf, type TableName, TABLES } from './rows.ts'
import { withoutLongParameters } from '../../core/records/parameters.ts'
import type { Effects } from '../../core/turn.ts'
import type { MemoryDisk } from './memory-disk.ts'

/** Makes a map of rows as strict as a STRICT table: keys, refusals, and immutable rows. */

/** The rows that a turn writes to one table, by key. */
export interface TableChange<T extends TableName = TableName> {
  readonly table: T
  readonly rows: ReadonlyMap<string, RowOf[T]>
}

/** The key under which a row is stored. */
export function rowKey<T extends TableName>(table: T, row: RowOf[T]): string {
  const key = TABLES[table].key as readonly string[]
  const fields = fieldsOf(row)
  return key.length === 1 ? String(fields[key[0] as string]) : JSON.stringify(key.map((name) => fields[name]))
}

/** The fields of a row by column name. */
export function fieldsOf(row: RowOf[TableName]): Readonly<Record<string, unknown>> {
  return row as unknown as Readonly<Record<string, unknown>>
}

/** Refuses, before anything is written, the rows that a STRICT table would refuse. Throws an `Error`, like a driver. */
export function verifyRows(disk: MemoryDisk, { table, rows }: TableChange): void {
  const taken = new Map<string, string>()
  const columns = COLUMNS[table]
  const isNew = TABLES[table].conflict === 'fail'
  for (const [key, row] of rows) {
    if (isNew && disk.tables[table].has(key)) throw new Error(`${table} has ${key} already`)
    const fields = fieldsOf(row)
    for (const { name, kind, nullable } of columns) {
      const value = fields[name]
      if (!fits(value, kind, nullable)) throw new Error(`${table}.${name} cannot hold ${String(value)}`)
    }
    const unique = uniqueKey(table, row)
    if (unique === null) continue
    const owner = taken.get(unique) ?? disk.unique.get(unique) ?? key
    if (owner !== key) throw new Error(`${table} has ${unique} already, in ${owner}`)
    taken.set(unique, key)
  }
}

const CHANGING = COLUMNS.jobs.map(({ name }) => name as keyof RowOf['jobs']).filter((name) =>
  !(TABLES.jobs.fixed as readonly string[]).includes(name)
)

/**
 * Refuses jobs that a turn changes although they are not there, or were otherwise than it says, and changes of fields that
 * never change: a database writes only what has changed of the others. Throws an `Error`.
 */
export function verifyUpdates(disk: MemoryDisk, { rows, created, before, clockChange }: Effects): void {
  for (const [id, job] of rows.jobs) {
    if (created.has(id)) continue
    const stored = disk.tables.jobs.get(id)
    if (stored === undefined) throw new Error(`jobs has no ${id} to change`)
    const former = before.get(id)
    // The clock is set on disk before the rows are written.
    if (former !== undefined && clockChange === null) {
      for (const name of CHANGING) {
        if (former[name] !== stored[name]) throw new Error(`jobs.${name} of ${id} is not as it was before the turn`)
      }
    }
    const known = typeof job.parameters === 'string' ? stored : withoutLongParameters(stored)
    for (const name of TABLES.jobs.fixed) {
      if (job[name] !== known[name] && JSON.stringify(job[name]) !== JSON.stringify(known[name])) {
        throw new Error(`jobs.${name} cannot be changed`)
      }
    }
  }
}

/** The unique values of a row; null if the table has no unique columns or one of them is null. */
export function uniqueKey<T extends TableName>(table: T, row: RowOf[T]): string | null {
  const { unique } = TABLES[table] as { readonly unique?: readonly string[] }
  if (unique === undefined) return null
  const fields = fieldsOf(row)
  let key: string = table
  for (const name of unique) {
    if (fields[name] === null) return null
    key += `\n${String(fields[name])}`
  }
  return key
}

function fits(value: unknown, kind: Kind, nullable: boolean): boolean {
  if (value === null) return nullable
  if (kind === 'text') return typeof value === 'string'
  if (kind === 'int') return Number.isSafeInteger(value)
  if (kind === 'real') return Number.isFinite(value)
  return typeof value === (kind === 'flag' ? 'boolean' : 'object')
}

/** Freezes a row deeply. Only JSON columns have any depth. */
export function frozen(row: RowOf[TableName], table: TableName): RowOf[TableName] {
  const fields = fieldsOf(row)
  for (const { name, kind } of COLUMNS[table]) if (kind === 'json') freeze(fields[name])
  return Object.freeze(row)
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  for (const inner of Object.values(value)) freeze(inner)
  Object.freeze(value)
}
