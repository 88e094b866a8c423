import type { JsonText } from '../core/base/ids.ts'
import { parseJson, toText } from '../core/base/json.ts'
import { median, timed } from './measure.ts'
import { type Bound, number, type Table } from './table.ts'

/**
 * The cost of keeping every digit of JSON: for messages without a number that needs it, which is nearly all, and with
 * one.
 */

const ROUNDS = 15
const ROUND_CHARS = 2_000_000
/** Ours against that of the platform. A text with numbers that need their digits is read and written by our own code. */
const RATIO_MAX = 6
const EXACT_RATIO_MAX = 30

const JOB = '7e5b3c8e-1e5f-4b7a-9d5e-3c1b2a998877'
const RESULT = { ok: true, rows: 12, total: 12.5, note: 'done, 1: 2' }
const LINES = Array.from({ length: 1_000 }, (_, at) => ({ id: at, name: `line ${at}`, amount: at * 1.25, paid: true }))

const TEXTS: Readonly<Record<string, string>> = {
  'a submission': JSON.stringify({ workflow_id: 'orders-total', parameters: { name: 'Ada' }, priority: 1 }),
  'a job_complete': complete(JSON.stringify(RESULT)),
  'the same, with 1.0 and a long number': complete('{"ok":true,"rows":1.0,"total":9007199254740993,"note":"done"}'),
  'a job_complete with 1,000 rows': complete(JSON.stringify(LINES)),
}

function complete(result: string): string {
  return `{"type":"job_complete","id":"${JOB}","timestamp":"2026-01-01T00:00:00.000Z","payload":` +
    `{"job_id":"${JOB}","robot_id":"robot-1","result":${result},"duration_ms":1234,"attempt":1}}`
}

export function jsonBench(): readonly Table[] {
  const measured = Object.entries(TEXTS).map(([name, text]) => row(name, text))
  return [{
    title: 'json: microseconds to read and to write a message',
    columns: ['message', 'bytes', 'JSON.parse', 'parseJson', 'ratio', 'JSON.stringify', 'toText', 'ratio'],
    rows: measured.map(({ cells }) => cells),
    notes: [
      'Controls: JSON.parse and JSON.stringify of the platform, by turns with ours; medians of rounds.',
      'parseJson also bounds depth and members and refuses U+0000; without that it would lose digits and nothing else.',
    ],
    bounds: measured.flatMap(({ bounds }) => bounds),
  }]
}

function row(name: string, text: string): { readonly cells: readonly string[]; readonly bounds: readonly Bound[] } {
  const times = Math.ceil(ROUND_CHARS / text.length)
  const value: unknown = JSON.parse(text)
  const parsed = parseJson(text)
  const written = 'json' in parsed ? parsed.written : null
  const runs: readonly (() => unknown)[] = [
    () => JSON.parse(text),
    () => parseJson(text),
    () => JSON.stringify(value),
    (): JsonText => toText(written),
  ]
  const rounds = Array.from({ length: ROUNDS }, () => runs.map((run) => repeated(run, times)))
  const [parse = 0, ours = 0, stringify = 0, writing = 0] = runs.map((_, at) =>
    1_000 * median(rounds.slice(3).map((round) => round[at] ?? 0)) / times
  )
  const most = text.includes('9007199254740993') ? EXACT_RATIO_MAX : RATIO_MAX
  return {
    cells: [
      name,
      number(text.length),
      number(parse, 2),
      number(ours, 2),
      number(ours / parse, 2),
      number(stringify, 2),
      number(writing, 2),
      number(writing / stringify, 2),
    ],
    bounds: [
      { of: `${name}, read / control`, value: ours / parse, most },
      { of: `${name}, written / control`, value: writing / stringify, most },
    ],
  }
}

function repeated(run: () => unknown, times: number): number {
  return timed(() => {
    for (let count = 0; count < times; count++) run()
  })
}
