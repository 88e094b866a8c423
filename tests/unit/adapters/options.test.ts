import { delimiter, resolve } from 'node:path'
import { CommanderError } from 'commander'
import { afterEach, expect, test, vi } from 'vitest'
import { defaultOptions, type Options, startCommand } from '../../../adapters/node/options.ts'

afterEach(() => vi.unstubAllEnvs())

/** Parses arguments and variables. Throws the message about an invalid one. */
function readOptions(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Options {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  let read: Options | undefined
  const command = startCommand('start', async (options) => void (read = options))
  command.exitOverride().configureOutput({ writeErr: () => {} }).parse([...args], { from: 'user' })
  if (read === undefined) throw new CommanderError(1, 'none', 'nothing was read')
  return read
}

const roots = (args: readonly string[], set?: string): readonly string[] =>
  readOptions(args, { CASARE_WATCH_ROOTS: set }).watchRoots

test('where nothing is said all have their defaults, and a variable that is empty says nothing', () => {
  const { databaseToken, ...all } = defaultOptions()
  expect(databaseToken).toBe('')
  expect(all).toMatchObject({
    data: 'data',
    httpPort: 8766,
    robotPort: 8765,
    robot: true,
    newKeys: false,
    fresh: false,
  })
  vi.stubEnv('CASARE_HTTP_PORT', '1')
  expect(defaultOptions()).toEqual({ ...all, databaseToken })
  const empty = { CASARE_HTTP_PORT: '', CASARE_DURABILITY: '', CASARE_DATA: '', CASARE_WATCH_ROOTS: '' }
  expect(readOptions([], empty)).toEqual({ ...all, databaseToken })
})

test('a flag wins over its variable, and the token comes from there only', () => {
  const env = { CASARE_HTTP_PORT: '9', CASARE_ROBOT_PORT: '10', CASARE_DATABASE_TOKEN: 'secret' }
  const read = readOptions(['--http-port', '8', '--no-robot', '--new', '--new-keys'], env)
  expect(read).toMatchObject({ httpPort: 8, robotPort: 10, databaseToken: 'secret', robot: false, fresh: true })
})

test('folders that may be watched: each with a flag of its own, or all in the environment as in PATH', () => {
  expect(roots([])).toEqual([])
  expect(roots(['--watch-root', '/a', '--watch-root=b'])).toEqual([resolve('/a'), resolve('b')])
  expect(roots([], ['/a', '', '/b'].join(delimiter))).toEqual([resolve('/a'), resolve('/b')])
  expect(roots(['--watch-root', '/c'], '/a')).toEqual([resolve('/c')])
  // An empty one would be the folder that the process is in.
  expect(() => roots(['--watch-root', ''])).toThrow('--watch-root must be a folder, not ""')
})

test('origins: each with a flag of its own, or all in the environment with commas between', () => {
  const origins = (args: readonly string[], set?: string): readonly string[] =>
    readOptions(args, { CASARE_ALLOWED_ORIGINS: set }).allowedOrigins
  expect(origins([])).toEqual([])
  const both = ['https://a.example', 'http://b:8766']
  expect(origins(['--allowed-origin', both[0] ?? '', `--allowed-origin=${both[1]}`])).toEqual(both)
  expect(origins([], 'https://a.example, http://b:8766')).toEqual(both)
  expect(() => origins(['--allowed-origin', 'a.example'])).toThrow(
    /--allowed-origin.* 'a\.example' is invalid\. It must be an origin/,
  )
  expect(() => origins([], 'https://a.example/')).toThrow(/'CASARE_ALLOWED_ORIGINS' is invalid\. It must be an origin/)
})
