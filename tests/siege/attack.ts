import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { FLOODS } from './floods.ts'
import type { Ground } from './ground.ts'
import { type Tallied, Tally } from './tally.ts'

/**
 * The attackers as a process of their own, so that what they cost is not taken for the server's. It is told which flood to
 * make, says when that begins and what it came to, and ends with the process that has started it.
 */

export interface Order {
  readonly flood: string
  readonly ground: Ground
  readonly seconds: number
}

export type Report = { readonly at: 'begin' } | { readonly at: 'end'; readonly tally: Tallied }

/** How long a flood may wait for answers when it is over. */
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
