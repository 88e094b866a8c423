import { setTimeout } from 'node:timers/promises'
import { type Connection, openConnection } from '../../robot/connection.ts'
import { serveTasks } from '../child.ts'

/** The process with many robots on bare sockets, which send heartbeats, and reports of a job that never ends. */

export interface IdlePlan {
  readonly url: string
  readonly key: string
  readonly count: number
  /** The jobs that each takes. */
  readonly slots: number
}

/** The reports that were sent. */
export interface Flooded {
  readonly sent: number
  /** The duration of sending them. */
  readonly ms: number
  /** The words of the last report of the first robot, and its job. */
  readonly last: string
  readonly job: string
  /** The most bytes that waited for the server in one robot's socket. */
  readonly bufferedMax: number
}

/** Robots that connect at a time: the server limits those that have not registered yet. */
const AT_ONCE = 50
/** The pause between two portions of what is sent at a rate. */
const TICK_MS = 10

interface IdleRobot {
  readonly id: string
  readonly link: Connection
  job: string
}

const robots: IdleRobot[] = []
let frames = 0

function send({ link, id }: IdleRobot, type: string, payload: object): void {
  const timestamp = new Date().toISOString()
  link.send(JSON.stringify({ type, id: `m${++frames}`, timestamp, payload: { robot_id: id, ...payload } }))
}

function connect({ url, key, slots }: IdlePlan, id: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const link = openConnection(url, key, {
      opened: () => send(robot, 'register', { robot_name: id, max_concurrent_jobs: slots, tags: [], capabilities: {} }),
      text(text) {
        const { type, payload } = JSON.parse(text) as { type: string; payload: Record<string, unknown> }
        if (type === 'register_ack') resolve()
        if (type === 'error') process.stderr.write(`${id}: ${text}\n`)
        if (type !== 'job_assign') return
        robot.job = String(payload['job_id'])
        send(robot, 'job_accept', { job_id: robot.job, offer: payload['offer'] })
      },
      closed: (code, reason) => reject(new Error(`${id}: closed with ${code} ${reason}`)),
    })
    const robot: IdleRobot = { id, link, job: '' }
    robots.push(robot)
  })
}

/** Calls `one` so many times, at a fixed rate. */
async function atRate(perSecond: number, seconds: number, one: (n: number) => void): Promise<void> {
  const begin = performance.now()
  const count = perSecond * seconds
  for (let n = 0; n < count;) {
    const due = Math.min(count, Math.floor((performance.now() - begin) * perSecond / 1_000))
    while (n < due) one(n++)
    await setTimeout(TICK_MS)
  }
}

function at(n: number): IdleRobot {
  const robot = robots[n % robots.length]
  if (robot === undefined) throw new Error('no robot is connected')
  return robot
}

serveTasks({
  async connect(plan: IdlePlan) {
    for (let n = 0; n < plan.count; n += AT_ONCE) {
      const ids = Array.from({ length: Math.min(AT_ONCE, plan.count - n) }, (_, i) => `idle-${n + i}`)
      await Promise.all(ids.map((id) => connect(plan, id)))
    }
  },
  /** All robots that are connected send a heartbeat each `everySeconds`. */
  beat: ({ everySeconds, seconds }: { everySeconds: number; seconds: number }) =>
    atRate(
      robots.length / everySeconds,
      seconds,
      (n) =>
        send(at(n), 'heartbeat', {
          status: 'idle',
          current_jobs: 0,
          cpu_percent: 12.5,
          memory_percent: 40,
          active_job_ids: [],
        }),
    ),
  busy: () => robots.filter(({ job }) => job !== '').length,
  async flood({ perSecond, seconds }: { perSecond: number; seconds: number }): Promise<Flooded> {
    let [sent, last, bufferedMax] = [0, '', 0]
    const begin = performance.now()
    await atRate(perSecond, seconds, (n) => {
      const robot = at(n)
      const message = `row ${n} of the table is being read`
      send(robot, 'job_progress', { job_id: robot.job, progress: n % 100, current_node: 'read', message })
      bufferedMax = Math.max(bufferedMax, robot.link.buffered())
      if (n % robots.length === 0) last = message
      sent++
    })
    return { sent, ms: performance.now() - begin, last, job: at(0).job, bufferedMax }
  },
})
