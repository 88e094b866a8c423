import { readdirSync, readFileSync } from 'node:fs'
import { median } from '../measure.ts'
import { number } from '../table.ts'
import { markdown } from './results.ts'

/** The processor time that a job takes, by process and thread. Needs Linux. */

/** The processes of a measurement. */
export interface Processes {
  readonly server: readonly number[]
  readonly submits: number
  readonly runs: number
}

/** The parts in which processor time is counted. */
const PARTS = ['loop', 'writer', 'rest', 'submits', 'runs'] as const
type Part = (typeof PARTS)[number]

/** Microseconds so far, or for a job. */
type Cost = Readonly<Record<Part, number>>

/** Linux counts in ticks of 10 ms. */
const TICK_US = 10_000
/** The name of the thread that writes to the store; Linux shows 15 characters. */
const WRITER = /store writer/

/** The processor time that these processes have used so far. */
export function costSoFar({ server, submits, runs }: Processes): Cost {
  const cost = { loop: 0, writer: 0, rest: 0, submits: 0, runs: 0 }
  for (const pid of server) {
    for (const { id, name, us } of threadsOf(pid)) {
      cost[id === pid ? 'loop' : WRITER.test(name) ? 'writer' : 'rest'] += us
    }
  }
  for (const { us } of threadsOf(submits)) cost.submits += us
  for (const { us } of threadsOf(runs)) cost.runs += us
  return cost
}

/** The time used between two readings, for each of so many jobs. */
export function costOfEach(count: number, before: Cost, after: Cost): Cost {
  const each = (part: Part): number => (after[part] - before[part]) / count
  return {
    loop: each('loop'),
    writer: each('writer'),
    rest: each('rest'),
    submits: each('submits'),
    runs: each('runs'),
  }
}

function threadsOf(pid: number): readonly { readonly id: number; readonly name: string; readonly us: number }[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((id) => {
    try {
      const text = readFileSync(`/proc/${pid}/task/${id}/stat`, 'latin1')
      const end = text.lastIndexOf(')')
      const fields = text.slice(end + 2).split(' ')
      const us = TICK_US * (Number(fields[11]) + Number(fields[12]))
      return [{ id: Number(id), name: text.slice(text.indexOf('(') + 1, end), us }]
    } catch {
      // The thread has ended meanwhile.
      return []
    }
  })
}

/** Collects the cost of each round, and prints the medians. */
export class Costs {
  readonly #rounds = new Map<string, Cost[]>()

  add(title: string, cost: Cost): void {
    const rounds = this.#rounds.get(title) ?? []
    this.#rounds.set(title, rounds)
    rounds.push(cost)
  }

  /** The table, or none without figures. */
  tables(): readonly string[] {
    if (this.#rounds.size === 0) return []
    const rows = [...this.#rounds].map(([title, rounds]) => {
      const parts = PARTS.map((part) => median(rounds.map((cost) => cost[part])))
      const together = median(rounds.map((cost) => PARTS.reduce((sum, part) => sum + cost[part], 0)))
      return [title, ...[...parts, together].map((us) => number(us))]
    })
    const columns = ['CPU µs a job', 'server loop', 'store writer', 'its other threads', 'submits', 'runs', 'together']
    return [markdown(columns, rows)]
  }
}
