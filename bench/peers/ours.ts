import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CasareClient } from '../../client/client.ts'
import { PATHS } from '../../core/api/paths.ts'
import { Robot } from '../../robot/robot.ts'
import { type Connection as Line, openConnection, requestText } from '../e2e/http.ts'
import { type Parameters, parametersOf, RESULT } from './job.ts'
import { freePort, runningIn, startProgram } from './program.ts'
import type { Connection, Producer, Running, System } from './system.ts'

/** The orchestrator: the published program on Node, `synchronous=FULL`, and robots of the SDK. */

export const WORKFLOW = 'greeting'
const ROBOTS = 10
const SLOTS = 10
const JOBS = '/api/v1/jobs'
/** The limits of a key and of a robot are not what is measured. */
const SETTINGS = fileURLToPath(new URL('../../tests/unlimited.json', import.meta.url))
const PROGRAM = fileURLToPath(new URL('../../dist/adapters/node/main.js', import.meta.url))

/** True if this version takes many jobs in one request. */
export const HAS_BATCH = 'submitBatch' in PATHS.jobs

interface Health {
  readonly live_jobs: number
}

/** Asks the API. Throws on anything but success. */
export async function ask<T>({ http, key }: Connection, path: string, body?: object): Promise<T> {
  const response = await fetch(`${http}${path}`, {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return await response.json() as T
}

/** Starts the server on a folder, which may hold the data of an earlier one whose keys are `keys`. */
export async function startOurs(data: string, keys: Connection | null = null): Promise<Running> {
  const [httpPort, robotPort] = [String(await freePort()), String(await freePort())]
  const http = `http://127.0.0.1:${httpPort}`
  const answers = async (): Promise<boolean> => (await fetch(`${http}/healthz`)).ok
  const args = [PROGRAM, '--no-robot', '--settings', SETTINGS, '--data', data]
  const ports = ['--http-port', httpPort, '--robot-port', robotPort]
  const start = () => startProgram(process.execPath, [...args, ...ports], answers)
  const program = await start()
  const admin = keys?.['key'] ?? /Admin key +(\S+)/.exec(await program.printed(/Ready/))?.[1] ?? ''
  const connection: Connection = { http, robots: `ws://127.0.0.1:${robotPort}`, key: admin, folder: data }
  return runningIn(connection, program, start)
}

/** Submits over HTTP with as many connections as there are requests under way, and no client library. */
function produceHttp({ http = '', key = '' }: Connection): Producer {
  const port = Number(new URL(http).port)
  const idle: Line[] = []
  const all: Line[] = []
  const request = async (text: string, expected: number): Promise<string> => {
    const line = idle.pop() ?? openConnection(port)
    if (!all.includes(line)) all.push(line)
    const { status, body } = await line.request(text)
    idle.push(line)
    if (status !== expected) throw new Error(`${status} ${body.slice(0, 300)}`)
    return body
  }
  const submission = (n: number) => ({ workflow_id: WORKFLOW, parameters: parametersOf(n) })
  return {
    async submit(n) {
      const body = await request(requestText('POST', JOBS, key, JSON.stringify(submission(n))), 201)
      return /"id":"([^"]+)"/.exec(body)?.[1] ?? ''
    },
    async submitMany(ns) {
      const jobs = JSON.stringify({ jobs: ns.map(submission) })
      const body = await request(requestText('POST', `${JOBS}/batch`, key, jobs), 200)
      const { items } = JSON.parse(body) as { readonly items: readonly { readonly job?: { readonly id: string } }[] }
      const ids = items.flatMap(({ job }) => job === undefined ? [] : [job.id])
      if (ids.length !== ns.length) throw new Error(`${ns.length - ids.length} jobs of a batch were refused`)
      return ids
    },
    async ended(id) {
      const body = await request(requestText('GET', `${JOBS}/${id}?wait_seconds=60`, key), 200)
      if (!body.includes('"status":"completed"')) throw new Error(`job ${id} has not completed: ${body.slice(0, 300)}`)
    },
    close() {
      for (const line of all) line.close()
      return Promise.resolve()
    },
  }
}

function produceClient({ http = '', key = '' }: Connection): Producer {
  const client = new CasareClient({ url: http, key })
  const submission = (n: number) => ({ workflow_id: WORKFLOW, parameters: { ...parametersOf(n) } })
  return {
    submit: async (n) => (await client.jobs.submit(submission(n))).id,
    submitMany: (ns) => Promise.all(ns.map(async (n) => (await client.jobs.submit(submission(n))).id)),
    ended: async (id) => void await client.jobs.wait(id),
    close: () => Promise.resolve(),
  }
}

/** Ten robots of ten slots each. With `state files` they remember their jobs on the disk, as no peer does. */
async function consume({ robots = '', key = '', folder = '', how = '' }: Connection, ran: (n: number) => void) {
  const states = join(folder, '..', 'robots')
  mkdirSync(states, { recursive: true })
  const all = Array.from({ length: ROBOTS }, (_, i) => {
    const id = `robot-${i}`
    return new Robot({
      url: robots,
      id,
      key,
      maxConcurrentJobs: SLOTS,
      stateFile: how === 'state files' ? join(states, `${id}.jsonl`) : false,
      runner(job) {
        ran((job.parameters as unknown as Parameters).n)
        return RESULT
      },
      onEvent(event) {
        if (event.type === 'warning') process.stderr.write(`${id}: ${event.message}\n`)
        if (event.type === 'error') process.stderr.write(`${id}: ${event.error.message}\n`)
      },
    })
  })
  await Promise.all(all.map((robot) => robot.start()))
  return { close: async () => void await Promise.all(all.map((robot) => robot.stop())) }
}

interface Listed {
  readonly items: readonly { readonly id: string; readonly status: string }[]
  readonly next_cursor: string | null
}

/** Throws unless the jobs that have completed are these, each once, and none is elsewhere. */
async function verify(connection: Connection, ids: readonly string[]): Promise<void> {
  const expected = new Set(ids)
  const seen = new Set<string>()
  for (let cursor: string | null = ''; cursor !== null;) {
    const after: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const page: Listed = await ask<Listed>(connection, `${JOBS}?limit=200${after}`)
    for (const { id, status } of page.items) {
      if (!expected.has(id) || seen.has(id) || status !== 'completed') throw new Error(`ours: job ${id} is ${status}`)
      seen.add(id)
    }
    cursor = page.next_cursor
  }
  if (seen.size !== ids.length) throw new Error(`ours: of ${ids.length} jobs ${ids.length - seen.size} are lost`)
}

/** The number of jobs that have not ended. The health check shows memory, which is ahead of the disk by some turns. */
async function pendingJobs(connection: Connection): Promise<number> {
  const { live_jobs } = await ask<Health>(connection, '/healthz')
  if (live_jobs > 0) return live_jobs
  const { items } = await ask<Listed>(connection, `${JOBS}?status=pending,queued,running&limit=1`)
  return items.length
}

export const ours: System = {
  start: (folder) => startOurs(join(folder, 'data')),
  produce: (connection, how) => Promise.resolve(how === 'client' ? produceClient(connection) : produceHttp(connection)),
  consume,
  pending: pendingJobs,
  verify,
}
