import { LibsqlError } from '@libsql/client/http'
import { assert } from '../../core/base/assert.ts'
import { writesNothing } from '../../core/turn.ts'
import { Receipt } from '../../core/base/receipt.ts'
import { StaleEpoch, type Store, StoreUnusable } from './contract.ts'
import { readMigrations } from './migrations.ts'
import { liveJobs } from './live-jobs.ts'
import { loadPlan, META, type Meta, metaOf, prefetchPlan, sqlQueries } from './queries.ts'
import { mapErrors, withDatabaseName } from './rethrow.ts'
import { type SqlRow, throwDamaged } from './rows.ts'
import { FIND_META, hasSchema, pending, READ_VERSION, setVersion } from './schema.ts'
import { connectServer, databaseName, type Server } from './server.ts'
import { readAll } from './sqlite.ts'
import { counted, isStale, isUnsound, turnWrites, UNSOUND } from './writes.ts'
import type { SqlValue } from './row-of.ts'

export interface RemoteOptions {
  /** The URL of the server: `libsql:`, `https:` or `http:`, without the token. */
  readonly url: string
  /** The token for the server; empty or absent if it needs none. */
  readonly token?: string | undefined
  /** The longest time for one answer, in milliseconds. */
  readonly timeoutMs?: number
}

/** A server that takes longer to answer counts as unreachable. */
const ANSWER_MS = 15_000

/** The number of tries to raise the epoch while others load at the same time. */
const RAISES_MAX = 10

/**
 * A store on a libSQL server, with the schema and the statements of the store in a file. Throws `StoreUnusable`, with
 * the URL and never the token, when the server cannot be used.
 *
 * A turn is one transaction in one request. If its answer is lost, the outcome is unknown here: that is an error like
 * any other, and the caller loads again, which shows the outcome. A request that was abandoned may reach the server at
 * any later time, and must then change nothing: a commit fails at its fence, because `load` has raised the epoch;
 * raising the epoch names the previous epoch; a migration names the version that it starts from.
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
        const jobs = await readAll(({ sql, args }) => one(connected(), sql, args), liveJobs(dueUntil))
        // Only a process that loaded in between can have committed: then these rows are from different moments.
        if ((await readEpoch(connected())) !== meta.epoch) throw new StaleEpoch()
        epoch = meta.epoch
        return { ...make(results), jobs, ...meta }
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
 * Migrates a database to the newest schema, with all missing steps in one transaction. If two processes start at once,
 * one migrates; the other fails at the guard of a step, looks again, and finds nothing left to do.
 */
async function migrateServer(server: Server): Promise<void> {
  const migrations = readMigrations()
  for (;;) {
    const version = await readVersion(server)
    const steps = pending(version, migrations)
    if (steps.length === 0) return
    const texts = steps.map(({ version: to, sql }) =>
      // Like the fence of a commit: from any other version than the one before, the value is null, which is refused.
      `${sql}\n${setVersion(`case schema_version when ${to - 1} then ${to} end`)};\n`
    )
    try {
      await server.script(`begin immediate;\n${texts.join('')}commit;`)
    } catch (error) {
      if ((await readVersion(server)) === version) throw error
    }
  }
}

/** The schema version; 0 for an empty database. */
async function readVersion(server: Server): Promise<number> {
  const tables = (await one(server, "select name from sqlite_master where type = 'table'")).map(({ name }) => name)
  if (tables.length === 0) return 0
  if (!tables.includes('meta')) throw new StoreUnusable('is the database of another program: name another one')
  const [made] = await one(server, FIND_META)
  hasSchema(made?.['sql']?.toString())
  const [meta] = await one(server, READ_VERSION)
  return Number(meta?.['schema_version'])
}

/**
 * Raises the epoch from its present value. An abandoned request that arrives late must not raise it again, or this
 * process would believe that another one has taken over.
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

/** Turns an error of the server or the client during the start into a `StoreUnusable`. */
async function usable<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    // The client parses answers as JSON, and throws a `SyntaxError` if the other side speaks something else.
    if (error instanceof SyntaxError) {
      throw new StoreUnusable('does not answer as a libSQL server does', { cause: error })
    }
    if (error instanceof LibsqlError) throw new StoreUnusable(`cannot be used (${error.message})`, { cause: error })
    throw error
  }
}
