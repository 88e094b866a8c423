import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../../adapters/store/file.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { MAIN, newFolder, Program } from './program.ts'

/**
 * An error that an operator can correct is reported in exactly one line, and the process exits with status 1, or 2 for
 * an invalid option.
 */

const blocker = createServer()
let taken = ''
/** The database of an orchestrator that was stopped in the ordinary way. */
let intact = ''

beforeAll(async () => {
  blocker.listen(0, '127.0.0.1')
  await once(blocker, 'listening')
  taken = String((blocker.address() as AddressInfo).port)
  const server = await Orchestrator.start()
  expect(await server.stop()).toBe(0)
  intact = join(server.data, 'orchestrator.db')
})

afterAll(cleanUp)

// Files copied into a folder here have the same permissions as those before, so a start does not warn.
process.umask(0o077)
afterAll(async () => {
  blocker.close()
})

interface Start {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The data folder; by default an empty one. */
  readonly data?: string
}

async function start({ args = [], env = {}, data = newFolder() }: Start): Promise<Program> {
  const ports = ['http-port', 'robot-port'].filter((flag) => !args.some((arg) => arg.startsWith(`--${flag}`)))
    .filter((flag) => env[`CASARE_${flag.toUpperCase().replace('-', '_')}`] === undefined)
  const program = new Program(MAIN, [
    '--no-robot',
    '--data',
    data,
    ...ports.map((flag) => `--${flag}=0`),
    ...args,
  ], env)
  await program.closed
  return program
}

/** A data folder whose database is made by the function, which gets the path. */
function withDatabase(make: (path: string) => void): string {
  const data = newFolder()
  make(join(data, 'orchestrator.db'))
  return data
}

function belowFile(): string {
  const file = join(newFolder(), 'file')
  writeFileSync(file, '')
  return join(file, 'data')
}

/** Breaks a page in the middle, where the schema and the header are untouched. */
function broken(path: string): void {
  const bytes = readFileSync(intact)
  bytes.fill(0xff, 8 * 4096, 24 * 4096)
  writeFileSync(path, bytes)
}

function foreign(path: string): void {
  const sql = connect(path)
  sql.script('create table invoices (id integer)')
  sql.close()
}

/** A problem, how to start with it, and the expected line. */
const cases: readonly [string, () => Start, RegExp][] = [
  ['the HTTP port is in use', () => ({ args: ['--http-port', taken] }), /port \d+ .*in use.*--http-port/],
  ['the robot port is in use', () => ({ args: ['--robot-port', taken] }), /port \d+ .*in use.*--robot-port/],
  [
    'the address is not of this machine',
    () => ({ args: ['--host', '192.0.2.1'] }),
    /no address 192\.0\.2\.1; .*--host/,
  ],
  ['the data folder is below a file', () => ({ data: belowFile() }), /data folder \S+ cannot be made: ENOTDIR/],
  ['the data folder is a file', () => ({ data: intact }), /data folder \S+ cannot be made: EEXIST/],
  ['a page of the database is broken', () => ({ data: withDatabase(broken) }), /orchestrator\.db is damaged .*backup/],
  [
    'the database is cut short',
    () => ({
      data: withDatabase((path) => {
        copyFileSync(intact, path)
        truncateSync(path, 5 * 4096)
      }),
    }),
    /orchestrator\.db is damaged .*backup/,
  ],
  [
    'the database is a text file',
    () => ({ data: withDatabase((path) => writeFileSync(path, 'These are my notes.\n'.repeat(300))) }),
    /orchestrator\.db is not a database .*another path/,
  ],
  [
    'the database is a folder',
    () => ({ data: withDatabase((path) => void mkdirSync(path)) }),
    /orchestrator\.db cannot be opened/,
  ],
  [
    'the database is of another program',
    () => ({ data: withDatabase(foreign) }),
    /orchestrator\.db is the database of another program/,
  ],
  [
    'the database server is away',
    () => ({ env: { CASARE_DATABASE: 'http://127.0.0.1:1' } }),
    /casare: http:\/\/127\.0\.0\.1:1 cannot be reached/,
  ],
  [
    'the token is in the URL of the database',
    () => ({ args: ['--database', 'libsql://db.example?authToken=secret'] }),
    /casare: libsql:\/\/db\.example was given with a secret in its URL.*CASARE_DATABASE_TOKEN/,
  ],
]

/** An invalid option, and the expected line. */
const misuses: typeof cases = [
  ['a flag that does not exist', () => ({ args: ['--colour'] }), /unknown option '--colour'/],
  ['a word that belongs nowhere', () => ({ args: ['now'] }), /too many arguments.* Expected 0 arguments but got 1/],
  ['a flag without its value', () => ({ args: ['--http-port'] }), /--http-port.* argument missing/],
  [
    'a port that is none',
    () => ({ args: ['--http-port', '65536'] }),
    /--http-port <port>' argument '65536' is invalid\. It must be a port/,
  ],
  [
    'a choice that is none',
    () => ({ args: ['--durability', 'some'] }),
    /--durability <mode>' argument 'some' is invalid\. It must be full or relaxed\./,
  ],
  [
    'a variable that is no port',
    () => ({ env: { CASARE_ROBOT_PORT: 'usual' } }),
    /'usual' from env 'CASARE_ROBOT_PORT' is invalid\. It must be a port/,
  ],
  [
    'a variable that is no choice',
    () => ({ env: { CASARE_ROBOTS_AUTH: 'none' } }),
    /'none' from env 'CASARE_ROBOTS_AUTH' is invalid\. It must be key or open\./,
  ],
]

describe.each([['status 1', 1, cases], ['status 2', 2, misuses]] as const)('one line, and %s', (_, status, all) => {
  // Two at a time: each spends most of its life loading its own source.
  test.concurrent.each(all)('%s', async (_what, given, line) => {
    const program = await start(given())
    expect(program.err).toMatch(/^casare: [^\n]+\n$/)
    expect(program.err).toMatch(line)
    expect(program.out).toBe('')
    expect(await program.exited).toBe(status)
  })
})

test('the database of another program is left as it was', async () => {
  const data = withDatabase(foreign)
  const before = readFileSync(join(data, 'orchestrator.db'))
  await start({ data })
  expect(readFileSync(join(data, 'orchestrator.db')).equals(before)).toBe(true)
})

test('a flag wins over its variable', async () => {
  const program = await start({ args: ['--http-port', taken], env: { CASARE_HTTP_PORT: 'usual' } })
  expect(program.err).toContain('in use')
})
