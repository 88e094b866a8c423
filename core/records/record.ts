import * as v from 'valibot'
import type { Brand, JsonText, Millis } from '../base/ids.ts'
import { instantText } from '../base/instant.ts'
import { fromText } from '../base/json.ts'

/**
 * A record is defined once. Its fields give the type of a row (`RowOf`), the columns of its table, the schema of the
 * API's answer (`view`) and the function that makes it (`show`). There are no relations and no queries here.
 */

type Kind = 'text' | 'int' | 'real' | 'flag' | 'json'
/** The type of a column: `json` is an array or an object in the row and text in the database; `?` may be null. */
export type ColumnKind = Kind | `${Kind}?`
type Stored<K extends ColumnKind, T> = K extends `${string}?` ? T | null : T

/** Branded ids are plain text outside. */
export type Plain<T> = T extends string & Brand<string> ? string
  : T extends readonly (infer Item)[] ? readonly Plain<Item>[]
  : T

/** One field: how it is kept, and how the API shows it. */
export interface Field<K extends ColumnKind, Row, Shown> {
  readonly kind: K
  readonly isKey: boolean
  /** True if the value never changes after the row is created. */
  readonly isFixed: boolean
  /** null: never shown. */
  readonly view: v.GenericSchema<Shown> | null
  /** null: shown as it is stored. */
  readonly show: ((stored: Row) => Shown) | null
}
type AnyField = Field<ColumnKind, never, unknown>

/** Something that the API shows and no column has. */
export interface Computed<Row, Shown> {
  readonly view: v.GenericSchema<Shown>
  readonly of: (row: Row) => Shown
}
type AnyComputed = Computed<never, unknown>

type RowOfFields<F> = { readonly [N in keyof F]: F[N] extends Field<infer _K, infer Row, infer _S> ? Row : never }
type ShownOf<F, C> =
  & {
    readonly [
      N in keyof F as F[N] extends Field<infer _K, infer _R, infer S> ? [S] extends [never] ? never : N : never
    ]: F[N] extends Field<infer _K, infer _R, infer S> ? S : never
  }
  & { readonly [N in keyof C]: C[N] extends Computed<never, infer S> ? S : never }
type EntriesOf<T> = { readonly [N in keyof T]: v.GenericSchema<T[N]> }

/** The result of `record` for the fields `F` and the computed ones `C`. */
export interface RecordOf<F, C> {
  readonly table: string
  readonly key: readonly (keyof F & string)[]
  /** The fields that never change after the row is created. */
  readonly fixed: readonly (keyof F & string)[]
  readonly columns: { readonly [N in keyof F]: F[N] extends Field<infer K, infer _R, infer _S> ? K : never }
  /** The schema of the API's answer. Strict: nothing else is shown. */
  readonly view: v.StrictObjectSchema<EntriesOf<ShownOf<F, C>>, undefined>
  /** Makes what the API shows of a row. */
  show(row: RowOfFields<F>): ShownOf<F, C>
}

/** The row of a record, as the core and the store work with it. */
export type RowOf<T> = T extends RecordOf<infer F, infer _C> ? RowOfFields<F> : never
/** The API's answer for a record. */
export type ViewOf<T> = T extends RecordOf<infer F, infer C> ? ShownOf<F, C> : never

/**
 * Defines a record: its table, its fields in the order in which they are shown, and what is computed from a row. What is
 * computed may have the name of a hidden field: it is shown in its place.
 */
export function record<
  const F extends Readonly<Record<string, AnyField>>,
  const C extends Readonly<Record<string, AnyComputed>> = Record<never, never>,
>(table: string, fields: F, computedFields?: C): RecordOf<F, C> {
  const all = Object.entries<AnyField>(fields)
  const computedOnes: Readonly<Record<string, AnyComputed>> = computedFields ?? {}
  // A computed field of the same name replaces a field.
  const shown = Object.entries<AnyField | AnyComputed>({ ...fields, ...computedOnes }).filter(([, { view }]) =>
    view !== null
  )
  const entries = Object.fromEntries(shown.map(([name, { view }]) => [name, view]))
  const show = (row: Readonly<Record<string, never>>): Record<string, unknown> => {
    const view: Record<string, unknown> = {}
    for (const [name, field] of shown) {
      const stored = row[name] as never
      if ('of' in field) view[name] = field.of(row as never)
      else view[name] = field.show === null ? stored : field.show(stored)
    }
    return view
  }
  return {
    table,
    key: all.filter(([, { isKey }]) => isKey).map(([name]) => name),
    fixed: all.filter(([, { isFixed }]) => isFixed).map(([name]) => name),
    columns: Object.fromEntries(all.map(([name, { kind }]) => [name, kind])) as never,
    view: v.strictObject(entries as never) as never,
    show: show as never,
  }
}

/** A field that is shown as it is stored. */
export function column<const K extends ColumnKind, T>(
  kind: K,
  schema: v.GenericSchema<T>,
): Field<K, Stored<K, T>, Plain<Stored<K, T>>> {
  return shownField(kind, schema, null) as never
}

/** The same, for a column of the key. */
export function key<T extends string>(schema: v.GenericSchema<T>): Field<'text', T, Plain<T>> {
  return { ...column('text', schema), isKey: true, isFixed: true } as Field<'text', T, Plain<T>>
}

/** The key of a table to which rows are only added: their number, in the order in which they came. */
export function sequence(): Field<'int', number, number> {
  return { kind: 'int', isKey: true, isFixed: true, view: v.pipe(v.number(), v.integer(), v.minValue(0)), show: null }
}

/** A field that the API does not show. */
export function hidden<T, const K extends ColumnKind = ColumnKind>(kind: K): Field<K, Stored<K, T>, never> {
  return { kind, isKey: false, isFixed: false, view: null, show: null }
}

/** A field that never changes after the row is created. */
export function fixed<F extends AnyField>(field: F): F {
  return { ...field, isFixed: true }
}

/** A field that tells the rows of a table apart, alone or with others. */
export function keyed<F extends AnyField>(field: F): F {
  return { ...field, isKey: true, isFixed: true }
}

/** ISO 8601 in UTC, with milliseconds and `Z`. */
export const time = v.pipe(v.string(), v.isoTimestamp())

/** An instant: kept in milliseconds, shown as ISO 8601. */
export function instant<const K extends 'int' | 'int?'>(kind: K): Field<K, Stored<K, Millis>, Stored<K, string>> {
  const show = (at: Millis | null): string | null => at === null ? null : instantText(at)
  return shownField(kind, time, show) as never
}

/** JSON that is kept as the text it was written as, and shown as JSON with every digit. */
export function jsonText<const K extends 'text' | 'text?', T = unknown>(
  kind: K,
  schema: v.GenericSchema<T> = v.unknown() as v.GenericSchema<T>,
): Field<K, Stored<K, JsonText>, Stored<K, T>> {
  const show = (stored: JsonText | null): unknown => stored === null ? null : fromText(stored)
  return shownField(kind, schema, show) as never
}

/** A field of the API's answer that is computed from the row. */
export function computed<Row, Shown>(view: v.GenericSchema<Shown>, of: (row: Row) => Shown): Computed<Row, Shown> {
  return { view, of }
}

/** A field that the API shows, which may be null if its column may. */
function shownField<T>(kind: ColumnKind, schema: v.GenericSchema<T>, show: unknown): AnyField {
  const view = isOptional(kind) ? v.nullable(schema) : schema
  return { kind, isKey: false, isFixed: false, view, show: show as AnyField['show'] }
}

function isOptional(kind: ColumnKind): boolean {
  return kind.endsWith('?')
}
