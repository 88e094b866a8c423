import { setTimeout } from 'node:timers/promises'
import { type Child, type Cpu, cpuOf } from '../child.ts'

/** The resources that a process used during a window. */
export interface Spent {
  /** Milliseconds of CPU of all threads, and of the one with the event loop. */
  readonly cpu: Cpu
  /** The same as a share of the window: 1 is one core. */
  readonly share: Cpu
}

/** Epoch, ms. */
export interface Instants {
  readonly from: number
  readonly until: number
}

export interface Window extends Instants {
  readonly server: Spent
  readonly generator: Spent
  readonly robots: Spent
}

/** Lets everything run for a while, and returns what each process used meanwhile. */
export async function watch(seconds: number, server: number, generator: Child, robots: Child): Promise<Window> {
  const pids = [server, generator.pid, robots.pid]
  const before = pids.map(cpuOf)
  const from = performance.timeOrigin + performance.now()
  await setTimeout(seconds * 1000)
  const after = pids.map(cpuOf)
  const until = performance.timeOrigin + performance.now()
  const spent = (i: number): Spent => {
    const all = (after[i]?.all ?? 0) - (before[i]?.all ?? 0)
    const loop = (after[i]?.loop ?? 0) - (before[i]?.loop ?? 0)
    return { cpu: { all, loop }, share: { all: all / (until - from), loop: loop / (until - from) } }
  }
  return { from, until, server: spent(0), generator: spent(1), robots: spent(2) }
}

/** The number of these instants inside the window. */
export function countIn(window: Instants, instants: readonly number[]): number {
  return instants.filter((at) => at >= window.from && at < window.until).length
}
