import { LibsqlError } from '@libsql/client/http'
import { assert } from '../../core/base/assert.ts'
import { writesNothing } from '../../core/turn.ts'
import { Receipt } from '../../core/base/receipt.ts'
import { StaleEpoch, type Store, StoreUnusable } from './contract.ts'
import { readMigrations } from './migrations.ts'
import { loadPlan, META, type Meta, metaOf, prefetchPlan, sqlQueries } from './queries.ts'
import { mapErrors, withDatabaseName } from './rethrow.ts'
import { type SqlRow, throwDamaged } from './rows.ts'
import { pending } from './schema.ts'
import { connectServer, databaseName, type Server } from './server.ts'
import { counted, isStale, isUnsound, turnWrites, UNSOUND } from './writes.ts'
import type { SqlValue } from './row-of.ts'

export interface RemoteOptions {
  /** Where the server is: `libsql:`, `https:` or `http:`, without the token. */
  readonly url: string
  /** What the server knows us by; empty or absent when it wants nothing. */
  readonly token?: string | undefined
  /** How long the server may take for one answer. */
  readonly timeoutMs?: number
}

/** A server that takes longer than this for an answer is as good as gone. */
const ANSWER_MS = 15_000

/** How often the epoch is tried for while others load at the same time. */
const RAISES_MAX = 10

/**
 * A store on a libSQL server, with the schema and the statements of the store in a file. Throws `StoreUnusable`, naming
 * the URL and never the token, when the server cannot be used.
 *
 * A turn is one transaction in one request. When its answer is lost nobody here knows what became of it: that is an
 * error like any other, and whoever gets it loads, which sees what is there. A request that was given up may reach the
 * server at any later time, and must then change nothing: a commit fails at its fence, because `load` has raised the
 * epoch meanwhile; raising the epoch names the epoch that it is to be raised from; a step of the schema names the version
 * that it starts from.
 */
export async function openRemoteStore({ url, token = '', timeoutMs = ANSWER_MS }: RemoteOptions): Promise<Store> {
  const name = databaseName(url)
  let open = true
  let epoch: number | null = null

  let server: Server
  try {
    server = await usable(async () => connectServer({ url, token, timeoutMs }))
    await usable(() => migrateServer(server))
  } catch (error) {
    throw withDatabaseName(name, error)
  }

  function connected(): Server {
    assert(open, 'a closed store is left alone')
    return server
  }

  return mapErrors({
    load: (dueUntil, recentSince = null) =>
      usable(async () => {
        const meta = await raise(connected())
        const { statements, make } = loadPlan(dueUntil, recentSince)
        const results = await connected().read(statements)
        // Nobody but us could commit in between, unless somebody has loaded: then these rows are of several moments.
        if ((await readEpoch(connected())) !== meta.epoch) throw new StaleEpoch()
        epoch = meta.epoch
        return { ...make(results), ...meta }
      }),
    async prefetch(need) {
      const { statements, make } = prefetchPlan(need)
      return make(await connected().read(statements))
    },
    async commit(out) {
      assert(open, 'a closed store is left alone')
      if (writesNothing(out)) return new Receipt(out.turn)
      assert(epoch !== null, 'a store is loaded before it commits')
      try {
        await server.write(turnWrites(out, epoch))
      } catch (error) {
        throw isStale(error) ? new StaleEpoch() : isUnsound(error) ? throwDamaged(UNSOUND) : error
      }
      return new Receipt(out.turn)
    },
    queries: sqlQueries(async (sql, args) => one(connected(), sql, args)),
    async close() {
      if (open) server.close()
      open = false
    },
  }, (error) => withDatabaseName(name, error))
}

/**
 * Brings a database up to the newest schema: all the steps that it lacks in one transaction. Of two processes that start
 * at once one does it; the other fails at the guard of a step, looks again, and finds nothing left to do.
 */
async function migrateServer(server: Server): Promise<void> {
  const migrations = readMigrations()
  for (;;) {
    const version = await readVersion(server)
    const steps = pending(version, migrations)
    if (steps.length === 0) return
    const texts = steps.map(({ version: to, sql }) =>
      // As the fence of a commit: from another version than the one before, this is a null that is refused.
      `${sql}\nupdate meta set version = case version when ${to - 1} then ${to} end;\n`
    )
    try {
      await server.script(`begin immediate;\n${texts.join('')}commit;`)
    } catch (error) {
      if ((await readVersion(server)) === version) throw error
    }
  }
}

/** 0 for an empty database. */
async function readVersion(server: Server): Promise<number> {
  const tables = (await one(server, "select name from sqlite_master where type = 'table'")).map(({ name }) => name)
  if (tables.length === 0) return 0
  if (!tables.includes('meta')) throw new StoreUnusable('is the database of another program: name another one')
  const [meta] = await one(server, 'select version from meta')
  return Number(meta?.['version'])
}

/**
 * Raises the epoch from what it is just now. A request for that which was given up and arrives late must not raise it
 * once more, or we would take ourselves for a process that has been taken over.
 */
async function raise(server: Server): Promise<Meta> {
  for (let tries = 1;; tries++) {
    const from = await readEpoch(server)
    try {
      const [rows] = await server.write([{ sql: RAISE, args: [from] }])
      return metaOf(rows?.[0])
    } catch (error) {
      if (isUnsound(error)) throwDamaged(UNSOUND)
      if (!isStale(error)) throw error
      if (tries === RAISES_MAX) throw new StaleEpoch()
    }
  }
}

const RAISE = `update meta set epoch = case epoch when ? then epoch + 1 end, ${
  counted('seq', 'clock', '(epoch + 1)')
} returning ${META}`

async function readEpoch(server: Server): Promise<number> {
  const [meta] = await one(server, 'select epoch from meta')
  return Number(meta?.['epoch'])
}

/** The rows of one reading statement. */
async function one(server: Server, sql: string, args: readonly SqlValue[] = []): Promise<readonly SqlRow[]> {
  return (await server.read([{ sql, args }]))[0] ?? []
}

/** What the server or the client says while a store begins is told as a reason why it cannot. */
async function usable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // The client reads answers as JSON, and fails with a `SyntaxError` where something else is spoken.
    if (error instanceof SyntaxError) {
      throw new StoreUnusable('does not answer as a libSQL server does', { cause: error })
    }
    if (error instanceof LibsqlError) throw new StoreUnusable(`cannot be used (${error.message})`, { cause: error })
    throw error
  }
}
