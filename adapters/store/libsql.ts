import { statSync } from 'node:fs'
import Database from 'libsql'
import { assert } from '../../core/assert.ts'
import { type Store, StoreUnusable } from './contract.ts'
import { readMigrations } from './migrations.ts'
import type { SqlRow } from './rows.ts'
import { migrate, type Sql, sqlStore } from './sql.ts'

export interface LibsqlOptions {
  /** The database file. It is made when it is not there; its folder is not. */
  readonly path: string
  /**
   * `full`, the default: a receipt survives a power cut. `relaxed`: it survives the end of the process; a power cut
   * loses what was committed since the last checkpoint.
   */
  readonly durability?: 'full' | 'relaxed'
}

/** How long a commit waits for another process to finish its own. The event loop stands still meanwhile. */
const BUSY_MS = 50

/**
 * Up to this size a file is read through before it is used, which takes some 25 ms. Beyond, starting must not take
 * longer the more has ever happened; damage then shows where it is met.
 */
const CHECK_BYTES_MAX = 16 * 1024 * 1024

/** A WAL that one large turn has blown up is cut back to this once it has been checkpointed. */
const WAL_BYTES_KEPT = 64 * 1024 * 1024

/** As `synchronous` reads back. */
const SYNCHRONOUS = { full: 2, relaxed: 1 } as const

/**
 * A store in one file. Throws `StoreUnusable` when the file is damaged, from a newer version, not ours, or cannot be
 * made as durable as was asked for.
 *
 * `libsql` is the addon beneath `@libsql/client`. Used directly it keeps statements prepared, has no pool whose
 * connections differ in their settings, and answers at once.
 */
export async function openLibsqlStore({ path, durability = 'full' }: LibsqlOptions): Promise<Store> {
  const sql = connect(path)
  try {
    // Before the first setting: the journal mode is written into the file, and another program's is not ours to change.
    refuseForeign(sql)
    prepare(sql, durability)
    if (statSync(path).size <= CHECK_BYTES_MAX) refuseDamaged(sql)
    migrate(sql, readMigrations())
  } catch (error) {
    sql.close()
    throw unusable(path, error)
  }
  const store = sqlStore(sql)
  return {
    ...store,
    async load(dueUntil, recentSince) {
      try {
        return await store.load(dueUntil, recentSince)
      } catch (error) {
        throw unusable(path, error)
      }
    },
  }
}

/** Opens a file with the addon, and no more. Throws `StoreUnusable` when there is no opening it. */
export function connect(path: string): Sql {
  const db = open(path)
  const prepared = new Map<string, ReturnType<typeof db.prepare>>()

  const all: Sql['all'] = (text, args) => {
    assert(db.open, 'a closed store is left alone')
    let statement = prepared.get(text)
    if (statement === undefined) prepared.set(text, statement = db.prepare(text))
    // `all` reads to the end, which `get` does not: a statement left halfway would hold up every checkpoint.
    return statement.all(args) as SqlRow[] // The addon declares `unknown[]`.
  }

  return {
    all,
    script: (text) => void db.exec(text),
    transaction(work) {
      all('begin immediate', [])
      try {
        const result = work()
        all('commit', [])
        return result
      } catch (error) {
        // SQLite itself rolls back when the disk is full or fails.
        if (db.inTransaction) all('rollback', [])
        throw error
      }
    },
    close() {
      prepared.clear()
      try {
        if (db.open) db.exec('pragma wal_checkpoint(truncate)')
      } catch {
        // What is not in the file yet is in the WAL, and safe there. Nothing but neatness is lost.
      }
      // The addon has no way to end a statement: the files stay open, without locks on others, until the statements are
      // garbage collected.
      db.close()
    },
  }
}

/** Opens a file with the addon. `busyMs` is how long a statement waits for a lock. Throws `StoreUnusable`. */
export function open(path: string, busyMs: number = BUSY_MS): InstanceType<typeof Database> {
  try {
    return new Database(path, { timeout: busyMs })
  } catch (cause) {
    // The addon's error has a text and no code, and there is but one reason why SQLite does not open a file.
    throw new StoreUnusable(`${path} ${ADVICE[SQLITE_CANTOPEN]}`, { cause })
  }
}

/**
 * Settings last as long as the connection, or cannot be changed later, and a file system may refuse them: read back.
 *
 * Checkpoints are SQLite's own: after the commit that brings the WAL to 1,000 pages. We hold no reader open between
 * two statements, so each of them can finish, and the WAL starts over; only a program that reads the file from
 * outside and does not stop makes it grow.
 */
export function prepare(sql: Sql, durability: 'full' | 'relaxed'): void {
  // Only before the first table is made: later it takes a VACUUM, and without it deleting rows never shrinks the file.
  sql.all('pragma auto_vacuum = incremental', [])
  const [mode] = values(sql, 'pragma journal_mode = wal')
  sql.all(`pragma synchronous = ${durability === 'full' ? 'full' : 'normal'}`, [])
  sql.all(`pragma journal_size_limit = ${WAL_BYTES_KEPT}`, [])
  const [synchronous] = values(sql, 'pragma synchronous')
  if (mode !== 'wal' || synchronous !== SYNCHRONOUS[durability]) {
    throw new StoreUnusable(
      `cannot be made durable (journal_mode ${mode}, synchronous ${synchronous}): put it on a local disk`,
    )
  }
}

function refuseForeign(sql: Sql): void {
  const tables = values(sql, "select name from sqlite_master where type = 'table'")
  if (tables.length > 0 && !tables.includes('meta')) {
    throw new StoreUnusable('is the database of another program: name another path')
  }
}

function refuseDamaged(sql: Sql): void {
  const [found] = values(sql, 'pragma quick_check(1)')
  // The first line only names the database.
  const where = String(found).split('\n').at(-1)
  if (found !== 'ok') throw new StoreUnusable(`is damaged (${where}): restore it from a backup`)
}

/** The first column of every row. */
function values(sql: Sql, text: string): readonly unknown[] {
  return sql.all(text, []).map((row) => Object.values(row)[0])
}

const SQLITE_BUSY = 5
const SQLITE_CANTOPEN = 14

/** What to do about SQLite's primary result codes. */
const ADVICE: Readonly<Record<number, string>> = {
  [SQLITE_BUSY]: 'is in use by another process (SQLITE_BUSY): stop that one, or try again',
  8: 'may not be written to (SQLITE_READONLY): see to the permissions of the file and of its folder',
  11: 'is damaged (SQLITE_CORRUPT): restore it from a backup',
  13: 'has no room to grow (SQLITE_FULL): free some disk space',
  [SQLITE_CANTOPEN]: 'cannot be opened (SQLITE_CANTOPEN): see that its folder exists and may be written to',
  26: 'is not a database (SQLITE_NOTADB): move it away, or name another path',
}

/** Whatever went wrong while a store began, as one sentence with the path in it. A bug of ours stays a bug. */
export function unusable(path: string, error: unknown): unknown {
  if (error instanceof StoreUnusable) return new StoreUnusable(`${path} ${error.message}`, { cause: error })
  if (!(error instanceof Database.SqliteError)) return error
  const advice = ADVICE[codeOf(error)]
  return new StoreUnusable(`${path} ${advice ?? `cannot be used (${error.message})`}`, { cause: error })
}

/** Whether somebody else holds the lock that a statement needs. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && codeOf(error) === SQLITE_BUSY
}

/** The primary result code. The addon gives extended ones, whose lowest byte it is. */
function codeOf(error: Error): number {
  return ((error as { rawCode?: number }).rawCode ?? 0) & 0xff
}
