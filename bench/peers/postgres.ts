import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { userInfo } from 'node:os'
import { Client } from 'pg'
import { familyOf, firstOf, freePort, requireProgram, runningIn, startProgram } from './program.ts'
import type { Connection, Running } from './system.ts'

/** PostgreSQL as it comes: `fsync` and `synchronous_commit` on. It does not run as root, so root runs it as `postgres`. */

const PROGRAMS = '/usr/lib/postgresql'

function programs(): string {
  const found = () => {
    try {
      const versions = readdirSync(PROGRAMS).sort((one, other) => Number(other) - Number(one))
      return firstOf(versions.map((version) => join(PROGRAMS, version, 'bin/initdb')))
    } catch {
      return null
    }
  }
  return join(requireProgram(found, 'postgresql'), '..')
}

interface User {
  readonly uid?: number
  readonly gid?: number
}

function postgresUser(): User {
  if (userInfo().uid !== 0) return {}
  const id = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout)
  return { uid: id('-u'), gid: id('-g') }
}

/** Starts it on an empty folder. */
export async function startPostgres(folder: string, extra: readonly string[] = []): Promise<Running> {
  const user = postgresUser()
  const data = join(folder, 'postgres')
  mkdirSync(data)
  if (user.uid !== undefined && user.gid !== undefined) {
    chownSync(folder, user.uid, user.gid)
    chownSync(data, user.uid, user.gid)
  }
  const bin = programs()
  const options = { ...user, cwd: data, encoding: 'utf8' } as const
  const made = spawnSync(join(bin, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8'], options)
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
  const port = await freePort()
  const connection = { url: `postgres://postgres@127.0.0.1:${port}/postgres` }
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', data, ...extra]
  const start = () => startProgram(join(bin, 'postgres'), args, () => answers(connection), { ...user, cwd: data })
  return runningIn(connection, await start(), start, { stopSignal: 'SIGINT', pidsOf: familyOf })
}

async function answers(connection: Connection): Promise<boolean> {
  await query(connection, 'select 1')
  return true
}

/** The rows of one query on a connection of its own. */
export async function query<T extends object>({ url = '' }: Connection, sql: string): Promise<readonly T[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query<T>(sql)).rows
  } finally {
    await client.end()
  }
}
