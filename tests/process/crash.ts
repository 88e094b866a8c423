import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Robot } from '../../robot/robot.ts'
import { rng } from '../../core/base/random.ts'
import type { Sqld } from '../contract/sqld.ts'
import { audit, damage, settled, type Truth } from './audit.ts'
import { until } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'

/**
 * The crash test: jobs are submitted and run while the orchestrator is killed with SIGKILL, again and again. What it
 * has acknowledged must be there in the end, once, and with the result that its parameters make.
 *
 *     node --import tsx tests/process/crash.ts --kills 50 --seed 7
 */

/** Jobs that may wait for a result at a time: enough that the server dies with some in every status. */
const WAITING_MAX = 24
const SLOTS = 4
const JOB_MS_MAX = 100
const SUBMITTERS = 3
/** About as long as a start takes. */
const START_MS = 700
/** The longest time from a start to a kill, or to aiming one. */
const WORK_MS_MAX = 600
/** The minimum of jobs acknowledged between two kills, except those that hit a start. */
const BETWEEN_KILLS = 5
/** The time that an aimed kill waits for its target. */
const AIM_MS = 500

export interface CrashReport {
  readonly kills: number
  readonly acknowledged: number
  /** Submissions that were never answered, and how many of them were taken all the same. */
  readonly unanswered: number
  readonly unansweredTaken: number
  readonly ms: number
  /** Everything that is not as was promised. */
  readonly problems: readonly string[]
}

type Parameters = Readonly<Record<string, unknown>>
type Moment = 'sent' | 'acknowledged' | 'accepted' | 'ended'
const AIMS = ['sent', 'acknowledged', 'accepted', 'ended', null] as const

/** The expected result of a job. The robot computes it from what it receives, the audit from what was submitted. */
function resultOf(parameters: Parameters): object {
  return { product: Number(parameters['n']) * Number(parameters['factor']) }
}

export interface CrashOptions {
  readonly kills: number
  readonly seed: number
  /** A server for the database, and which of the two is killed; without one, the database is a file. */
  readonly remote?: { readonly database: Sqld; readonly killed: 'orchestrator' | 'database' }
}

/** A process to be killed: at a given moment and, if it is still alive then, in any case; then restarted. */
interface Victim {
  strike(): void
  revive(): Promise<void>
}

/** Runs the test. The seed decides when the kills come and what the jobs are; the operating system does the rest. */
export async function crash({ kills, seed, remote }: CrashOptions): Promise<CrashReport> {
  const random = rng(seed)
  const below: Below = (limit) => Math.floor(random() * limit)
  const begun = performance.now()
  const truth: Truth = { submitted: new Map(), acknowledged: new Map(), runs: new Map() }
  const problems: string[] = []
  const args = remote === undefined ? [] : ['--database', remote.database.url]
  const server = await Orchestrator.start({ fixedPorts: true, args })
  const victim = remote?.killed === 'database' ? databaseOf(server, remote.database) : orchestrator(server)
  const aim = new Aim(victim)
  const submit = await submission(server)
  const robot = workingRobot(server, truth, (moment) => aim.happened(moment))
  void robot.stopped.then((reason) => reason === 'stopped' || problems.push(`the robot ended: ${reason}`))
  await robot.start()

  const enough = new AbortController()
  const submitting = { truth, submit, below, happened: (moment: Moment) => aim.happened(moment) }
  const submitters = Array.from({ length: SUBMITTERS }, (_, i) => submitJobs(submitting, i === 0, enough.signal))
  for (let kill = 0; kill < kills; kill++) {
    // Some come while it is still starting, when it reads what the last one has left behind.
    if (below(5) === 0) await setTimeout(below(START_MS))
    else {
      await server.program.printed(/Ready/)
      // However slow the machine is, there is work for the kill to hit.
      await aim.saw('acknowledged', BETWEEN_KILLS)
      await setTimeout(below(WORK_MS_MAX))
      await aim.strike(AIMS[below(AIMS.length)] ?? null, below(3))
    }
    await victim.revive()
  }
  await server.program.printed(/Ready/)
  await aim.saw('acknowledged', BETWEEN_KILLS)
  enough.abort()
  await Promise.all(submitters)
  await settled(server)
  const found = await audit(server, truth, resultOf)
  problems.push(...found.problems)
  await robot.stop()
  const status = await server.stop()
  if (status !== 0) problems.push(`the server ended with ${status}: ${server.program.err}`)
  if (remote === undefined) problems.push(...damage(server))
  return {
    kills,
    acknowledged: truth.acknowledged.size,
    unanswered: truth.submitted.size - truth.acknowledged.size,
    unansweredTaken: found.jobs - truth.acknowledged.size,
    ms: Math.round(performance.now() - begun),
    problems,
  }
}

/** Kills the victim when something happens. */
class Aim {
  readonly #victim: Victim
  #seen: (moment: Moment) => void = () => {}

  constructor(victim: Victim) {
    this.#victim = victim
  }

  happened(moment: Moment): void {
    this.#seen(moment)
  }

  /** Resolves after an event has occurred this many more times. */
  async saw(moment: Moment, times: number): Promise<void> {
    await new Promise<void>((resolve) => {
      let left = times
      this.#seen = (seen) => seen === moment && --left === 0 && resolve()
    })
    this.#seen = () => {}
  }

  /** Kills it this many milliseconds after an event; 0: at the same moment. */
  async strike(at: Moment | null, ms: number): Promise<void> {
    if (at === null) return
    const hit = new Promise<void>((resolve) => {
      this.#seen = (moment) => {
        if (moment !== at) return
        if (ms === 0) this.#victim.strike()
        resolve()
      }
    })
    await Promise.race([hit, setTimeout(AIM_MS)])
    this.#seen = () => {}
    await setTimeout(ms)
  }
}

type Below = (limit: number) => number

interface Submitting {
  readonly truth: Truth
  readonly submit: (parameters: Parameters, byWebhook: boolean) => Promise<string>
  readonly below: Below
  readonly happened: (moment: Moment) => void
}

/** Submits jobs, with a limited number of pending answers, until stopped. */
async function submitJobs(
  { truth, submit, below, happened }: Submitting,
  byWebhook: boolean,
  enough: AbortSignal,
): Promise<void> {
  while (!enough.aborted) {
    if (truth.acknowledged.size - truth.runs.size >= WAITING_MAX) await setTimeout(5)
    else {
      const n = truth.submitted.size + 1
      const parameters = { n, factor: below(1_000), ms: below(JOB_MS_MAX) }
      truth.submitted.set(n, parameters)
      const answer = submit(parameters, byWebhook)
      happened('sent')
      const id = await answer.catch(() => null)
      if (id === null) await setTimeout(30)
      else {
        truth.acknowledged.set(id, parameters)
        happened('acknowledged')
      }
    }
  }
}

function orchestrator(server: Orchestrator): Victim {
  return {
    strike: () => server.program.signal('SIGKILL'),
    async revive() {
      await server.kill()
      server.launch()
    },
  }
}

/** The database of a server, which finds it again by itself. */
function databaseOf(server: Orchestrator, database: Sqld): Victim {
  const healthy = async (): Promise<true | undefined> =>
    (await server.call('GET', '/healthz')).status === 200 || undefined
  return {
    strike: () => void database.kill(),
    async revive() {
      await database.kill()
      await database.start()
      await until('the orchestrator has recovered', healthy)
    },
  }
}

function workingRobot(server: Orchestrator, { runs }: Truth, happened: (moment: Moment) => void): Robot {
  return new Robot({
    url: server.robots,
    key: server.robotKey,
    id: 'crash-robot',
    maxConcurrentJobs: SLOTS,
    stateFile: false,
    // An offer that died with the server is made again once the robot has reported without it: soon, then.
    heartbeatMs: 1_000,
    timings: { backoffBaseMs: 20, backoffCapMs: 150, confirmMs: 20 },
    runner: async ({ id, parameters }) => {
      runs.set(id, (runs.get(id) ?? 0) + 1)
      await setTimeout(Number(parameters['ms']))
      return resultOf(parameters)
    },
    onEvent: ({ type }) => {
      if (type === 'job.accepted') happened('accepted')
      if (type === 'job.ended') happened('ended')
    },
  })
}

/** Makes a workflow and a webhook for it. What is returned submits a job by either way, and resolves with its id. */
async function submission(
  server: Orchestrator,
): Promise<(parameters: Parameters, byWebhook: boolean) => Promise<string>> {
  await server.api('POST', '/workflows', { id: 'crash', name: 'Crash', json_definition: { nodes: {} } })
  await server.api('POST', '/workflows/crash/publish')
  const { secret } = await server.api('POST', '/triggers', { id: 'crash', name: 'Crash', workflow_id: 'crash' })
  const headers = { 'X-Webhook-Secret': String(secret) }
  return async (parameters, byWebhook) => {
    if (!byWebhook) return server.submit({ workflow_id: 'crash', parameters })
    const body = { event_type: 'crash', data: parameters }
    const reply = await server.call('POST', '/webhook/crash', { key: null, headers, body })
    if (reply.status !== 200) throw new Error(`the webhook answered ${reply.status}`)
    return String(reply.body['job_id'])
  }
}

/** One line about a run, and one for each problem. */
export function summary(seed: number, report: CrashReport): string {
  const { kills, acknowledged, unanswered, unansweredTaken, ms, problems } = report
  return [
    `crash: ${problems.length === 0 ? 'ok' : 'FAILED'}, seed ${seed}, ${kills} kills, ${acknowledged} jobs ` +
    `acknowledged and completed once, ${unanswered} unanswered (${unansweredTaken} of them taken), ` +
    `${(ms / 1_000).toFixed(1)} s`,
    ...problems.map((problem) => `  ${problem}`),
  ].join('\n')
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { kills: { type: 'string' }, seed: { type: 'string' } } })
  const seed = Number(values.seed ?? Date.now() % 1_000_000)
  const report = await crash({ kills: Number(values.kills ?? 50), seed }).finally(cleanUp)
  process.stdout.write(`${summary(seed, report)}\n`)
  process.exitCode = report.problems.length === 0 ? 0 : 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
