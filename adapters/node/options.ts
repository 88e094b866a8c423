import { delimiter, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { isReachEntry, reachEntries } from '../../outgoing/reach.ts'
import { isOrigin } from '../origin.ts'
import { Problem } from './problem.ts'

/** How the orchestrator is started on Node and Deno. A flag wins over its environment variable, and both over the default. */
export interface Options {
  readonly data: string
  /** The URL of a libSQL server; empty: the database is a file in the data folder. */
  readonly database: string
  /** From the environment only: flags can be read by everybody on the machine. */
  readonly databaseToken: string
  readonly host: string
  readonly httpPort: number
  readonly robotPort: number
  /** Start the reference robot beside the server. */
  readonly robot: boolean
  /** The hosts that its workflows may call, with commas between them. */
  readonly robotHosts: string
  readonly durability: 'full' | 'relaxed'
  /** A file with settings; empty: the defaults. */
  readonly settings: string
  readonly robotsAuth: 'key' | 'open'
  /** The folders in which triggers may watch files; none: nowhere. */
  readonly watchRoots: readonly string[]
  /** Origins of pages that may ask, beside those in the settings. */
  readonly allowedOrigins: readonly string[]
  /** Whose keys `newKeys` makes. */
  readonly fleet: string
  /** Make and print a new admin key and a new robot key, beside those that exist. */
  readonly newKeys: boolean
  /** Make a database anew where the one that was there is missing. */
  readonly fresh: boolean
  /** Read the databases through, and start nothing. */
  readonly check: boolean
  readonly help: boolean
}

const TOKEN = 'CASARE_DATABASE_TOKEN'

const FLAGS = {
  'data': { env: 'CASARE_DATA', fallback: 'data', help: 'folder for the database and files' },
  'database': {
    env: 'CASARE_DATABASE',
    fallback: '',
    help: `URL of a libSQL server instead of a file, its token in ${TOKEN}`,
  },
  'host': { env: 'CASARE_HOST', fallback: '127.0.0.1', help: 'address to listen on; 0.0.0.0 for every interface' },
  'http-port': { env: 'CASARE_HTTP_PORT', fallback: '8766', help: 'port of the HTTP API' },
  'robot-port': { env: 'CASARE_ROBOT_PORT', fallback: '8765', help: 'port that robots connect to' },
  'durability': {
    env: 'CASARE_DURABILITY',
    fallback: 'full',
    help: 'full, or relaxed: faster, and a power cut loses what was written since the last checkpoint',
  },
  'settings': { env: 'CASARE_SETTINGS', fallback: '', help: 'JSON file with timeouts, limits and the strategy' },
  'robots-auth': { env: 'CASARE_ROBOTS_AUTH', fallback: 'key', help: 'key, or open: any robot may connect; for a lab' },
  'robot-hosts': {
    env: 'CASARE_ROBOT_HTTP_HOSTS',
    fallback: '*',
    help: 'hosts that workflows on the reference robot may call; * is the internet',
  },
  'fleet': { env: 'CASARE_FLEET', fallback: 'default', help: 'whose keys --new-keys makes' },
} as const

/** Those that may be given more than once. The environment gives the one as `PATH` is given, the other with commas between. */
const ROOTS = { flag: 'watch-root', env: 'CASARE_WATCH_ROOTS' } as const
const ORIGINS = { flag: 'allowed-origin', env: 'CASARE_ALLOWED_ORIGINS' } as const

type Flag = keyof typeof FLAGS

/** Reads flags and environment. Throws `Problem` naming the flag or variable that is wrong. */
export function readOptions(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Options {
  const { values } = parse(args)
  const text = (flag: Flag): { value: string; name: string } => {
    const { env: variable, fallback } = FLAGS[flag]
    const given = values[flag]
    if (typeof given === 'string') return { value: given, name: `--${flag}` }
    const set = env[variable]
    return set === undefined || set === '' ? { value: fallback, name: `--${flag}` } : { value: set, name: variable }
  }
  const port = (flag: Flag): number => {
    const { value, name } = text(flag)
    if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
      throw new Problem(`${name} must be a port from 0 to 65535, not "${value}"`)
    }
    return Number(value)
  }
  const choice = <const T extends readonly string[]>(flag: Flag, of: T): T[number] => {
    const { value, name } = text(flag)
    if (!of.includes(value)) throw new Problem(`${name} must be ${of.join(' or ')}, not "${value}"`)
    return value
  }
  return {
    data: text('data').value,
    database: text('database').value,
    databaseToken: env[TOKEN] ?? '',
    host: text('host').value,
    httpPort: port('http-port'),
    robotPort: port('robot-port'),
    robot: values['no-robot'] !== true,
    robotHosts: hostList(text('robot-hosts')),
    durability: choice('durability', ['full', 'relaxed']),
    settings: text('settings').value,
    robotsAuth: choice('robots-auth', ['key', 'open']),
    watchRoots: watchRoots(values[ROOTS.flag], env[ROOTS.env]),
    allowedOrigins: allowedOrigins(values[ORIGINS.flag], env[ORIGINS.env]),
    fleet: text('fleet').value,
    newKeys: values['new-keys'] === true,
    fresh: values['new'] === true,
    check: values['check'] === true,
    help: values['help'] === true,
  }
}

/** A wrong one would only show itself when the robot ends, again and again. */
function hostList({ value, name }: { value: string; name: string }): string {
  const wrong = reachEntries(value).find((host) => !isReachEntry(host))
  if (wrong !== undefined) throw new Problem(`${name} must be hosts, addresses and networks, not "${wrong}"`)
  return value
}

function watchRoots(given: Values[string], set: string | undefined): readonly string[] {
  const paths = Array.isArray(given) ? given : (set ?? '').split(delimiter).filter((path) => path !== '')
  if (paths.includes('')) throw new Problem(`--${ROOTS.flag} must be a folder, not ""`)
  return paths.map((path) => resolve(String(path)))
}

function allowedOrigins(given: Values[string], set: string | undefined): readonly string[] {
  const all = Array.isArray(given) ? given.map(String) : (set ?? '').split(',').map((text) => text.trim())
  const origins = Array.isArray(given) ? all : all.filter((text) => text !== '')
  const wrong = origins.find((text) => !isOrigin(text))
  if (wrong === undefined) return origins
  const name = Array.isArray(given) ? `--${ORIGINS.flag}` : ORIGINS.env
  throw new Problem(`${name} must be an origin, as https://example.com, not "${wrong}"`)
}

/** What `--help` prints. `command` is how the user starts it. */
export function usage(command: string): string {
  const lines = Object.entries(FLAGS).map(([flag, { env, fallback, help }]) =>
    `  --${flag.padEnd(12)} ${help} (${fallback || 'none'}; ${env})`
  )
  return [
    `Usage: ${command} [options]`,
    '',
    ...lines,
    `  --${ROOTS.flag.padEnd(12)} folder in which triggers may watch files; may be repeated (none; ${ROOTS.env})`,
    `  --${ORIGINS.flag.padEnd(12)} origin of pages that may connect and call; may be repeated (none; ${ORIGINS.env})`,
    `  --${'no-robot'.padEnd(12)} leave out the reference robot`,
    `  --${'new-keys'.padEnd(12)} make and print a new admin key and a new robot key`,
    `  --${'new'.padEnd(12)} begin with an empty database where the one that was there is missing`,
    `  --${'check'.padEnd(12)} read the databases in the data folder through, say what was found, and end`,
    `  --${'help'.padEnd(12)} print this`,
  ].join('\n')
}

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>

function parse(args: readonly string[]): { values: Values } {
  const strings = Object.fromEntries(Object.keys(FLAGS).map((flag) => [flag, { type: 'string' as const }]))
  const flag = { type: 'boolean' as const }
  try {
    return parseArgs({
      args: [...args],
      options: {
        ...strings,
        [ROOTS.flag]: { type: 'string', multiple: true },
        [ORIGINS.flag]: { type: 'string', multiple: true },
        'no-robot': flag,
        'new-keys': flag,
        'new': flag,
        'check': flag,
        'help': flag,
      },
      strict: true,
      allowPositionals: false,
    })
  } catch (error) {
    throw new Problem(error instanceof Error ? error.message.split('. ')[0] ?? error.message : String(error))
  }
}
