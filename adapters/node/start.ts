import { constants, copyFile, mkdir, readdir, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import pkg from '../../package.json' with { type: 'json' }
import { DEFAULTS, type Settings } from '../../core/settings.ts'
import { isRefusal, type Refusal } from '../../core/base/refusal.ts'
import { utf8Text } from '../net/charset.ts'
import { DEFAULT_FLEET } from '../fleet/path.ts'
import { type Fleet, openFleet, type Platform } from '../fleet/fleet.ts'
import { FleetHost } from '../hosting/fleets.ts'
import type { FleetHandle } from '../hosting/open-fleet.ts'
import { httpApp } from '../http/app.ts'
import { MAY_LOSE } from '../http/routes/health.ts'
import { hostApp } from '../hosting/app.ts'
import { createKey, createWebhook, publishSamples, type Sample } from '../commands/installation.ts'
import { fleetFiles } from './fleet-files.ts'
import { closeAll, type Listener, listenHttp, listenRobots } from './listen.ts'
import type { Options } from './options.ts'
import { nodePlatform } from './platform.ts'
import { Problem } from './problem.ts'
import { type ReferenceRobot, type RobotProcess, startReferenceRobot } from './reference.ts'
import { type FindFleet, onlyFleet } from './robots.ts'
import { readSettings } from '../fleet/settings.ts'
import { bindOnRegistration } from '../hosting/empty-fleet.ts'
import { UNKNOWN_KEY } from '../hosting/access-list.ts'
import { folderProblem } from '../sources/folder.ts'
import { durabilityOf, openFolder, UNTHREADED } from '../store/open.ts'
import type { GrownWal } from '../store/contract.ts'
import { GROWN } from '../store/wal.ts'
import { PRIVATE_FOLDER } from '../store/private.ts'
import { databaseName } from '../store/server.ts'

/** The orchestrator on every runtime that has Node's modules. Importing this starts nothing. */

const LIBRARY = fileURLToPath(new URL('../../workflows/library/', import.meta.url))
const SAMPLE_FILES = join(LIBRARY, 'files')
const SAMPLE = 'orders-total'

const LOST = 'a power cut has taken turns that were answered: durability is relaxed'
const CLOSED = 'files with secrets could be read by other users of this machine; now they cannot'
const EXPOSED = 'other users of this machine may look into these, and they have not been closed: see to it'
const MISSING = 'the database of a fleet is missing, though others of its files are there: restore it from a backup'

/** A running orchestrator. */
export interface Running {
  /** The addresses of the HTTP API and for robots, with the actual ports. */
  readonly http: string
  readonly robots: string
  /** The keys created at this start; null if there were keys already, since they are shown only once. */
  readonly keys: { readonly admin: string; readonly robot: string } | null
  /** All of this for people, with a command that starts a job. */
  readonly banner: string
  /** Lets jobs on the reference robot finish; other robots keep theirs, and reconnect with them. Closes everything. */
  stop(): Promise<void>
}

/** The parts to close at the end. */
interface Parts {
  readonly fleet: Fleet
  /** The fleets besides the default one; null if they have no place. */
  readonly host: FleetHost | null
  readonly listeners: Listener[]
}

/** Starts the orchestrator. `failed` is called when it cannot continue: from then on it stores nothing. */
export async function startOn(
  robot: RobotProcess,
  options: Options,
  failed: (error: unknown) => void = (error) => {
    throw error
  },
): Promise<Running> {
  const read = await settingsOf(options.settings)
  const allowedOrigins = [...read.allowedOrigins, ...options.allowedOrigins]
  const settings = { ...read, robotsAuth: options.robotsAuth, allowedOrigins }
  const data = resolve(options.data)
  await mkdir(data, { recursive: true, mode: PRIVATE_FOLDER }).catch((error: Error) => {
    throw new Problem(`the data folder ${data} cannot be made: ${error.message}`)
  })
  const platformOf = (fleet: string): Platform =>
    nodePlatform(rootsOf(fleet, options.watchRoots), settings.mailboxHosts)
  const platform = platformOf(DEFAULT_FLEET)
  if (options.database === '' && options.durability === 'relaxed') {
    platform.log('warn', `durability is relaxed: ${MAY_LOSE.relaxed}`)
  }
  for (const root of options.watchRoots) {
    const why = await folderProblem(root)
    if (why !== null) platform.log('warn', `--watch-root: ${why}; until there is one, nothing is watched below it`)
  }
  const store = await openFolder(data, {
    ...options,
    lost: (turns) => platform.log('warn', LOST, { turns }),
    unthreaded: (reason) => platform.log('warn', UNTHREADED, { reason }),
    grown: (wal) => platform.log('warn', GROWN, { ...wal }),
    exposed: ({ closed, open }) => {
      if (closed.length > 0) platform.log('warn', CLOSED, { paths: closed })
      if (open.length > 0) platform.log('warn', EXPOSED, { paths: open })
    },
  })
  const fleet = await openFleet(store, platform, settings, failed)
  // Each of the other fleets is a file beside that of the default one.
  const grown = (name: string, wal: GrownWal): void => platform.log('warn', GROWN, { fleet: name, ...wal })
  const files = options.database === '' ? fleetFiles(join(data, 'fleets'), options.durability, grown) : null
  for (const name of await files?.tidy() ?? []) platform.log('error', MISSING, { fleet: name })
  const host = files === null ? null : new FleetHost(files, platformOf, settings, failed)
  const parts: Parts = { fleet, host, listeners: [] }
  try {
    const running = await serve(parts, robot, options, data)
    // A request for one of them opens it meanwhile.
    host?.start().catch(failed)
    return running
  } catch (error) {
    await close(parts)
    throw error
  }
}

/**
 * The watch roots of a fleet. Tenants must not see each other's files: the default fleet has the operator's folders,
 * every other one the subfolder with its name.
 */
function rootsOf(fleet: string, roots: readonly string[]): readonly string[] {
  return fleet === DEFAULT_FLEET ? roots : roots.map((root) => join(root, fleet))
}

async function serve(parts: Parts, how: RobotProcess, options: Options, data: string): Promise<Running> {
  const { fleet, host, listeners } = parts
  const about = { version: pkg.version, durability: durabilityOf(options) }
  const app = host === null ? httpApp(fleet, about) : hostApp(fleet, host, about)
  const only = onlyFleet(fleet)
  const find: FindFleet = host === null ? only : async (name, credential) => {
    if (name === DEFAULT_FLEET) return only(name, credential)
    // With open authentication, any connection may stay.
    if (options.robotsAuth === 'open') return host.acquire(name)
    const handle = await host.acquire(name, { credential, trigger: null })
    if (handle !== UNKNOWN_KEY) return handle
    return bindOnRegistration(
      await host.emptyFleet(),
      (shown) => host.acquire(name, { credential: shown, trigger: null }),
    )
  }
  const robots = await listenRobots(find, options.host, options.robotPort)
  listeners.push(robots)
  const http = await listenHttp((request) => app.fetch(request), find, options.host, options.httpPort)
  listeners.push(http)
  // A process that was killed before it had made the keys counts as a first start again.
  const firstStart = ![...fleet.state.keys.values()].some(({ scopes }) => scopes.includes('admin'))
  await publishSamples(fleet, await samples())
  const secret = await createWebhook(fleet, SAMPLE, 'Sample: total of the orders')
  const owner = firstStart ? DEFAULT_FLEET : options.fleet
  const robot = options.robot
    ? await reference(fleet, how, { data, hosts: options.robotHosts }, robots.port, http.port)
    : null
  // The last step, since keys that are made but not printed would be lost.
  const keys = firstStart || options.newKeys
    ? await newKeys(owner === DEFAULT_FLEET || host === null ? await only(owner, null) : await host.acquire(owner))
    : null
  const at = addresses(options.host, http.port, robots.port)
  const stop = async (): Promise<void> => {
    for (const listener of listeners) listener.drain()
    fleet.drain()
    host?.drain()
    await robot?.stop()
    await fleet.whenIdle()
    await close(parts)
  }
  let stopped: Promise<void> | undefined
  return { ...at, keys, banner: bannerOf(options, at, data, keys, secret), stop: () => stopped ??= stop() }
}

async function close({ fleet, host, listeners }: Parts): Promise<void> {
  // Requests are answered while the fleets still run.
  await Promise.all(listeners.map((listener) => listener.finish()))
  await Promise.all([host?.stop(), fleet.stop()])
  await closeAll(listeners)
}

async function newKeys(owner: FleetHandle | Refusal): Promise<NonNullable<Running['keys']>> {
  if (isRefusal(owner)) throw new Problem(`no keys can be made: ${owner.message}`)
  const keys = {
    admin: await createKey(owner.fleet, 'admin', ['admin']),
    robot: await createKey(owner.fleet, 'robot', ['robots:connect']),
  }
  owner.release()
  return keys
}

async function settingsOf(path: string): Promise<Settings> {
  if (path === '') return DEFAULTS
  const bytes = await readFile(path).catch((error: Error) => {
    throw new Problem(`the settings file ${path} cannot be read: ${error.message}`)
  })
  const text = utf8Text(bytes)
  const settings = text === null ? 'it is not valid UTF-8' : readSettings(text)
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

/**
 * Starts the reference robot with a new key, and with the sample files in a folder of its own. Its state is in another
 * folder, which its workflows cannot reach.
 */
async function reference(
  fleet: Fleet,
  how: RobotProcess,
  { data, hosts }: { readonly data: string; readonly hosts: string },
  port: number,
  httpPort: number,
): Promise<ReferenceRobot> {
  const id = 'reference-robot'
  const key = await createKey(fleet, id, ['robots:connect'], { id, robot: id })
  const files = join(data, 'robot-files')
  await copySamples(files)
  const state = join(data, 'robot-state')
  await mkdir(state, { recursive: true, mode: PRIVATE_FOLDER })
  return startReferenceRobot(how, {
    CASARE_ROBOT_URL: `ws://127.0.0.1:${port}`,
    CASARE_ROBOT_API: `http://127.0.0.1:${httpPort}`,
    CASARE_ROBOT_KEY: key,
    CASARE_ROBOT_ID: id,
    CASARE_ROBOT_FILES: files,
    CASARE_ROBOT_HTTP_HOSTS: hosts,
    CASARE_ROBOT_STATE: join(state, `${id}.jsonl`),
  })
}

/** Copies the sample files that are missing. `cp` would read every parent folder, which Deno may forbid. */
async function copySamples(to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: PRIVATE_FOLDER })
  for (const name of await readdir(SAMPLE_FILES)) {
    await copyFile(join(SAMPLE_FILES, name), join(to, name), constants.COPYFILE_EXCL).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    })
  }
}

/** The addresses as users of this machine reach them. */
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
      : [`  Data       ${data}`, `  Database   ${databaseName(options.database)} (durability: that of the server)`]),
  ]
  if (keys === null) {
    lines.push('  Keys       as they were shown when they were made; --new-keys makes and shows others')
  } else {
    lines.push(
      '',
      '  These keys are shown this once; what is kept is their hashes.',
      `  Admin key  ${keys.admin}`,
      `  Robot key  ${keys.robot}   (for a new robot of your own: bound to the first that registers with it)`,
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
      '  See the result, with the job_id from the answer:',
      `  curl -H 'Authorization: Bearer ${keys.admin}' '${at.http}/api/v1/jobs/JOB_ID?pretty'`,
    )
  }
  return `${lines.join('\n')}\n\n  Ready. Ctrl-C stops it.\n\n`
}
