import { constants, copyFile, mkdir, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pkg from '../package.json' with { type: 'json' }
import { DEFAULTS, type Settings } from '../core/limits.ts'
import { isRefusal, type Refusal } from '../core/protocol/refusal.ts'
import { DEFAULT_FLEET } from './fleet-path.ts'
import { type Fleet, openFleet } from './fleet.ts'
import { type FleetHost, hostFleets, type UsedFleet } from './fleets.ts'
import { hostApp } from './http/forward.ts'
import { createKey, createWebhook, publishSamples, type Sample } from './library.ts'
import { fleetFiles } from './node/fleet-files.ts'
import { type FindFleet, type Listener, listenHttp, listenRobots } from './node/listen.ts'
import { type Options, readOptions, usage } from './node/options.ts'
import { nodePlatform } from './node/platform.ts'
import { Problem } from './node/problem.ts'
import { type ReferenceRobot, type RobotProcess, startReferenceRobot } from './node/reference.ts'
import { readSettings } from './settings.ts'
import { StaleEpoch, StoreUnusable } from './store/contract.ts'
import { openLibsqlStore } from './store/libsql.ts'
import { holdFolder } from './store/lock.ts'

/** The orchestrator as a process, on every runtime that has Node's modules. */

/** What differs between the runtimes. */
export interface Runtime {
  /** How a user starts it, for `--help`. */
  readonly command: string
  readonly robot: RobotProcess
}

const LIBRARY = fileURLToPath(new URL('../workflows/library/', import.meta.url))
const SAMPLE_FILES = join(LIBRARY, 'files')
const SAMPLE = 'orders-total'
const CLOSE_MS = 1_000
const SAME_SIGNAL_MS = 500

interface Running {
  readonly fleet: Fleet
  /** The fleets besides the default one. */
  readonly host: FleetHost
  readonly listeners: readonly Listener[]
  readonly robot: ReferenceRobot | null
  /** What to print once it runs: where it is, and the keys that are shown once. */
  readonly banner: string
}

async function start(options: Options, runtime: Runtime): Promise<Running> {
  const settings = { ...await settingsOf(options.settings), robotsAuth: options.robotsAuth }
  const data = resolve(options.data)
  await mkdir(data, { recursive: true }).catch((error: Error) => {
    throw new Problem(`the data folder ${data} cannot be made: ${error.message}`)
  })
  holdFolder(data)
  const store = await openLibsqlStore({ path: join(data, 'orchestrator.db'), durability: options.durability })
  const fleet = await openFleet(store, nodePlatform(), settings, fail)
  const stores = fleetFiles(join(data, 'fleets'), options.durability)
  const host = hostFleets(stores, nodePlatform, settings, fail)
  const app = hostApp(fleet, host, { version: pkg.version, durability: options.durability })
  const find: FindFleet = (name) => name === DEFAULT_FLEET ? { fleet, done: () => {} } : host.use(name)
  const robots = await listenRobots(find, options.host, options.robotPort)
  const http = await listenHttp((request) => app.fetch(request), find, options.host, options.httpPort)
  const firstStart = fleet.state.keys.size === 0
  await publishSamples(fleet, await samples())
  const secret = await createWebhook(fleet, SAMPLE, 'Sample: total of the orders')
  const owner = firstStart ? DEFAULT_FLEET : options.fleet
  const keys = firstStart || options.newKeys ? await newKeys(await find(owner)) : null
  const robot = options.robot ? await reference(fleet, runtime.robot, data, robots.port) : null
  // Whoever asks for one of them meanwhile opens it.
  host.start().catch(fail)
  const banner = bannerOf(options, { http: http.port, robots: robots.port }, data, keys, secret)
  return { fleet, host, listeners: [http, robots], robot, banner }
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

async function newKeys(owner: UsedFleet | Refusal): Promise<{ readonly admin: string; readonly robot: string }> {
  if (isRefusal(owner)) throw new Problem(`no keys can be made: ${owner.message}`)
  const keys = {
    admin: await createKey(owner.fleet, 'admin', ['admin']),
    robot: await createKey(owner.fleet, 'robot', ['robots:connect']),
  }
  owner.done()
  return keys
}

/** The reference robot gets a new key at each start, and the sample files in a folder of its own. */
async function reference(fleet: Fleet, how: RobotProcess, data: string, port: number): Promise<ReferenceRobot> {
  const id = 'reference-robot'
  const key = await createKey(fleet, id, ['robots:connect'], { id, robot: id })
  const files = join(data, 'robot-files')
  await copySamples(files)
  return startReferenceRobot(how, {
    CASARE_ROBOT_URL: `ws://127.0.0.1:${port}`,
    CASARE_ROBOT_KEY: key,
    CASARE_ROBOT_ID: id,
    CASARE_ROBOT_FILES: files,
  })
}

/** Copies the sample files that are not there. `cp` would look into every folder above, which Deno may forbid. */
async function copySamples(to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const name of await readdir(SAMPLE_FILES)) {
    await copyFile(join(SAMPLE_FILES, name), join(to, name), constants.COPYFILE_EXCL).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    })
  }
}

function bannerOf(
  options: Options,
  ports: { readonly http: number; readonly robots: number },
  data: string,
  keys: { readonly admin: string; readonly robot: string } | null,
  secret: string | null,
): string {
  const host = options.host === '0.0.0.0' || options.host === '::' ? '127.0.0.1' : options.host
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${ports.http}`
  const lines = [
    `CasareRPA Orchestrator ${pkg.version}`,
    '',
    `  API        ${base}/api/v1`,
    `  Robots     ws://${host}:${ports.robots}`,
    `  Data       ${data} (durability: ${options.durability})`,
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
      `  curl -X POST ${base}/webhook/${SAMPLE} -H 'Content-Type: application/json' -H 'X-Webhook-Secret: ${secret}' ` +
        `-d '{"event_type":"new_orders","data":{"region":"north"}}'`,
    )
  }
  if (keys !== null) {
    lines.push(
      '',
      '  See what became of it, with the job_id from the answer:',
      `  curl -H 'Authorization: Bearer ${keys.admin}' '${base}/api/v1/jobs/JOB_ID?pretty'`,
    )
  }
  return `${lines.join('\n')}\n\n  Ready. Ctrl-C stops it.\n\n`
}

/** What runs on the reference robot is finished and reported; other robots keep their jobs, and come back with them. */
async function stop({ fleet, host, listeners, robot }: Running): Promise<void> {
  process.stdout.write('Stopping: jobs on the reference robot are finished first.\n')
  fleet.drain()
  host.drain()
  await robot?.stop()
  await fleet.idle()
  await Promise.all([host.stop(), fleet.stop()])
  // A robot that does not answer the close would hold its connection open for ever.
  await Promise.race([Promise.all(listeners.map((listener) => listener.close())), setTimeout(CLOSE_MS)])
}

/** One clear line for what an operator can put right, the whole story for what is our fault. */
function fail(error: unknown): never {
  process.stderr.write(
    `casare: ${isKnown(error) ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  )
  process.exit(1)
}

function isKnown(error: unknown): error is Error {
  if (error instanceof Problem || error instanceof StoreUnusable || error instanceof StaleEpoch) return true
  // Deno lacks a permission, and the message names the flag that grants it.
  return error instanceof Error && error.name === 'NotCapable'
}

/** Runs the orchestrator as this process's whole work: reads its arguments, prints, and ends it with a status. */
export function main(runtime: Runtime): void {
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  run(runtime).catch(fail)
}

async function run(runtime: Runtime): Promise<void> {
  const options = readOptions(process.argv.slice(2), process.env)
  if (options.help) {
    process.stdout.write(`${usage(runtime.command)}\n`)
    return
  }
  const running = await start(options, runtime)
  let stopping: number | null = null
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // One Ctrl-C comes twice under npm: from the terminal, and from npm, which passes it on.
      if (stopping !== null && performance.now() - stopping < SAME_SIGNAL_MS) return
      if (stopping !== null) process.exit(130)
      stopping = performance.now()
      stop(running).then(() => process.exit(0), fail)
    })
  }
  // Whoever reads "Ready" may press Ctrl-C at once, so that is listened to first.
  process.stdout.write(running.banner)
}
