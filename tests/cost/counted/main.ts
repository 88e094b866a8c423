import { type Figures, lowered, readCeilings, writeCeilings } from './ceilings.ts'
import { CONVERSATIONS } from './conversations.ts'
import { figuresOfConversation } from './measure.ts'

/** Prints the counted work of every conversation. With `--lower`, lowers the ceilings to it; none is ever raised. */

const COLUMNS = [
  ['turns', 'turns'],
  ['tx', 'transactions'],
  ['stmts', 'statements'],
  ['reads', 'reads'],
  ['rows', 'rows'],
  ['columns', 'columns'],
  ['index', 'index_entries'],
  ['pages', 'pages'],
  ['param bytes', 'parameter_bytes'],
  ['answer bytes', 'answer_bytes'],
  ['in', 'messages_in'],
  ['out', 'messages_out'],
  ['out bytes', 'message_bytes_out'],
  ['calls', 'calls'],
  ['allocated', 'allocated_bytes'],
] as const

/** A figure of the fleet, or the sum of one over all tables. */
function figure(figures: Figures, name: string): number {
  if (figures['fleet']?.[name] !== undefined) return figures['fleet'][name]
  return Object.values(figures).reduce((sum, part) => sum + (part[name] ?? 0), 0)
}

function cells(now: Figures, ceilings: Figures | undefined): readonly string[] {
  return COLUMNS.map(([, name]) => {
    const [count, most] = [figure(now, name), figure(ceilings ?? now, name)]
    // Bytes have a little room, and samples more.
    const share = name === 'allocated_bytes' ? 0.85 : 0.98
    return count <= most && count >= most * share ? String(count) : `${most}>${count}`
  })
}

const before = readCeilings()
const after: Record<string, Figures> = {}
const table: (readonly string[])[] = [[...COLUMNS.map(([title]) => title), 'conversation']]
for (const name of Object.keys(CONVERSATIONS)) {
  const now = await figuresOfConversation(name)
  table.push([...cells(now, before[name]), name])
  after[name] = lowered(now, before[name])
}
const widths = COLUMNS.map((_, i) => Math.max(...table.map((row) => row[i]?.length ?? 0)))
for (const row of table) console.log(row.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  '))
console.log('a>b: the ceiling, and what is counted now. Rows, columns and index entries are those of all tables.')
if (process.argv.includes('--lower')) writeCeilings(after)
