/** Output for people. Everything that came over the wire is printed as one line of plain text. */

import { isExact, stringifyExact } from '../core/base/exact.ts'
import { oneLine, shownJson } from '../core/base/text.ts'

/** The columns of a table: a heading, and the value to show of a row. */
export type Columns<T> = Readonly<Record<string, (row: T) => unknown>>

/** Prints rows under headings, or `(none)`. The last column has no width limit. */
export function printTable<T>(rows: readonly T[], columns: Columns<T>): void {
  if (rows.length === 0) return print('(none)')
  const cells = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((show) => textOf(show(row))))]
  const widths = Object.keys(columns).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  for (const row of cells) print(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
}

/** Prints the fields of a record one below the other. Fields without a value are left out. */
export function printFields(fields: Readonly<Record<string, unknown>>): void {
  const shown = Object.entries(fields).map(([name, value]) => [name, textOf(value)] as const).filter(([, text]) =>
    text !== ''
  )
  const width = Math.max(...shown.map(([name]) => name.length))
  for (const [name, text] of shown) print(`${name.padEnd(width)}  ${text}`)
}

/** Prints an answer as JSON, with control characters escaped in case a terminal shows it. */
export function printJson(value: unknown): void {
  process.stdout.write(`${shownJson(stringifyExact(value, 2))}\n`)
}

/** The same on one line, for one item of many. */
export function printJsonLine(value: unknown): void {
  process.stdout.write(`${shownJson(stringifyExact(value))}\n`)
}

/** Prints one line. */
export function print(text: string): void {
  process.stdout.write(`${oneLine(text)}\n`)
}

/** Prints one line to stderr: what a person wants to know, and a program that reads stdout does not. */
export function note(text: string): void {
  process.stderr.write(`${oneLine(text)}\n`)
}

/** Prints a warning to stderr, so that programs can read stdout. */
export function warn(text: string): void {
  process.stderr.write(`warning: ${oneLine(text)}\n`)
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map(textOf).join(', ')
  if (typeof value === 'object' && !isExact(value)) {
    return Object.keys(value).length === 0 ? '' : oneLine(stringifyExact(value))
  }
  return oneLine(String(value))
}
