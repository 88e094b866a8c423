import { delimiter, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { isReachEntry, reachEntries } from '../../outgoing/reach.ts'
import { isOrigin } from '../net/origin.ts'

/**
 * Options for starting the orchestrator on Node and Deno. A flag wins over its environment variable, and both over the
 * default.
 */
export interface Options {
  readonly data: string
  /** The URL of a libSQL server; empty: the database is a file in the data folder. */
  readonly database: string
  /** Only from the environment: other users of the machine can read flags. */
  readonly databaseToken: string
  readonly host: string
  readonly httpPort: number
  readonly robotPort: number
  /** Start the reference robot beside the server. */
  readonly robot: boolean
  /** The hosts that its workflows may call, comma-separated. */
  readonly robotHosts: string
  readonly durability: 'full' | 'relaxed'
  /** A settings file; empty: the defaults. */
  readonly settings: string
  readonly robotsAuth: 'key' | 'open'
  /** The folders in which triggers may watch files; none if empty. */
  readonly watchRoots: readonly string[]
  /** Origins of web pages that may send requests, in addition to those in the settings. */
  readonly allowedOrigins: readonly string[]
  /** The fleet for which `newKeys` makes keys. */
  readonly fleet: string
  /** Make and print a new admin key and a new robot key, in addition to the existing ones. */
  readonly newKeys: boolean
  /** Create the database although an earlier one is missing. */
  readonly fresh: boolean
  /** Check the databases, and start nothing. */
  readonly check: boolean
}

const TOKEN = 'CASARE_DATABASE_TOKEN'

/** Every option, in the order of the help: its flag, its variable, its default, and its allowed values. */
const OPTIONS: readonly Option[] = [
  option('--data <folder>', 'CASARE_DATA', 'folder for the database and files').default('data'),
  option('--database <url>', 'CASARE_DATABASE', `URL of a libSQL server instead of a file, its token in ${TOKEN}`)
    .default('', 'none'),
  option('--host <address>', 'CASARE_HOST', 'address to listen on; 0.0.0.0 for every interface').default('127.0.0.1'),
  option('--http-port <port>', 'CASARE_HTTP_PORT', 'port of the HTTP API', port).default(8766),
  option('--robot-port <port>', 'CASARE_ROBOT_PORT', 'port that robots connect to', port).default(8765),
  option(
    '--durability <mode>',
    'CASARE_DURABILITY',
    'full, or relaxed: faster, and a power cut loses what was written since the last checkpoint',
    oneOf('full', 'relaxed'),
  ).default('full'),
  option('--settings <file>', 'CASARE_SETTINGS', 'JSON file with timeouts, limits and the strategy')
    .default('', 'none'),
  option(
    '--robots-auth <mode>',
    'CASARE_ROBOTS_AUTH',
    'key, or open: any robot may connect; for a lab',
    oneOf('key', 'open'),
  ).default('key'),
  option(
    '--robot-hosts <hosts>',
    'CASARE_ROBOT_HTTP_HOSTS',
    'hosts that workflows on the reference robot may call, with commas between them; * is the internet',
    hosts,
  ).default('*'),
  option('--fleet <name>', 'CASARE_FLEET', 'whose keys --new-keys makes').default('default'),
  repeated('--watch-root <folder>', 'CASARE_WATCH_ROOTS', 'folder in which triggers may watch files; may be repeated')
    .default([], 'none'),
  repeated(
    '--allowed-origin <origin>',
    'CASARE_ALLOWED_ORIGINS',
    'origin of pages that may connect and call; may be repeated',
    origins,
  ).default([], 'none'),
  new Option('--no-robot', 'leave out the reference robot'),
  new Option('--new-keys', 'make and print a new admin key and a new robot key'),
  new Option('--new', 'begin with an empty database where the one that was there is missing'),
  new Option('--check', 'read the databases in the data folder through, say what was found, and end'),
]

/** The parsed options under commander's names. */
interface Values extends Omit<Options, 'watchRoots' | 'allowedOrigins' | 'fresh' | 'databaseToken'> {
  readonly watchRoot: readonly string[]
  readonly allowedOrigin: readonly string[]
  readonly new?: true
}

/**
 * The command that starts the orchestrator, under any name: flags, variables and help. Calls `run` with the resulting
 * options.
 */
export function startCommand(name: string, run: (options: Options) => Promise<void>): Command {
  const command = withOptions(
    new Command(name).description('Start the orchestrator.').helpOption('--help', 'print this'),
  )
  return command.allowExcessArguments(false).action(() => run(optionsOf(command, process.env)))
}

/** The defaults. The environment is not read. */
export function defaultOptions(): Options {
  return optionsOf(withOptions(new Command()), {})
}

function withOptions(command: Command): Command {
  for (const one of OPTIONS) command.addOption(one)
  return command
}

function optionsOf(command: Command, env: Readonly<Record<string, string | undefined>>): Options {
  // An option of the same name may stand before the name of the command.
  const { watchRoot, allowedOrigin, new: fresh, ...values } = command.optsWithGlobals<Values>()
  return {
    ...values,
    newKeys: values.newKeys === true,
    check: values.check === true,
    fresh: fresh === true,
    databaseToken: env[TOKEN] ?? '',
    watchRoots: watchRoots(command, watchRoot),
    allowedOrigins: allowedOrigin,
  }
}

/**
 * Each flag is one folder; the variable separates them like `PATH`. An empty entry would mean the current directory.
 */
function watchRoots(command: Command, given: readonly string[]): readonly string[] {
  const isFlag = command.getOptionValueSource('watchRoot') !== 'env'
  if (isFlag && given.includes('')) command.error('error: --watch-root must be a folder, not ""')
  const paths = isFlag ? given : given.flatMap((text) => text.split(delimiter).filter((path) => path !== ''))
  return paths.map((path) => resolve(path))
}

/** An option whose empty value, as a variable may have, counts as not given. */
function option(flags: string, variable: string, help: string, read = (text: string): unknown => text): Option {
  return new Option(flags, help).env(variable).argParser((text, before) => text === '' ? before : read(text))
}

/** An option that may be given more than once. */
function repeated(
  flags: string,
  variable: string,
  help: string,
  read = (text: string): readonly string[] => [text],
): Option {
  return new Option(flags, help).env(variable).argParser<readonly string[]>((text, before) => [
    ...before,
    ...read(text),
  ])
}

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new InvalidArgumentError('It must be a port from 0 to 65535.')
}

function oneOf(...choices: readonly string[]): (text: string) => string {
  return (text) => {
    if (choices.includes(text)) return text
    throw new InvalidArgumentError(`It must be ${choices.join(' or ')}.`)
  }
}

/** Check here: an invalid entry would otherwise show only when the robot exits, again and again. */
function hosts(text: string): string {
  const wrong = reachEntries(text).find((host) => !isReachEntry(host))
  if (wrong === undefined) return text
  throw new InvalidArgumentError(`It must be hosts, addresses and networks, not "${wrong}".`)
}

function origins(text: string): readonly string[] {
  const all = text.split(',').map((one) => one.trim()).filter((one) => one !== '')
  if (all.every(isOrigin)) return all
  throw new InvalidArgumentError('It must be an origin, as https://example.com.')
}
