import { setTimeout } from 'node:timers/promises'
import { inTemporaryFolder } from './bare.ts'
import { type Child, collected, COLLECTS, cpuOf, startChild } from './child.ts'
import { startServer } from './e2e/server.ts'
import { number, type Table } from './table.ts'

/** Robots that are connected and have nothing to do: their memory, their heartbeats, and what is written for them. */

const PLAN = { robots: 5_000, everySeconds: 30, seconds: 15 }

const KB_MAX = 20
const CORE_MAX = 0.03
/** Commits for each heartbeat. */
const COMMITS_MAX = 0.05

interface Cost {
  readonly kb: number
  /** The share of a core. */
  readonly core: number
  readonly commits: number | null
}

/** `commits`: the number of commits so far. */
async function measure(
  pid: number,
  robots: Child,
  url: string,
  key: string,
  commits: () => number | null,
): Promise<Cost> {
  const before = await collected(pid)
  await robots.ask('connect', { url, key, count: PLAN.robots, slots: 1 })
  // Each has sent one, so that what a heartbeat needs is there.
  await robots.ask('beat', { everySeconds: 5, seconds: 5 })
  await setTimeout(1_000)
  const kb = (await collected(pid) - before) / 1_000 / PLAN.robots
  const [cpu, written, begin] = [cpuOf(pid).all, commits(), performance.now()]
  await robots.ask('beat', { everySeconds: PLAN.everySeconds, seconds: PLAN.seconds })
  const core = (cpuOf(pid).all - cpu) / (performance.now() - begin)
  const now = commits()
  return { kb, core, commits: now === null || written === null ? null : now - written }
}

function ours(): Promise<Cost> {
  return inTemporaryFolder(async (data) => {
    const server = await startServer(data, null)
    const robots = startChild(new URL('./e2e/idle-robots.ts', import.meta.url))
    try {
      return await measure(server.pid, robots, server.robotUrl, server.adminKey, server.commits)
    } finally {
      robots.end()
      await server.stop()
    }
  })
}

async function bare(): Promise<Cost> {
  const server = startChild(new URL('./e2e/bare-socket.ts', import.meta.url), COLLECTS)
  const robots = startChild(new URL('./e2e/idle-robots.ts', import.meta.url))
  try {
    const frame = (type: string): string => JSON.stringify({ type, id: 'm1', payload: { success: true } })
    const plan = { ack: frame('register_ack'), assign: frame('heartbeat_ack'), window: 0, every: 1 }
    const port = await server.ask<number>('listen', plan)
    return await measure(server.pid, robots, `ws://127.0.0.1:${port}`, 'k', () => null)
  } finally {
    for (const child of [robots, server]) child.end()
  }
}

/** One table: ours and bare crossws with as many connections and frames. */
export async function idleBench(): Promise<readonly Table[]> {
  const control = await bare()
  const our = await ours()
  const beats = PLAN.robots * PLAN.seconds / PLAN.everySeconds
  const row = (name: string, { kb, core, commits }: Cost): string[] => [
    name,
    number(PLAN.robots),
    number(kb, 1),
    `${number(100 * core, 1)} %`,
    commits === null ? '' : number(commits),
  ]
  return [{
    title: 'robots: connected and idle',
    columns: ['server', 'robots', 'kB each', 'of a core', 'commits'],
    rows: [
      row('control: bare crossws, each frame answered', control),
      row('ours', our),
      [
        'more than the control',
        '',
        number(our.kb - control.kb, 1),
        `${number(100 * (our.core - control.core), 1)} %`,
        '',
      ],
    ],
    notes: [
      `Resident memory of the server's process, after a garbage collection, with the robots and without. Then each sends a`,
      `heartbeat every ${PLAN.everySeconds} s: CPU of all threads and commits in ${PLAN.seconds} s, that is ${
        number(beats)
      } heartbeats.`,
    ],
    bounds: [
      { of: 'kB of an idle robot, more than bare crossws', value: our.kb - control.kb, most: KB_MAX },
      { of: 'share of a core for their heartbeats', value: our.core, most: CORE_MAX },
      { of: 'commits / heartbeats', value: (our.commits ?? Number.NaN) / beats, most: COMMITS_MAX },
    ],
  }]
}
