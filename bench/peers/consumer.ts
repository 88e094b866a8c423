import { serveTasks } from '../child.ts'
import type { Ran } from './children.ts'
import { now } from './job.ts'
import type { Connection, Consumer } from './system.ts'
import { systemOf } from './systems.ts'

/** The process that runs jobs. */

let consumer: Consumer | null = null
let ran: Ran[] = []
let awaited: { readonly count: number; readonly reached: () => void } | null = null

serveTasks({
  async open({ system, connection }: { system: string; connection: Connection }) {
    consumer = await (await systemOf(system)).consume(connection, (n) => {
      ran.push({ n, at: now() })
      if (awaited !== null && ran.length >= awaited.count) awaited.reached()
    })
  },

  async ran({ count }: { count: number }): Promise<readonly Ran[]> {
    if (ran.length < count) {
      await new Promise<void>((reached) => {
        awaited = { count, reached }
      })
    }
    const all = ran
    ran = []
    awaited = null
    return all
  },

  close: () => consumer?.close(),
})
