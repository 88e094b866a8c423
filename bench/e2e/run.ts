import { setTimeout } from 'node:timers/promises'
import { inTemporaryFolder } from '../bare.ts'
import type { StoreCost } from './bare-store.ts'
import { type Child, startChild } from '../child.ts'
import type { Submissions, Target } from './generator.ts'
import type { RobotsPlan, Seen } from './robots.ts'
import { type Server, startServer } from './server.ts'
import { settled, verified } from './verify.ts'
import { countIn, watch, type Window } from './window.ts'

/** The numbers of processes and connections, and the duration. */
export const PLAN = {
  workflow: 'greeting',
  robots: 8,
  slots: 500,
  inFlight: [16, 128],
  warmUpSeconds: 2,
  floodSeconds: 4,
  perSecond: 200,
  pacedSeconds: 5,
} as const

const PATH = '/api/v1/jobs'
const BODY = JSON.stringify({ workflow_id: PLAN.workflow, parameters: { name: 'Ada' }, priority: 1 })

/** A time of saturation. */
export interface Flood {
  readonly inFlight: number
  readonly window: Window
  /** In the window. */
  readonly completed: number
  readonly commits: number
  /** Jobs that the database held already. */
  readonly jobsBefore: number
  readonly submitMs: readonly number[]
}

/** A time of moderate load; milliseconds since the request was sent. */
interface Paced {
  readonly window: Window
  readonly commits: number
  readonly submitMs: readonly number[]
  readonly offeredMs: readonly number[]
  readonly completedMs: readonly number[]
  readonly seenMs: readonly number[]
  readonly lateMs: number
}

export interface Ours {
  readonly floods: readonly Flood[]
  readonly paced: Paced
  readonly acknowledged: number
  /** The answer to a submission. */
  readonly answer: object
  readonly sizes: Seen['sizes']
}

/** A control: what one job costs a process that does only this part of the work. */
export interface Control {
  readonly window: Window
  readonly jobs: number
}

/** The robots: bare sockets that answer at once, or those of the SDK. */
export type RobotsKind = 'raw' | 'SDK'
const ROBOTS: Readonly<Record<RobotsKind, URL>> = {
  raw: new URL('./robots.ts', import.meta.url),
  SDK: new URL('./sdk-robots.ts', import.meta.url),
}

/** The real server under load, and then every job checked. */
export function runOurs(profile: string | null, kind: RobotsKind): Promise<Ours> {
  return inTemporaryFolder(async (data) => {
    const server = await startServer(data, profile)
    const generator = startChild(new URL('./generator.ts', import.meta.url))
    const robots = startChild(ROBOTS[kind])
    try {
      return await load(server, generator, robots)
    } finally {
      generator.end()
      robots.end()
      await server.stop()
    }
  })
}

async function load(server: Server, generator: Child, robots: Child): Promise<Ours> {
  const target: Target = { port: server.httpPort, key: server.adminKey, path: PATH, body: BODY }
  await robots.ask('connect', await planFor(server))
  const first = await server.api<{ id: string }>(PATH, JSON.parse(BODY) as object)
  const acknowledged = [first.id]
  const floods: (Omit<Flood, 'completed'>)[] = []
  for (const inFlight of PLAN.inFlight) {
    const { record, ...flood } = await flooded(server, generator, robots, target, inFlight)
    const inWindow = record.sentAt.findIndex((at) => at >= flood.window.from)
    floods.push({ ...flood, jobsBefore: acknowledged.length + inWindow })
    acknowledged.push(...record.ids)
    await settled(server)
  }
  const seen = await robots.ask<Seen>('seen')
  const commits = server.commits()
  const pacing = generator.ask<Submissions & { seenMs: readonly number[] }>('paced', {
    target,
    perSecond: PLAN.perSecond,
    seconds: PLAN.pacedSeconds,
  })
  const window = await watch(PLAN.pacedSeconds, server.pid, generator, robots)
  const record = await pacing
  const pacedCommits = server.commits() - commits
  accepted(record)
  acknowledged.push(...record.ids)
  await settled(server)
  const offers = await robots.ask<Seen>('seen')
  const done = await verified(server, acknowledged)
  const completedAt = new Map(done.map((job) => [job.id, job.completedAt]))
  const offeredAt = new Map(offers.ids.map((id, i) => [id, offers.at[i] ?? Number.NaN]))
  const since = (instants: ReadonlyMap<string, number>): readonly number[] =>
    record.ids.map((id, i) => (instants.get(id) ?? Number.NaN) - (record.sentAt[i] ?? Number.NaN))
  const ends = done.map((job) => job.completedAt)
  return {
    floods: floods.map((flood) => ({ ...flood, completed: countIn(flood.window, ends) })),
    paced: {
      window,
      commits: pacedCommits,
      submitMs: record.ms,
      offeredMs: since(offeredAt),
      completedMs: since(completedAt),
      seenMs: record.seenMs,
      lateMs: record.lateMs,
    },
    acknowledged: acknowledged.length,
    answer: first,
    sizes: seen.sizes,
  }
}

async function flooded(server: Server, generator: Child, robots: Child, target: Target, inFlight: number) {
  await generator.ask('start', { target, inFlight })
  await setTimeout(PLAN.warmUpSeconds * 1000)
  const before = server.commits()
  const window = await watch(PLAN.floodSeconds, server.pid, generator, robots)
  const commits = server.commits() - before
  const record = await generator.ask<Submissions>('stop')
  accepted(record)
  const submitMs = record.ms.filter((_, i) => (record.sentAt[i] ?? 0) >= window.from)
  return { inFlight, window, commits, submitMs, record }
}

function accepted({ refused }: Submissions): void {
  if (refused.length > 0) throw new Error(`${refused.length} submissions were refused: ${refused[0]}`)
}

/** Each robot with a key of its own. */
async function planFor(server: Server): Promise<RobotsPlan> {
  const robots: { id: string; key: string }[] = []
  for (let i = 0; i < PLAN.robots; i++) {
    const id = `robot-${i}`
    const { key } = await server.api<{ key: string }>('/api/v1/keys', { name: id, scopes: ['robots:connect'] })
    robots.push({ id, key })
  }
  return { url: server.robotUrl, robots, slots: PLAN.slots }
}

/** The same, with how many job rows there were to a commit. */
export interface StoreControl extends StoreCost {
  readonly rows: number
}

/** The number of jobs that control (c) is measured with. */
const STORE_JOBS = 8_000

/** Control (a): the same requests, to bare Hono. */
export async function runBareHttp(answer: object, inFlight: number): Promise<Control> {
  const server = startChild(new URL('./bare-http.ts', import.meta.url))
  const generator = startChild(new URL('./generator.ts', import.meta.url))
  const robots = startChild(new URL('./robots.ts', import.meta.url))
  try {
    const port = await server.ask<number>('listen', answer)
    const target: Target = { port, key: 'k'.repeat(48), path: PATH, body: BODY }
    await generator.ask('start', { target, inFlight })
    await setTimeout(PLAN.warmUpSeconds * 1000)
    const window = await watch(PLAN.floodSeconds, server.pid, generator, robots)
    const record = await generator.ask<Submissions>('stop')
    accepted(record)
    return { window, jobs: countIn(window, record.sentAt.map((at, i) => at + (record.ms[i] ?? 0))) }
  } finally {
    for (const child of [server, generator, robots]) child.end()
  }
}

/** Control (b): the same frames, from and to bare crossws. */
export async function runBareSocket(sizes: Seen['sizes'], inFlight: number): Promise<Control> {
  const server = startChild(new URL('./bare-socket.ts', import.meta.url))
  const generator = startChild(new URL('./generator.ts', import.meta.url))
  const robots = startChild(new URL('./robots.ts', import.meta.url))
  try {
    const head = JSON.stringify({ type: 'job_assign', payload: { job_id: 'j'.repeat(36), attempt: 1, text: '' } })
    const assign = head.replace('"text":""', `"text":"${'x'.repeat(Math.max(0, sizes.assign - head.length))}"`)
    const ack = JSON.stringify({ type: 'register_ack', payload: { success: true } })
    const port = await server.ask<number>('listen', { ack, assign, window: Math.ceil(inFlight / PLAN.robots) })
    const names = Array.from({ length: PLAN.robots }, (_, i) => ({ id: `robot-${i}`, key: 'k' }))
    await robots.ask('connect', { url: `ws://127.0.0.1:${port}`, robots: names, slots: PLAN.slots })
    await setTimeout(PLAN.warmUpSeconds * 1000)
    const window = await watch(PLAN.floodSeconds, server.pid, generator, robots)
    const seen = await robots.ask<Seen>('seen')
    return { window, jobs: countIn(window, seen.at) }
  } finally {
    for (const child of [server, generator, robots]) child.end()
  }
}

/**
 * Control (c): the same rows, with bare libsql, as many per commit as the server had, in a file with the same number of
 * jobs.
 */
export async function runBareStore(jobsPerCommit: number, jobsBefore: number): Promise<StoreControl> {
  const store = startChild(new URL('./bare-store.ts', import.meta.url))
  try {
    const rows = Math.max(1, Math.round(2 * jobsPerCommit))
    const turns = Math.ceil(2 * STORE_JOBS / rows)
    // The first few warm up what runs the rest.
    const before = Math.ceil(2 * jobsBefore / rows)
    return { ...await store.ask<StoreCost>('write', { rows, before: Math.max(before, 10), turns }), rows }
  } finally {
    store.end()
  }
}
