import { chmodSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { inheritedEnvironment } from '../../adapters/node/reference.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { newFolder, ROBOT } from './program.ts'

/** Files on disk are readable for their owner only, and the reference robot does not get the secrets of others. */

const isWindows = process.platform === 'win32'
const mask = process.umask()

beforeAll(() => void process.umask(0o022))
afterAll(() => void process.umask(mask))
afterAll(cleanUp)

/** Everything below a folder, with the folder itself. */
function below(folder: string): readonly string[] {
  const inner = readdirSync(folder, { withFileTypes: true, recursive: true })
  return [folder, ...inner.map((entry) => join(entry.parentPath, entry.name))]
}

/**
 * Files that others than the owner may use, except those that only a closed folder protects, and files that have gone
 * meanwhile.
 */
function exposed(folder: string): readonly string[] {
  return below(folder).filter((path) => {
    const found = path.startsWith(join(folder, 'robot-files', '/'))
      ? undefined
      : lstatSync(path, { throwIfNoEntry: false })
    return found !== undefined && !found.isSocket() && (found.mode & 0o077) !== 0
  })
}

test.skipIf(isWindows)(
  'a data folder and all that is in it is closed to others, while it runs and afterwards',
  async () => {
    const data = join(newFolder(), 'data')
    const server = await Orchestrator.start({ data, robot: true })
    const { admin_key } = await server.api('POST', '/fleets', { name: 'acme' })
    expect((await server.call('GET', '/fleets/acme/api/v1/jobs', { key: String(admin_key) })).status).toBe(200)
    const names = below(data).map((path) => path.slice(data.length + 1))
    expect(names).toEqual(expect.arrayContaining([
      'orchestrator.db',
      'orchestrator.db-wal',
      'orchestrator.db-shm',
      'orchestrator.db-generation',
      'orchestrator.lock',
      'fleets/acme.db',
      'fleets/acme.db-wal',
      'fleets/acme.db-generation',
    ]))
    expect(exposed(data)).toEqual([])
    expect(await server.stop()).toBe(0)
    expect(exposed(data)).toEqual([])
    expect(server.program.err).not.toContain('users of this machine')

    // As versions before have left it, with a backup beside it.
    writeFileSync(join(data, 'backup.db'), '')
    for (const path of below(data)) chmodSync(path, lstatSync(path).isDirectory() ? 0o755 : 0o644)
    await server.restart()
    expect(exposed(data)).toEqual([])
    await server.stop()
    const lines = server.program.err.split('\n').filter((line) => line.includes('users of this machine'))
    expect(lines).toHaveLength(1)
    const { msg, paths } = JSON.parse(lines[0] ?? '') as { msg: string; paths: readonly string[] }
    expect(msg).toBe('files with secrets could be read by other users of this machine; now they cannot')
    expect(paths).toEqual(expect.arrayContaining([data, join(data, 'backup.db'), join(data, 'fleets', 'acme.db')]))
  },
)

test.skipIf(isWindows)('a folder with other things in it stays as it is, and the log says so', async () => {
  const data = newFolder()
  writeFileSync(join(data, 'notes.txt'), 'of somebody else')
  chmodSync(data, 0o755)
  const server = await Orchestrator.start({ data })
  expect(lstatSync(data).mode & 0o777).toBe(0o755)
  expect(exposed(data)).toEqual([data, join(data, 'notes.txt')])
  await server.stop()
  expect(server.program.err).toContain('have not been closed')
})

test.skipIf(process.platform !== 'linux')(
  'the reference robot gets its settings, and nothing else that is secret',
  async () => {
    const secrets = { CASARE_DATABASE_TOKEN: 'db', AWS_SECRET_ACCESS_KEY: 'aws', MY_PASSWORD: 'mine', CASARE_KEY: 'k' }
    const server = await Orchestrator.start({ robot: true, env: { ...secrets, TZ: 'Etc/GMT+3' } })
    const [robot = 0] = server.program.children(ROBOT)
    const names = readFileSync(`/proc/${robot}/environ`, 'utf8').split('\0').map((entry) => entry.split('=')[0])
    expect(names).toEqual(expect.arrayContaining(['CASARE_ROBOT_KEY', 'CASARE_ROBOT_URL']))
    for (const name of Object.keys(secrets)) expect(names).not.toContain(name)
    await server.stop()
  },
)

test('what the robot needs of the environment', () => {
  const env = {
    PATH: '/bin',
    TZ: 'UTC',
    LC_TIME: 'C',
    CASARE_ROBOT_SLOTS: '3',
    HOME: '/root',
    GITHUB_TOKEN: 't',
    casare: '',
  }
  expect(inheritedEnvironment(env)).toEqual({ PATH: '/bin', TZ: 'UTC', LC_TIME: 'C', CASARE_ROBOT_SLOTS: '3' })
})
