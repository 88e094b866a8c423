import { parseArgs } from 'node:util'
import type { Plan } from './compare.ts'
import { COLUMNS } from './results.ts'

/** The command line. */

/** The parts of the comparison, and what each takes. */
export const PARTS = {
  throughput: 'jobs a second from the submission to the end: about 6 minutes',
  latency: 'one job at a time: about 2 minutes',
  disk: 'bytes on disk of an ended job of ours, table by table: half a minute',
  pending: 'restarts, memory and drain with 100,000 pending jobs, ours and BullMQ: about 10 minutes',
  load: 'ours with 100,000 pending and with 1,000,000 ended jobs beside one without: about 10 minutes',
  lists: 'pages of lists of ours with 1,000,000 ended jobs: about 3 minutes',
} as const
export type Part = keyof typeof PARTS

/** The parts that are run when none is named: those that take minutes. */
const QUICK: readonly Part[] = ['throughput', 'latency', 'disk']

export const HELP = [
  'npm run peers -- [part...] [--rounds 5] [--jobs 10000] [--in-flight 64] [--only ours,BullMQ]',
  '                        [--singles 500] [--pending 100000] [--ended 1000000]',
  '',
  ...Object.entries(PARTS).map(([name, about]) => `  ${name.padEnd(12)}${about}`),
  '',
  `Without a part: ${QUICK.join(', ')}.`,
].join('\n')

/** Throws for what there is not. */
export function readOptions(args: readonly string[]): { readonly parts: readonly Part[]; readonly plan: Plan } {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      jobs: { type: 'string', default: '10000' },
      'in-flight': { type: 'string', default: '64' },
      pending: { type: 'string', default: '100000' },
      ended: { type: 'string', default: '1000000' },
      singles: { type: 'string', default: '500' },
      only: { type: 'string', default: COLUMNS.join() },
    },
    allowPositionals: true,
  })
  const parts = positionals.map((name) => {
    if (!Object.hasOwn(PARTS, name)) throw new Error(`there is no part "${name}"\n\n${HELP}`)
    return name as Part
  })
  const columns = values.only.split(',').map((name) => {
    const column = COLUMNS.find((one) => one === name)
    if (column === undefined) throw new Error(`--only must name some of ${COLUMNS.join(', ')}, not "${name}"`)
    return column
  })
  const plan: Plan = {
    rounds: wholeNumber('rounds', values.rounds),
    jobs: wholeNumber('jobs', values.jobs),
    inFlight: wholeNumber('in-flight', values['in-flight']),
    singles: wholeNumber('singles', values.singles),
    pending: wholeNumber('pending', values.pending),
    ended: wholeNumber('ended', values.ended),
    columns,
  }
  return { parts: parts.length === 0 ? QUICK : parts, plan }
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number from 1`)
  return Number(text)
}
