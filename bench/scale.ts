import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { Server } from '../tests/wire/server.ts'
import type { Target } from '../tests/wire/target.ts'
import { chosen } from '../tests/wire/targets.ts'
import { Wire } from '../tests/wire/wire.ts'
import { type Bound, number, type Table } from './table.ts'

/** The resources of one fleet on each runtime, with the real program of each, one after the other. */

const PLAN = {
  robots: 1_000,
  workers: 20,
  slots: 10,
  inFlight: 32,
  seconds: 8,
  /** Through the API, so that the rows are those that a fleet really has. Fewer where a job takes ten times as long. */
  queued: { node: 100_000, deno: 100_000, cloudflare: 20_000 } as Readonly<Record<string, number>>,
}

/** Bytes of a connected robot and of a waiting job, and a start with the queue against one without. */
const ROBOT_KB_MAX = 100
const JOB_KB_MAX = 20
const START_RATIO_MAX = 15

/** The process that holds a fleet, among those that a target starts. */
const HOLDS: Readonly<Record<string, RegExp>> = {
  node: /adapters\/node\/main\.ts/,
  deno: /adapters\/deno\/main\.ts/,
  cloudflare: /workerd/,
}

/** Measures every runtime. Takes some minutes. */
export async function scaleBench(): Promise<readonly Table[]> {
  const measured: Measured[] = []
  for (const target of chosen(process.env['TARGET'])) measured.push(await measure(target))
  return [{
    title: 'scale: one fleet on each runtime',
    columns: [
      'runtime',
      'empty MB',
      'kB/robot',
      'jobs/s',
      'submit p50 ms',
      'queued',
      'MB with them',
      'kB/job',
      'start ms',
      'of it empty',
    ],
    rows: measured.map(({ cells }) => cells),
    notes: [
      `Memory is the resident size of the process that holds the fleet (of all workerd processes on Cloudflare), before`,
      `and after ${
        number(PLAN.robots)
      } robots have registered, and after a restart with the queue; a collector takes its time, so`,
      `differences of a few MB say nothing. jobs/s: ${PLAN.workers} robots with ${PLAN.slots} slots, ${PLAN.inFlight} submissions under way, ${PLAN.seconds} s, everything on`,
      'this machine: the ratio between rows is what counts. "start": from starting the program to its first answer with the',
      'queue in memory, beside the same with nothing in it. Cloudflare is workerd under `wrangler dev`, which bundles first.',
    ],
    bounds: measured.flatMap(({ bounds }) => bounds),
  }]
}

interface Measured {
  readonly cells: readonly string[]
  readonly bounds: readonly Bound[]
}

async function measure(target: Target): Promise<Measured> {
  const server = new Server(target)
  await server.start()
  const empty = memoryOf(target)
  const robots: Wire[] = []
  for (let n = 0; n < PLAN.robots; n += 50) {
    const ids = Array.from({ length: Math.min(50, PLAN.robots - n) }, (_, i) => `idle-${n + i}`)
    robots.push(...await Promise.all(ids.map((id) => register(server, { robot_id: id, max_concurrent_jobs: 0 }))))
  }
  const connected = memoryOf(target)
  await Promise.all(robots.map((robot) => robot.close()))
  const { perSecond, submitMs } = await work(server)
  const queued = PLAN.queued[target.name] ?? 10_000
  await fill(server, queued)
  await server.kill()
  const full = await restart(server)
  const loaded = memoryOf(target)
  await server.stop()
  const bare = new Server(target)
  await bare.start()
  await bare.stop()
  const nothing = await restart(bare)
  await bare.stop()
  const perRobot = (connected - empty) / PLAN.robots / 1e3
  const perJob = (loaded - empty) / queued / 1e3
  return {
    cells: [
      target.name,
      number(empty / 1e6),
      number(perRobot, 1),
      number(perSecond),
      number(submitMs, 1),
      number(queued),
      number(loaded / 1e6),
      number(perJob, 1),
      number(full),
      number(nothing),
    ],
    bounds: [
      { of: `${target.name}: kB of a robot`, value: perRobot, most: ROBOT_KB_MAX },
      { of: `${target.name}: kB of a waiting job`, value: perJob, most: JOB_KB_MAX },
      { of: `${target.name}: start with the queue / without`, value: full / nothing, most: START_RATIO_MAX },
    ],
  }
}

function register(server: Server, payload: Readonly<Record<string, unknown>>): Promise<Wire> {
  return Wire.register(server.robots, server.admin, payload)
}

/** Jobs that are completed in a second, and the median of what a submission takes. */
async function work(server: Server): Promise<{ readonly perSecond: number; readonly submitMs: number }> {
  let completed = 0
  const robots = await Promise.all(Array.from({ length: PLAN.workers }, async (_, n) => {
    const robot = await register(server, { robot_id: `worker-${n}`, max_concurrent_jobs: PLAN.slots })
    const run = async (): Promise<void> => {
      for (;;) {
        const { payload } = await robot.next('job_assign')
        robot.send('job_accept', { job_id: payload['job_id'], robot_id: `worker-${n}` })
        robot.send('job_complete', { job_id: payload['job_id'], robot_id: `worker-${n}`, result: {} })
        completed++
      }
    }
    run().catch(() => {})
    return robot
  }))
  const took: number[] = []
  const begin = performance.now()
  const until = begin + PLAN.seconds * 1000
  const submitting = Array.from({ length: PLAN.inFlight }, async () => {
    while (performance.now() < until) {
      const at = performance.now()
      await server.submit({ workflow_id: 'greeting' })
      took.push(performance.now() - at)
    }
  })
  await Promise.all(submitting)
  const perSecond = completed / ((performance.now() - begin) / 1000)
  for (const robot of robots) await robot.close()
  return { perSecond, submitMs: took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)] ?? Number.NaN }
}

/** Jobs that wait for a robot that never comes. */
async function fill(server: Server, count: number): Promise<void> {
  let left = count
  const parameters = { order: 4711, customer: 'somebody', lines: [1, 2, 3] }
  await Promise.all(Array.from({ length: 4 * PLAN.inFlight }, async () => {
    while (left-- > 0) await server.submit({ workflow_id: 'greeting', robot_id: 'nobody', parameters })
  }))
}

/** Milliseconds from starting it to its first answer. */
async function restart(server: Server): Promise<number> {
  const begin = performance.now()
  await server.start()
  await server.call('GET', '/healthz', { key: null })
  return performance.now() - begin
}

/** Bytes that are resident in the processes that hold a target's fleet. Linux only. */
function memoryOf(target: Target): number {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,args='], { encoding: 'utf8' }).split('\n')
  const pids = lines.filter((line) => HOLDS[target.name]?.test(line) === true && !line.includes('wrangler.js')).map((
    line,
  ) => Number.parseInt(line, 10))
  return pids.reduce((sum, pid) => {
    const resident = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return sum + 1024 * Number(resident ?? 0)
  }, 0)
}
