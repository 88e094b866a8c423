import { serveTasks } from './child.ts'
import { bare, type Costs, cycles, type Fleet, newFleet } from './fleet.ts'

/** A fleet in a process of its own, so that the heap of a large one is not a small one's to collect. */

let fleet: Fleet | null = null
let queue = 0

serveTasks({
  build({ queued, robots }: { queued: number; robots: number }) {
    fleet = newFleet(queued, robots)
    queue = queued
  },
  round(): Costs {
    if (fleet === null) throw new Error('there is no fleet yet')
    return { ...cycles(fleet), bare: bare(queue) }
  },
})
