import { setTimeout } from 'node:timers/promises'
import { serveTasks } from '../child.ts'
import type { Opened, Single, Submitted } from './children.ts'
import { now } from './job.ts'
import type { Connection, Producer } from './system.ts'
import { systemOf } from './systems.ts'

/** The process that submits jobs. */

let producer: Producer | null = null

/** The pause after a job where the system does not say when it has ended. */
const PAUSE_MS = 20

function opened(): Producer {
  if (producer === null) throw new Error('nothing is open')
  return producer
}

/** Calls `take` with what is next until nothing is left, so many calls at a time. */
async function each(count: number, inFlight: number, take: (at: number) => Promise<void>): Promise<void> {
  let next = 0
  const one = async (): Promise<void> => {
    while (next < count) await take(next++)
  }
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, one))
}

serveTasks({
  async open({ system, how, connection }: { system: string; how: string; connection: Connection }): Promise<Opened> {
    producer = await (await systemOf(system)).produce(connection, how)
    return { connection: producer.connection ?? connection }
  },

  async flood(plan: { first: number; count: number; inFlight: number }): Promise<Submitted> {
    const ids: string[] = []
    const from = now()
    await each(plan.count, plan.inFlight, async (at) => {
      ids.push(await opened().submit(plan.first + at))
    })
    return { ids, from }
  },

  async batches(plan: { first: number; count: number; size: number; inFlight: number }): Promise<Submitted> {
    const ids: string[] = []
    const from = now()
    await each(Math.ceil(plan.count / plan.size), plan.inFlight, async (at) => {
      const begin = plan.first + at * plan.size
      const end = Math.min(begin + plan.size, plan.first + plan.count)
      ids.push(...await opened().submitMany(Array.from({ length: end - begin }, (_, i) => begin + i)))
    })
    return { ids, from }
  },

  async singles(plan: { first: number; count: number }) {
    const { submit, ended } = opened()
    const singles: Single[] = []
    const ids: string[] = []
    for (let n = plan.first; n < plan.first + plan.count; n++) {
      const sentAt = now()
      const id = await submit(n)
      const acknowledgedAt = now()
      if (ended === null) await setTimeout(PAUSE_MS)
      else await ended(id)
      singles.push({ n, sentAt, acknowledgedAt, endedAt: ended === null ? null : now() })
      ids.push(id)
    }
    return { singles, ids }
  },

  close: () => producer?.close(),
})
