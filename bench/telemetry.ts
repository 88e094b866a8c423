import { setTimeout } from 'node:timers/promises'
import { inTemporaryFolder } from './bare.ts'
import { type Child, collected, cpuOf, startChild } from './child.ts'
import type { Submissions, Target } from './e2e/generator.ts'
import type { Flooded } from './e2e/idle-robots.ts'
import type { Seen } from './e2e/robots.ts'
import { type Server, startServer } from './e2e/server.ts'
import { quantile } from './measure.ts'
import { number, percent, type Table } from './table.ts'

/** Reports of progress in masses: how much later jobs of others are offered meanwhile, and the server's memory. */

const PLAN = { robots: 100, perSecond: 20_000, seconds: 10, jobsPerSecond: 50 }
const PATH = '/api/v1/jobs'

const P99_RATIO_MAX = 2
/** Grown memory with the reports against the memory before them. */
const GROWTH_MB_MAX = 30

interface Dispatch {
  /** From sending the submission until the offer is at the robot. */
  readonly ms: readonly number[]
}

/** Submits jobs at a fixed rate, which other robots take at once. */
async function dispatch(target: Target, generator: Child, takers: Child, seconds: number): Promise<Dispatch> {
  // Requests that ask for each job again and again would be a load of their own.
  const plan = { target, perSecond: PLAN.jobsPerSecond, seconds, watched: false }
  const { ids, sentAt, refused } = await generator.ask<Submissions>('paced', plan)
  if (refused.length > 0) throw new Error(`${refused.length} submissions were refused: ${refused[0]}`)
  const seen = await takers.ask<Seen>('seen')
  const offeredAt = new Map(seen.ids.map((id, i) => [id, seen.at[i] ?? Number.NaN]))
  return { ms: ids.map((id, i) => (offeredAt.get(id) ?? Number.NaN) - (sentAt[i] ?? Number.NaN)) }
}

/** Gives each of the reporting robots a job that does not end. */
async function occupy(server: Server, reporters: Child): Promise<void> {
  const { robotUrl: url, adminKey: key } = server
  await reporters.ask('connect', { url, key, count: PLAN.robots, slots: 1 })
  for (let n = 0; n < PLAN.robots; n++) await server.api(PATH, { workflow_id: 'greeting', robot_id: `idle-${n}` })
  while (await reporters.ask<number>('busy') < PLAN.robots) await setTimeout(20)
}

async function measure(server: Server, seconds: number) {
  const children = ['generator', 'robots', 'idle-robots'].map((name) =>
    startChild(new URL(`./e2e/${name}.ts`, import.meta.url))
  )
  const [generator, takers, reporters] = children as [Child, Child, Child]
  try {
    await occupy(server, reporters)
    const robots = [{ id: 'taker', key: server.adminKey }]
    await takers.ask('connect', { url: server.robotUrl, robots, slots: 500 })
    const body = JSON.stringify({ workflow_id: 'greeting' })
    const target: Target = { port: server.httpPort, key: server.adminKey, path: PATH, body }
    await dispatch(target, generator, takers, 3)
    await reporters.ask('flood', { perSecond: PLAN.perSecond, seconds: 3 })
    await setTimeout(1_000)
    const alone = await dispatch(target, generator, takers, seconds)
    const before = await collected(server.pid)
    const cpu = cpuOf(server.pid)
    const [flood, meanwhile] = await Promise.all([
      flooded(server, reporters, seconds),
      dispatch(target, generator, takers, seconds),
    ])
    const now = cpuOf(server.pid)
    const after = await collected(server.pid)
    return { alone, meanwhile, before, after, flood, all: now.all - cpu.all, loop: now.loop - cpu.loop }
  } finally {
    for (const child of children) child.end()
  }
}

/** Has the robots report, and returns how long after the last report it could be read. */
async function flooded(
  server: Server,
  reporters: Child,
  seconds: number,
): Promise<Flooded & { readonly lateMs: number }> {
  const flood = await reporters.ask<Flooded>('flood', { perSecond: PLAN.perSecond, seconds })
  const end = performance.now()
  const shown = async (): Promise<string> =>
    (await server.api<{ progress_message: string }>(`${PATH}/${flood.job}`)).progress_message
  while (await shown() !== flood.last) await setTimeout(10)
  return { ...flood, lateMs: performance.now() - end }
}

/** `minute`: for a whole minute. */
export async function telemetryBench(minute: boolean): Promise<readonly Table[]> {
  const seconds = minute ? 60 : PLAN.seconds
  const m = await inTemporaryFolder(async (data) => {
    const server = await startServer(data, null)
    try {
      return await measure(server, seconds)
    } finally {
      await server.stop()
    }
  })
  const row = (name: string, { ms }: Dispatch): string[] => [
    name,
    number(quantile(ms, 0.5), 2),
    number(quantile(ms, 0.99), 2),
    number(ms.length),
  ]
  const { sent, ms, lateMs, bufferedMax } = m.flood
  const perSecond = 1_000 * sent / ms
  return [{
    title: `telemetry: ${number(PLAN.perSecond)} reports of progress a second`,
    columns: ['submission until the offer is at a robot', 'p50 ms', 'p99 ms', 'jobs'],
    rows: [row('without reports', m.alone), row('with them', m.meanwhile)],
    notes: [
      `${PLAN.robots} robots report the progress of a job each, ${
        number(perSecond)
      } reports a second for ${seconds} s; beside them`,
      `${PLAN.jobsPerSecond} jobs a second are submitted for another robot. The last report was readable ${
        number(lateMs)
      } ms after it was sent;`,
      `at most ${number(bufferedMax / 1_000)} kB waited for the server in a socket. CPU of the server: ${
        percent(m.all / (ms + lateMs))
      } of a core, its loop ${percent(m.loop / (ms + lateMs))},`,
      `${number(1_000 * m.all / sent, 1)} us a report. Resident memory after a garbage collection: ${
        number(m.before / 1e6)
      } MB before, ${number(m.after / 1e6)} MB behind them.`,
    ],
    bounds: [
      {
        of: 'p99 until the offer, with reports / without',
        value: quantile(m.meanwhile.ms, 0.99) / quantile(m.alone.ms, 0.99),
        most: P99_RATIO_MAX,
      },
      { of: 'MB that memory has grown', value: (m.after - m.before) / 1e6, most: GROWTH_MB_MAX },
      { of: 'reports asked for / sent in a second', value: PLAN.perSecond / perSecond, most: 1.1 },
    ],
  }]
}
