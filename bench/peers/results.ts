import { median } from '../measure.ts'
import { number } from '../table.ts'

/** The figures of a comparison, and how they are printed. */

export const COLUMNS = ['ours', 'BullMQ', 'pg-boss', 'graphile-worker'] as const
export type Column = (typeof COLUMNS)[number]

/** A target: the ratio of ours to BullMQ, or a figure of ours. */
type Target =
  | { readonly ratio: 'at least' | 'at most'; readonly value: number }
  | { readonly ours: 'at most'; readonly value: number }

interface Row {
  readonly title: string
  readonly digits: number
  readonly target?: Target
}

/** Every row of the comparison, in the order in which they are printed. */
const ROWS = {
  single: { title: 'end to end, single submits over HTTP, jobs/s', digits: 0, target: atLeast(1) },
  files: { title: 'the same, with robots that keep state files', digits: 0 },
  client: { title: 'single submits through `CasareClient`, jobs/s', digits: 0, target: atLeast(0.8) },
  batch: { title: 'in batches of 1,000 over HTTP, jobs/s', digits: 0, target: atLeast(2) },
  engine: { title: 'in process, 1,000 calls at a time, jobs/s', digits: 0, target: atLeast(2) },
  acknowledged50: { title: 'submit → acknowledged, p50 ms', digits: 2 },
  acknowledged99: { title: 'p99', digits: 2 },
  taken50: { title: 'submit → a robot has it, p50 ms', digits: 2, target: atMost(0.7) },
  taken99: { title: 'p99', digits: 2 },
  ended50: { title: 'submit → the submitter learns that it is done, p50 ms', digits: 2, target: atMost(1) },
  ended99: { title: 'p99', digits: 2 },
  restart: { title: 'restart with 100,000 pending, ms', digits: 0, target: { ours: 'at most', value: 1_000 } },
  resident: { title: 'resident memory with them, MB', digits: 0, target: { ours: 'at most', value: 200 } },
  drain: { title: 'drain of them, jobs/s', digits: 0 },
  bytes: { title: 'bytes on disk of an ended job', digits: 0, target: { ours: 'at most', value: 900 } },
} as const satisfies Readonly<Record<string, Row>>
export type RowName = keyof typeof ROWS

function atLeast(value: number): Target {
  return { ratio: 'at least', value }
}

function atMost(value: number): Target {
  return { ratio: 'at most', value }
}

/** Collects one figure for each round, and prints their medians. */
export class Results {
  readonly #figures = new Map<RowName, Map<Column, number[]>>()

  add(row: RowName, column: Column, figure: number): void {
    if (Number.isNaN(figure)) return
    const columns = this.#figures.get(row) ?? new Map<Column, number[]>()
    this.#figures.set(row, columns)
    columns.set(column, [...columns.get(column) ?? [], figure])
    process.stderr.write(`${ROWS[row].title}: ${column} ${number(figure, ROWS[row].digits)}\n`)
  }

  /** The rows that have figures, as cells. */
  cells(): readonly (readonly string[])[] {
    return (Object.keys(ROWS) as RowName[]).filter((row) => this.#figures.has(row)).map((row) => this.#row(row))
  }

  #row(name: RowName): readonly string[] {
    const { title, digits, target }: Row = ROWS[name]
    const of = (column: Column): number => median(this.#figures.get(name)?.get(column) ?? [])
    const shown = COLUMNS.map((column) => Number.isNaN(of(column)) ? '' : number(of(column), digits))
    const ratio = of('ours') / of('BullMQ')
    return [title, ...shown, Number.isNaN(ratio) ? '' : number(ratio, 2), verdict(target, of('ours'), ratio)]
  }
}

function verdict(target: Target | undefined, figure: number, ratio: number): string {
  if (target === undefined) return ''
  const measured = 'ratio' in target ? ratio : figure
  if (Number.isNaN(measured)) return ''
  const least = 'ratio' in target && target.ratio === 'at least'
  const kept = least ? measured >= target.value : measured <= target.value
  return `${least ? 'at least' : 'at most'} ${number(target.value, 'ratio' in target ? 1 : 0)}: ${
    kept ? 'kept' : 'missed'
  }`
}

/** A table in Markdown. The first column to the left, the others to the right. */
export function markdown(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, i) => Math.max(3, column.length, ...rows.map((row) => row[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${
      widths.map((width, i) => i === 0 ? (cells[i] ?? '').padEnd(width) : (cells[i] ?? '').padStart(width)).join(' | ')
    } |`
  const rule = `|${widths.map((width, i) => i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`).join('|')}|`
  return [line(columns), rule, ...rows.map(line)].join('\n')
}
