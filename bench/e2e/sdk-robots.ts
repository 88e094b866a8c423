import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Robot } from '../../robot/robot.ts'
import { serveTasks } from '../child.ts'
import type { RobotsPlan, Seen } from './robots.ts'

/** The process whose robots are those of the SDK, with their state files, as a user would run them. */

const robots: Robot[] = []
const folder = mkdtempSync(join(tmpdir(), 'casare-bench-robots-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
// Without a listener the signal ends the process at once, and the folder stays.
process.once('SIGTERM', () => process.exit(0))

let ids: string[] = []
let at: number[] = []

serveTasks({
  async connect(plan: RobotsPlan) {
    await Promise.all(plan.robots.map(async ({ id, key }) => {
      const robot = new Robot({
        url: plan.url,
        id,
        key,
        maxConcurrentJobs: plan.slots,
        stateFile: join(folder, `${id}.jsonl`),
        runner: (job) => {
          ids.push(job.id)
          at.push(performance.timeOrigin + performance.now())
          return { greeting: 'Hello, Ada!' }
        },
        onEvent(event) {
          if (event.type === 'warning') process.stderr.write(`robot ${id}: ${event.message}\n`)
          if (event.type === 'error') process.stderr.write(`robot ${id}: ${event.error.message}\n`)
        },
      })
      robots.push(robot)
      await robot.start()
    }))
  },
  seen(): Seen {
    const result = { ids, at, sizes: { assign: 0, accept: 0, complete: 0 } }
    ids = []
    at = []
    return result
  },
  async leave() {
    await Promise.all(robots.splice(0).map((robot) => robot.stop()))
  },
})
