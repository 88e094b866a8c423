import { cpus, release, totalmem, type } from 'node:os'

/** The results of a benchmark, in the form that is printed and saved. */
export interface Table {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** The explanation of it: the measured quantity, the duration, and the meaning of the control rows. */
  readonly notes: readonly string[]
  /** The most that its figures may be. */
  readonly bounds: readonly Bound[]
}

/**
 * A bound of one row: the ratio to its control row, or to the same without a load. Generous, so that a busy machine keeps
 * it and a change of the order of magnitude does not.
 */
export interface Bound {
  readonly of: string
  readonly value: number
  readonly most: number
}

/** True if the figure is there and within its bound. */
export function isKept({ value, most }: Bound): boolean {
  return value <= most
}

function verdictOf(bound: Bound): string {
  const { of, value, most } = bound
  return `${of}: ${number(value, 2)}, at most ${number(most, 2)}: ${isKept(bound) ? 'kept' : 'EXCEEDED'}`
}

/** The machine and the date of the numbers, without which they mean nothing. */
export function machine(): string {
  const [cpu] = cpus()
  const memory = Math.round(totalmem() / 2 ** 30)
  return `${cpus().length} x ${cpu?.model ?? 'unknown CPU'}, ${memory} GiB, ${type()} ${release()} ${process.arch}, ` +
    `Node ${process.version}`
}

/** The table as text; the first column to the left, the others to the right. */
export function render({ title, columns, rows, notes, bounds }: Table, seconds: number, load: number): string {
  const widths = columns.map((column, i) => Math.max(column.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)).join('  ').trimEnd()
  return [
    '',
    title,
    `${machine()}; this benchmark took ${seconds.toFixed(1)} s; load before it ${load.toFixed(1)}`,
    '',
    line(columns),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.map(line),
    '',
    ...notes.map((note) => `  ${note}`),
    ...bounds.map((bound) => `  bound: ${verdictOf(bound)}`),
    '',
  ].join('\n')
}

/** A number as people read it: grouped, and with as many digits as mean something. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
