import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { FLOODS } from './floods.ts'
import type { Ground } from './ground.ts'
import { type Tallied, Tally } from './tally.ts'

/**
 * The attackers as a separate process, so that their cost does not count as the server's. It receives the flood to
 * make, reports its start and its result, and exits with the process that started it.
 */

export interface Order {
  readonly flood: string
  readonly ground: Ground
  readonly seconds: number
}

export type Report = { readonly at: 'begin' } | { readonly at: 'end'; readonly tally: Tallied }

/** The time that a flood waits for answers after its end. */
const END_MS = 15_000

async function make({ flood, ground, seconds }: Order): Promise<void> {
  const one = FLOODS.find(({ name }) => name === flood)
  if (one === undefined) throw new Error(`there is no flood "${flood}"`)
  const tally = new Tally()
  const say = (report: Report): void => void process.send?.(report)
  say({ at: 'begin' })
  const signal = AbortSignal.timeout(seconds * 1_000)
  // Each worker listens to it, and there are as many as there are.
  setMaxListeners(0, signal)
  const over = one.run(ground, tally, signal).then(() => true)
  if (!await Promise.race([over, pause(seconds * 1_000 + END_MS, false)])) tally.note('without an end', 1)
  say({ at: 'end', tally })
}

process.on('disconnect', () => process.exit())
process.on('message', (order: Order) => void make(order))
