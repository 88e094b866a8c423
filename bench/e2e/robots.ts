import { type Connection, openConnection } from '../../robot/connection.ts'
import { serveTasks } from '../child.ts'

/** The process that plays all robots: each takes what it is offered and is done with it at once. */

export interface RobotsPlan {
  readonly url: string
  readonly robots: readonly { readonly id: string; readonly key: string }[]
  readonly slots: number
}

/** The messages that the robots have received and sent since the last query. */
export interface Seen {
  readonly ids: readonly string[]
  /** The instant of each offer (epoch, ms). */
  readonly at: readonly number[]
  /** Longest frame of each kind, in characters. */
  readonly sizes: { readonly assign: number; readonly accept: number; readonly complete: number }
}

const links: Connection[] = []
let seen = { ids: [] as string[], at: [] as number[], sizes: { assign: 0, accept: 0, complete: 0 } }
let sent = 0

function frame(type: string, payload: object): string {
  return JSON.stringify({ type, id: `m${++sent}`, timestamp: '2026-01-01T00:00:00.000Z', payload })
}

/** Connects and registers; resolves when the robot has been taken in. */
function connect(plan: RobotsPlan, robot: RobotsPlan['robots'][number]): Promise<void> {
  return new Promise((resolve, reject) => {
    const link = openConnection(plan.url, robot.key, {
      opened() {
        link.send(frame('register', {
          robot_id: robot.id,
          robot_name: robot.id,
          environment: 'default',
          max_concurrent_jobs: plan.slots,
          tags: [],
          capabilities: {},
        }))
      },
      text(text) {
        const { type, payload } = JSON.parse(text) as { type: string; payload: Record<string, unknown> }
        if (type === 'register_ack') {
          if (payload['success'] === true) resolve()
          else reject(new Error(`${robot.id}: ${String(payload['message'])}`))
        } else if (type === 'job_assign') work(link, robot.id, payload, text.length)
        else if (type === 'error') process.stderr.write(`robot ${robot.id}: ${text}\n`)
      },
      closed: (code, reason) => reject(new Error(`${robot.id}: closed with ${code} ${reason}`)),
    })
    links.push(link)
  })
}

function work(link: Connection, robot: string, assign: Readonly<Record<string, unknown>>, chars: number): void {
  const about = { job_id: assign['job_id'], robot_id: robot, offer: assign['offer'] }
  const accept = frame('job_accept', about)
  const complete = frame('job_complete', { ...about, result: { greeting: 'Hello, Ada!' }, duration_ms: 1 })
  link.send(accept)
  link.send(complete)
  seen.ids.push(String(assign['job_id']))
  seen.at.push(performance.timeOrigin + performance.now())
  const { sizes } = seen
  seen.sizes = {
    assign: Math.max(sizes.assign, chars),
    accept: Math.max(sizes.accept, accept.length),
    complete: Math.max(sizes.complete, complete.length),
  }
}

serveTasks({
  async connect(plan: RobotsPlan) {
    await Promise.all(plan.robots.map((robot) => connect(plan, robot)))
  },
  seen(): Seen {
    const result = seen
    seen = { ids: [], at: [], sizes: { assign: 0, accept: 0, complete: 0 } }
    return result
  },
  leave() {
    for (const link of links.splice(0)) link.drop('done')
  },
})
