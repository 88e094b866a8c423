import { cp, mkdir, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pkg from '../../package.json' with { type: 'json' }
import { DEFAULTS, type Settings } from '../../core/limits.ts'
import { type Fleet, openFleet } from '../fleet.ts'
import { httpApp } from '../http/app.ts'
import { createKey, createWebhook, publishSamples, type Sample } from '../library.ts'
import { readSettings } from '../settings.ts'
import { durabilityOf, openStore } from '../store/open.ts'
import { nameOf } from '../store/server.ts'
import { type Listener, listenHttp, listenRobots } from './listen.ts'
import { type Options, readOptions } from './options.ts'
import { nodePlatform } from './platform.ts'
import { Problem } from './problem.ts'
import { type ReferenceRobot, startReferenceRobot } from './reference.ts'

export type { Options } from './options.ts'
export { Problem } from './problem.ts'

/** What `casare start` starts, for whoever wants it in a process of their own. Importing this starts nothing. */

const LIBRARY = fileURLToPath(new URL('../../workflows/library/', import.meta.url))
const SAMPLE = 'orders-total'
const CLOSE_MS = 1_000

/** The orchestrator while it runs. */
export interface Running {
  /** Where the HTTP API is, and where robots connect, with the ports that were really taken. */
  readonly http: string
  readonly robots: string
  /** The keys that were made at this start; null when there had been some, for they are shown once. */
  readonly keys: { readonly admin: string; readonly robot: string } | null
  /** All of this for a person to read, with a line that starts a job. */
  readonly banner: string
  /** Lets jobs on the reference robot end; other robots keep theirs, and come back with them. Closes everything. */
  stop(): Promise<void>
}

/**
 * Starts the orchestrator, with the defaults of the command for what is left out; the environment is not read. Throws
 * `Problem` for what the operator can put right. `failed` is told when it cannot go on: nothing it does is kept then.
 */
export async function start(
  given: Partial<Options> = {},
  failed: (error: unknown) => void = (error) => {
    throw error
  },
): Promise<Running> {
  const options = { ...readOptions([], {}), ...given }
  const settings = { ...await settingsOf(options.settings), robotsAuth: options.robotsAuth }
  const data = resolve(options.data)
  await mkdir(data, { recursive: true }).catch((error: Error) => {
    throw new Problem(`the data folder ${data} cannot be made: ${error.message}`)
  })
  const store = await openStore({ ...options, path: join(data, 'orchestrator.db') })
  const fleet = await openFleet(store, nodePlatform(), settings, failed)
  const listeners: Listener[] = []
  try {
    return await serve(fleet, listeners, options, data)
  } catch (error) {
    await close(fleet, listeners)
    throw error
  }
}

async function serve(fleet: Fleet, listeners: Listener[], options: Options, data: string): Promise<Running> {
  const app = httpApp(fleet, { version: pkg.version, durability: durabilityOf(options) })
  const robots = await listenRobots(fleet, options.host, options.robotPort)
  listeners.push(robots)
  const http = await listenHttp((request) => app.fetch(request), fleet, options.host, options.httpPort)
  listeners.push(http)
  const firstStart = fleet.state.keys.size === 0
  await publishSamples(fleet, await samples())
  const secret = await createWebhook(fleet, SAMPLE, 'Sample: total of the orders')
  const keys = firstStart || options.newKeys
    ? {
      admin: await createKey(fleet, 'admin', ['admin']),
      robot: await createKey(fleet, 'robot', ['robots:connect']),
    }
    : null
  const robot = options.robot ? await reference(fleet, data, robots.port) : null
  const at = addresses(options.host, http.port, robots.port)
  const stop = async (): Promise<void> => {
    fleet.drain()
    await robot?.stop()
    await fleet.idle()
    await close(fleet, listeners)
  }
  let stopped: Promise<void> | undefined
  return { ...at, keys, banner: bannerOf(options, at, data, keys, secret), stop: () => stopped ??= stop() }
}

async function close(fleet: Fleet, listeners: readonly Listener[]): Promise<void> {
  await fleet.stop()
  // A robot that does not answer the close would hold its connection open for ever.
  await Promise.race([Promise.all(listeners.map((listener) => listener.close())), setTimeout(CLOSE_MS)])
}

async function settingsOf(path: string): Promise<Settings> {
  if (path === '') return DEFAULTS
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw new Problem(`the settings file ${path} cannot be read: ${error.message}`)
  })
  const settings = readSettings(text)
  if (typeof settings === 'string') throw new Problem(`the settings file ${path} is not valid: ${settings}`)
  return settings
}

async function samples(): Promise<readonly Sample[]> {
  const files = (await readdir(LIBRARY)).filter((name) => name.endsWith('.json')).toSorted()
  return Promise.all(files.map(async (name) => ({
    id: name.replace(/\.json$/, ''),
    json: await readFile(join(LIBRARY, name), 'utf8'),
  })))
}

/** The reference robot gets a new key at each start, and the sample files in a folder of its own. */
async function reference(fleet: Fleet, data: string, port: number): Promise<ReferenceRobot> {
  const id = 'reference-robot'
  const key = await createKey(fleet, id, ['robots:connect'], { id, robot: id })
  const files = join(data, 'robot-files')
  await cp(join(LIBRARY, 'files'), files, { recursive: true, force: false })
  return startReferenceRobot({
    CASARE_ROBOT_URL: `ws://127.0.0.1:${port}`,
    CASARE_ROBOT_KEY: key,
    CASARE_ROBOT_ID: id,
    CASARE_ROBOT_FILES: files,
  })
}

/** As somebody on this machine reaches them. */
function addresses(listening: string, http: number, robots: number): Pick<Running, 'http' | 'robots'> {
  const any = listening === '0.0.0.0' || listening === '::'
  const host = any ? '127.0.0.1' : listening.includes(':') ? `[${listening}]` : listening
  return { http: `http://${host}:${http}`, robots: `ws://${host}:${robots}` }
}

function bannerOf(
  options: Options,
  at: Pick<Running, 'http' | 'robots'>,
  data: string,
  keys: Running['keys'],
  secret: string | null,
): string {
  const lines = [
    `CasareRPA Orchestrator ${pkg.version}`,
    '',
    `  API        ${at.http}/api/v1`,
    `  Robots     ${at.robots}`,
    ...(options.database === ''
      ? [`  Data       ${data} (durability: ${options.durability})`]
      : [`  Data       ${data}`, `  Database   ${nameOf(options.database)} (durability: that of the server)`]),
  ]
  if (keys !== null) {
    lines.push(
      '',
      '  These keys are shown this once; what is kept is their hashes.',
      `  Admin key  ${keys.admin}`,
      `  Robot key  ${keys.robot}   (for your own robot: bound to the first that registers with it)`,
    )
  }
  if (secret !== null) {
    lines.push(
      '',
      '  Start a job:',
      `  curl -X POST ${at.http}/webhook/${SAMPLE} -H 'Content-Type: application/json' -H 'X-Webhook-Secret: ${secret}' ` +
        `-d '{"event_type":"new_orders","data":{"region":"north"}}'`,
    )
  }
  if (keys !== null) {
    lines.push(
      '',
      '  See what became of it, with the job_id from the answer:',
      `  curl -H 'Authorization: Bearer ${keys.admin}' '${at.http}/api/v1/jobs/JOB_ID?pretty'`,
    )
  }
  return `${lines.join('\n')}\n\n  Ready. Ctrl-C stops it.\n\n`
}
