import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { wranglerDev } from '../tests/cloudflare/wrangler.ts'
import { cleanUp, freePort, newFolder, Program } from '../tests/process/program.ts'
import { ROOT } from '../tests/process/runtime.ts'
import { Server } from '../tests/wire/server.ts'
import { chosen } from '../tests/wire/targets.ts'
import { cpuOfTree, startChild } from './child.ts'
import type { Submissions, Target } from './e2e/generator.ts'
import type { Seen } from './e2e/robots.ts'
import { countIn, type Instants } from './e2e/window.ts'
import { quantile } from './measure.ts'
import { number, type Table } from './table.ts'

/** Jobs from end to end on each runtime, by its real program, beside a server of the same runtime that does nothing else. */

const PLAN = { robots: 8, slots: 500, inFlight: 32, warmUpSeconds: 4, seconds: 5 }
const BODY = JSON.stringify({ workflow_id: 'greeting', parameters: { name: 'Ada' }, priority: 1 })
/** CPU of ours against that of the control, which waits for no disk and keeps nothing. */
const RATIO_MAX = 15

/** A server under test. */
interface Subject {
  readonly pid: number
  readonly http: string
  readonly robots: string
  readonly key: string
  stop(): Promise<void>
}

type Runtime = 'node' | 'deno' | 'cloudflare'

/** Starts the control of a runtime. */
async function control(runtime: Runtime): Promise<Subject> {
  const folder = join(ROOT, 'bench/runtimes')
  if (runtime === 'cloudflare') {
    const port = String(await freePort())
    const args = ['--config', join(folder, 'wrangler.toml'), '--port', port, '--persist-to', newFolder()]
    const program = await wranglerDev(args, `http://127.0.0.1:${port}/healthz`)
    return subjectAt(program, port)
  }
  const deno = join(ROOT, 'node_modules/deno/deno')
  const program = runtime === 'node'
    ? new Program('bench/runtimes/node.ts', [])
    : new Program(deno, ['run', '--allow-net=127.0.0.1', '--cached-only', join(folder, 'deno.ts')])
  const [, port = ''] = await program.printed(/listening on (\d+)/)
  return subjectAt(program, port)
}

function subjectAt(program: Program, port: string): Subject {
  return {
    pid: program.pid,
    http: `http://127.0.0.1:${port}`,
    robots: `ws://127.0.0.1:${port}`,
    key: 'k',
    stop: () => program.killTree(),
  }
}

interface Measured {
  readonly perSecond: number
  readonly submitMs: number
  readonly cpuUs: number
}

async function measure({ pid, http, robots: url, key }: Subject): Promise<Measured> {
  const generator = startChild(new URL('./e2e/generator.ts', import.meta.url))
  const robots = startChild(new URL('./e2e/robots.ts', import.meta.url))
  try {
    const ids = Array.from({ length: PLAN.robots }, (_, i) => ({ id: `robot-${i}`, key }))
    await robots.ask('connect', { url, robots: ids, slots: PLAN.slots })
    const target: Target = { port: Number(new URL(http).port), key, path: '/api/v1/jobs', body: BODY }
    await generator.ask('start', { target, inFlight: PLAN.inFlight })
    await setTimeout(1_000 * PLAN.warmUpSeconds)
    const [cpu, from] = [cpuOfTree(pid), performance.timeOrigin + performance.now()]
    await setTimeout(1_000 * PLAN.seconds)
    const window: Instants = { from, until: performance.timeOrigin + performance.now() }
    const spent = cpuOfTree(pid) - cpu
    const { ms, sentAt, refused } = await generator.ask<Submissions>('stop')
    if (refused.length > 0) throw new Error(`${refused.length} submissions were refused: ${refused[0]}`)
    const jobs = countIn(window, (await robots.ask<Seen>('seen')).at)
    return {
      perSecond: 1_000 * jobs / (window.until - window.from),
      submitMs: quantile(ms.filter((_, i) => (sentAt[i] ?? 0) >= window.from), 0.5),
      cpuUs: 1_000 * spent / jobs,
    }
  } finally {
    for (const child of [generator, robots]) child.end()
  }
}

async function measured(start: () => Promise<Subject>): Promise<Measured> {
  const subject = await start()
  try {
    return await measure(subject)
  } finally {
    await subject.stop()
  }
}

/** Takes about two minutes. `TARGET` names one runtime. */
export async function runtimesBench(): Promise<readonly Table[]> {
  const rows: string[][] = []
  const bounds: { of: string; value: number; most: number }[] = []
  for (const target of chosen(process.env['TARGET'])) {
    const row = (name: string, { perSecond, submitMs, cpuUs }: Measured): void => {
      rows.push([name, number(perSecond), number(submitMs, 1), number(cpuUs)])
    }
    const bare = await measured(() => control(target.name as Runtime))
    const ours = await measured(async () => {
      const server = new Server(target)
      await server.start()
      const { pid, http, robots, admin: key } = server
      return { pid, http, robots, key, stop: () => server.kill() }
    })
    row(`${target.name}: control`, bare)
    row(`${target.name}: ours`, ours)
    row(`  the control / ours`, {
      perSecond: bare.perSecond / ours.perSecond,
      submitMs: bare.submitMs / ours.submitMs,
      cpuUs: bare.cpuUs / ours.cpuUs,
    })
    bounds.push({ of: `${target.name}: CPU per job, ours / control`, value: ours.cpuUs / bare.cpuUs, most: RATIO_MAX })
  }
  await cleanUp()
  return [{
    title: 'runtimes: HTTP submit -> robot -> completed, saturated',
    columns: ['server', 'jobs/s', 'submit p50 ms', 'CPU us/job'],
    rows,
    notes: [
      `${PLAN.inFlight} submissions under way, ${PLAN.robots} raw robots that accept and complete a job by two frames at once; jobs that`,
      `were offered within ${PLAN.seconds} s, after ${PLAN.warmUpSeconds} s of warming up. CPU: all processes of the server; on Cloudflare wrangler's`,
      'proxy and its own process are among them. The control of each runtime answers the same requests with as many bytes',
      'and sends the same frames, from its own HTTP server and sockets (on workerd a Durable Object), and keeps nothing.',
    ],
    bounds,
  }]
}
