import type { Control, Flood, Ours, RobotsKind, StoreControl } from './e2e/run.ts'
import { PLAN, runBareHttp, runBareSocket, runBareStore, runOurs } from './e2e/run.ts'
import type { Spent } from './e2e/window.ts'
import { quantile } from './measure.ts'
import { number, percent, type Table } from './table.ts'

/** Options of a benchmark. */
export interface BenchOptions {
  /** The path for a CPU profile of the server in `e2e`; null: none. */
  readonly profile: string | null
  /** `telemetry` for a whole minute. */
  readonly minute: boolean
}

/** Our CPU per job against the bound, and the robots of the SDK against raw ones. */
const BOUND_RATIO_MAX = 6
const SDK_RATIO_MAX = 2
/** The time until the first offer, and until the end, against that until the answer, at 200 jobs/s. */
const OFFER_RATIO_MAX = 3
const END_RATIO_MAX = 6

/** From the request that submits a job to the record that it is completed, in separate processes. */
export async function endToEnd({ profile }: BenchOptions): Promise<readonly Table[]> {
  const ours = await runOurs(profile, 'raw')
  const sdk = await runOurs(null, 'SDK')
  const both = { raw: ours, SDK: sdk }
  const flood = ours.floods.at(-1)
  if (flood === undefined) throw new Error('there was no load')
  const perCommit = flood.completed / flood.commits
  const http = await runBareHttp(ours.answer, flood.inFlight)
  const socket = await runBareSocket(ours.sizes, flood.inFlight)
  const store = await runBareStore(perCommit, 0)
  const grown = await runBareStore(perCommit, flood.jobsBefore)
  return [throughput(both), latency(both), bound(ours, flood, { http, socket, store, grown })]
}

/** The same load, with either kind of robots. */
type Both = Readonly<Record<RobotsKind, Ours>>

function throughput(both: Both): Table {
  const floods = Object.entries(both).flatMap(([kind, ours]) => ours.floods.map((flood) => ({ kind, ...flood })))
  const acknowledged = both.raw.acknowledged + both.SDK.acknowledged
  return {
    title: 'e2e: HTTP submit -> robot -> completed, saturated',
    columns: [
      'robots',
      'in flight',
      'jobs/s',
      'submit p50 ms',
      'p99 ms',
      'server CPU us/job',
      'of it the loop',
      'loop busy',
      'server CPU',
      'generator',
      'robots',
      'jobs/commit',
    ],
    rows: floods.map(({ kind, inFlight, window, completed, commits, submitMs }) => [
      kind,
      String(inFlight),
      number(1000 * completed / (window.until - window.from)),
      number(quantile(submitMs, 0.5), 1),
      number(quantile(submitMs, 0.99), 1),
      number(1000 * window.server.cpu.all / completed),
      number(1000 * window.server.cpu.loop / completed),
      percent(window.server.share.loop),
      percent(window.server.share.all),
      percent(window.generator.share.all),
      percent(window.robots.share.all),
      number(completed / commits, 1),
    ]),
    notes: [
      '3 processes beside this one: the server (adapters/node/main.ts, synchronous=FULL, a temporary folder), the generator',
      `(that many keep-alive connections, each with one POST ${'/api/v1/jobs'} under way), and one with ${PLAN.robots} robots,`,
      `each on a WebSocket and with ${PLAN.slots} slots, which accept and complete a job the moment it is offered: raw ones`,
      'by two frames from a bare socket, those of the SDK with their state files, a server of its own for either.',
      `jobs/s: those whose \`completed_at\` lies in a window of ${PLAN.floodSeconds} s, after ${PLAN.warmUpSeconds} s of ` +
      'warming up. CPU: user and system time from /proc;',
      '100 % is one core, "loop" is the thread with the event loop, the rest is the collector and the compiler.',
      'All processes share the cores of the machine, so CPU per job is the fair figure, and jobs/s the lower bound.',
      `Verified: all ${
        number(acknowledged)
      } acknowledged jobs, read back through the API, are completed, each is there`,
      'once, and no other is; of some 200 the history is submit, offer, accept, complete.',
    ],
    bounds: PLAN.inFlight.map((inFlight, i) => ({
      of: `CPU per job at ${inFlight} in flight, robots of the SDK / raw ones`,
      value: cpuPerJob(both.SDK.floods[i]) / cpuPerJob(both.raw.floods[i]),
      most: SDK_RATIO_MAX,
    })),
  }
}

function cpuPerJob(flood: Flood | undefined): number {
  return flood === undefined ? Number.NaN : flood.window.server.cpu.all / flood.completed
}

function latency(both: Both): Table {
  const row = (kind: string, name: string, ms: readonly number[]): string[] => [
    `${kind}: ${name}`,
    number(quantile(ms, 0.5), 2),
    number(quantile(ms, 0.95), 2),
    number(quantile(ms, 0.99), 2),
    number(ms.length),
  ]
  const { paced } = both.raw
  const { window, commits } = paced
  return {
    title: `e2e: latency at ${PLAN.perSecond} jobs/s, milliseconds since the request was sent`,
    columns: ['robots: until', 'p50', 'p95', 'p99', 'samples'],
    rows: Object.entries(both).flatMap(([kind, ours]) => [
      row(kind, 'the answer to the submission (durable)', ours.paced.submitMs),
      row(kind, 'the offer is at the robot', ours.paced.offeredMs),
      row(kind, '`completed_at`, the turn that completes it begins', ours.paced.completedMs),
      row(kind, 'a GET shows it completed', ours.paced.seenMs),
    ]),
    notes: [
      `${PLAN.pacedSeconds} s at a fixed rate, each request sent when it was due (at most ${
        number(Math.max(paced.lateMs, both.SDK.paced.lateMs), 1)
      } ms late), whatever became of`,
      'earlier ones. `completed_at` has whole milliseconds and is before the commit; the last row asks for one job in four',
      'again and again, a millisecond between, and includes the commit.',
      `Server with raw robots: loop ${percent(window.server.share.loop)}, ${
        number(1000 * window.server.cpu.all / paced.submitMs.length)
      } us of CPU per job (with those GETs), ${number(paced.submitMs.length / commits, 2)} jobs to a commit.`,
    ],
    bounds: Object.entries(both).flatMap(([kind, { paced: { submitMs, offeredMs, completedMs } }]) => [
      {
        of: `${kind}: p50 until the offer is at the robot / until the answer`,
        value: quantile(offeredMs, 0.5) / quantile(submitMs, 0.5),
        most: OFFER_RATIO_MAX,
      },
      {
        of: `${kind}: p50 until \`completed_at\` / until the answer`,
        value: quantile(completedMs, 0.5) / quantile(submitMs, 0.5),
        most: END_RATIO_MAX,
      },
    ]),
  }
}

interface Cost {
  readonly cpu: number
  readonly loop: number
  readonly wall: number
}

interface Controls {
  readonly http: Control
  readonly socket: Control
  readonly store: StoreControl
  /** In a file as full as the server's. */
  readonly grown: StoreControl
}

function bound({ answer, sizes }: Ours, flood: Flood, { http, socket, store, grown }: Controls): Table {
  const a = costOf(http.jobs, http.window.server, http.window.until - http.window.from)
  const b = costOf(socket.jobs, socket.window.server, socket.window.until - socket.window.from)
  const c = storeCost(store)
  const ours = costOf(flood.completed, flood.window.server, flood.window.until - flood.window.from)
  const all: Cost = { cpu: a.cpu + b.cpu + c.cpu, loop: a.loop + b.loop + c.loop, wall: a.wall + b.wall + c.wall }
  const row = (name: string, { cpu, loop, wall }: Cost, share: string): string[] => [
    name,
    number(cpu, 1),
    number(loop, 1),
    number(wall, 1),
    number(1e6 / wall),
    share,
  ]
  const busy = ({ window }: Control): string => percent(window.server.share.loop)
  return {
    title: `e2e: ours against the bound, microseconds per job at ${flood.inFlight} in flight`,
    columns: ['process', 'CPU', 'loop CPU', 'wall', 'jobs/s', 'loop busy'],
    rows: [
      row('control (a): bare Hono, one POST', a, busy(http)),
      row('control (b): bare crossws, 2 frames in, 1 out', b, busy(socket)),
      row(`control (c): bare libsql, ${store.rows} job rows a commit`, c, '-'),
      row('the bound: (a) + (b) + (c)', all, '-'),
      row(`  (c) in a file with ${number(flood.jobsBefore)} jobs, not in the bound`, storeCost(grown), '-'),
      row('ours', ours, percent(flood.window.server.share.loop)),
      [
        'the bound / ours',
        percent(all.cpu / ours.cpu),
        percent(all.loop / ours.loop),
        percent(all.wall / ours.wall),
        '',
        '',
      ],
    ],
    notes: [
      'The bound is what one event loop would need per job if it did the unavoidable and nothing else: take the request,',
      'write the rows, exchange the frames. 100 % would be no cost of our own; 50 % is the target, 33 % means two thirds',
      'are ours. The controls have no authentication, validation, queue, dispatch or deadlines.',
      `(a) Hono on @hono/node-server, body parsed, ${JSON.stringify(answer).length} bytes of JSON answered, same ` +
      'generator and connections as ours.',
      `(b) crossws, frames of ${sizes.accept} and ${sizes.complete} characters in and ${sizes.assign} out, neither parsed ` +
      'nor written as JSON, same robots as ours.',
      `(c) prepared statements, one per row, in the same schema, ${store.rows} job rows (${
        number(store.rows / 2, 1)
      } jobs) to a commit as the server had, FULL; wall minus CPU is the disk.`,
      "Its file is new. The server's was not, so the row below the bound says what a file as full costs: that part of the gap",
      'is the growth of the database, and no work of ours per event.',
      'CPU: user and system time of all threads of the server process. wall: window / jobs, with the clients on the same',
      'cores. Where the loop is far from busy, the clients or other work on the machine were the limit: then leave wall and',
      'jobs/s out of account, for ours and for the controls, and go by CPU.',
    ],
    bounds: [{ of: 'ours / the bound, CPU', value: ours.cpu / all.cpu, most: BOUND_RATIO_MAX }],
  }
}

function costOf(jobs: number, { cpu }: Spent, ms: number): Cost {
  return { cpu: 1000 * cpu.all / jobs, loop: 1000 * cpu.loop / jobs, wall: 1000 * ms / jobs }
}

function storeCost({ jobs, cpuMs, wallMs }: StoreControl): Cost {
  const cpu = 1000 * cpuMs / jobs
  return { cpu, loop: cpu, wall: 1000 * wallMs / jobs }
}
