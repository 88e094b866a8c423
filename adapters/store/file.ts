import { statSync } from 'node:fs'
import Database from 'libsql'
import { assert } from '../../core/base/assert.ts'
import { StoreDamaged, StoreUnusable } from './contract.ts'
import { blobText, throwDamaged } from './damaged.ts'
import { type GenerationFile, openGenerationFile, readGeneration } from './generation.ts'
import { readMigrations } from './migrations.ts'
import type { Stamp } from './pages.ts'
import { makePrivate } from './private.ts'
import { withDatabaseName } from './rethrow.ts'
import type { SqlRow } from './row-of.ts'
import { migrate, type Sql } from './sqlite.ts'
import { WAL_BYTES_KEPT } from './wal.ts'

/** The options that say which file holds a database, and how safely. */
export interface FileOptions {
  /** The database file. It is created if missing; its folder must exist. */
  readonly path: string
  /**
   * `full`, the default: a receipt survives a power cut. `relaxed`: it survives the end of the process; a power cut
   * loses what was committed since the last checkpoint.
   */
  readonly durability?: 'full' | 'relaxed'
  /** Create the database although an earlier one is missing, which is refused otherwise. */
  readonly fresh?: boolean
}

/** Milliseconds that a commit waits for another process's commit, blocking its thread. */
const BUSY_MS = 50

/**
 * Files up to this size are checked completely at each start, indexes too, which takes some 70 ms. A larger file is
 * checked only after an unclean stop, and without comparing indexes with their tables, so that the duration of a start
 * does not grow with the history. Damaged rows are detected when they are read.
 */
const CHECK_BYTES_MAX = 16 * 1024 * 1024

/** The values of `synchronous` as the pragma returns them. */
const SYNCHRONOUS = { full: 2, relaxed: 1 } as const

/** An open database file, with the generation file beside it. */
export interface DatabaseFile {
  readonly sql: Sql
  readonly generation: GenerationFile
  /** The number of turns that a power cut has lost, which `relaxed` permits. */
  readonly lost: number
  /** Closes both. `isSound`: no damage was found, so the next start need not look for any. */
  close(isSound: boolean): void
}

/**
 * Opens a database file, checks it and migrates it. Throws `StoreUnusable` when it is damaged, from a newer version,
 * another program's, or cannot be as durable as requested. `libsql` is the addon beneath `@libsql/client`. Used directly
 * it keeps statements prepared, has no pool whose connections differ in their settings, and answers synchronously.
 */
export function openFile({ path, durability = 'full', fresh = false }: FileOptions): DatabaseFile {
  let sql: Sql | null = null
  try {
    const found = readGeneration(path, fresh)
    sql = connect(path)
    // Before the first setting: the journal mode is stored in the file, and another program's file must not be changed.
    refuseForeign(sql)
    applyPragmas(sql, durability)
    const isSmall = statSync(path).size <= CHECK_BYTES_MAX
    if (isSmall || !found.isOrderly) refuseDamaged(sql, isSmall ? 'integrity_check' : 'quick_check')
    const lost = found.verify(stampIn(sql))
    migrate(sql, readMigrations())
    return withGeneration(path, sql, durability, lost)
  } catch (error) {
    sql?.close()
    throw storeError(path, error)
  }
}

function withGeneration(path: string, sql: Sql, durability: 'full' | 'relaxed', lost: number): DatabaseFile {
  const generation = openGenerationFile(path, durability, () => void sql.all('pragma wal_checkpoint(passive)', []))
  return {
    sql,
    generation,
    lost,
    close(isSound) {
      try {
        if (isSound && generation.isLast(stampIn(sql)().turns)) generation.stopped()
      } catch {
        // The next start then treats this as a crash, and checks more.
      }
      sql.close()
      generation.close()
    },
  }
}

/** The identity and turns that a database records; none if its schema is older than these. */
export function stampIn(sql: Sql): () => Stamp {
  return () => {
    if (values(sql, "select 1 from pragma_table_info('meta') where name = 'turns'").length === 0) {
      return { identity: '', turns: 0 }
    }
    const [row] = sql.all('select turns, cast(identity as blob) as identity from meta', [])
    return { identity: blobText(row?.['identity']), turns: Number(row?.['turns']) }
  }
}

/**
 * A connection that cannot write, to a file that another one has open, which writes the WAL back. Throws `StoreUnusable`
 * when there is none.
 */
export function openReader(path: string): Sql {
  const sql = connect(path, false)
  try {
    sql.all('pragma query_only = 1', [])
    return sql
  } catch (error) {
    sql.close()
    throw storeError(path, error)
  }
}

/**
 * Opens a file with the addon, without settings or checks. `checkpoints`: closing it writes the WAL back. Throws
 * `StoreUnusable` when it cannot be opened.
 */
export function connect(path: string, checkpoints = true): Sql {
  const db = openDatabase(path)
  const prepared = new Map<string, ReturnType<typeof db.prepare>>()

  const all: Sql['all'] = (text, args) => {
    assert(db.open, 'a closed store is left alone')
    let statement = prepared.get(text)
    if (statement === undefined) prepared.set(text, statement = db.prepare(text))
    // `all` reads to the end, which `get` does not: an unfinished statement would block every checkpoint.
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
        if (checkpoints && db.open) db.exec('pragma wal_checkpoint(truncate)')
      } catch {
        // Pages that are not in the file yet are safe in the WAL, so nothing is lost.
      }
      // The addon cannot finalize a statement: the files stay open, without locks, until the statements are garbage
      // collected.
      db.close()
    },
  }
}

/** Opens a file with the addon. `busyMs` is the time that a statement waits for a lock. Throws `StoreUnusable`. */
export function openDatabase(path: string, busyMs: number = BUSY_MS): InstanceType<typeof Database> {
  try {
    makePrivate(path)
    return new Database(path, { timeout: busyMs })
  } catch (cause) {
    // The addon's error has a text and no code, and SQLite has only one reason not to open a file.
    throw new StoreUnusable(`${path} ${ADVICE[SQLITE_CANTOPEN]}`, { cause })
  }
}

/**
 * Applies the settings and reads them back, because a file system may refuse them. They last as long as the connection,
 * or cannot be changed later.
 *
 * Checkpoints are SQLite's own: after the commit that brings the WAL to 1,000 pages. The WAL starts over where a commit
 * finds no reader. `WalWatch` sees to it that there is such a commit, and reports readers of other programs.
 */
export function applyPragmas(sql: Sql, durability: 'full' | 'relaxed'): void {
  // Only possible before the first table: later it takes a VACUUM. Without it, deleting rows never shrinks the file.
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
  const [tables] = sql.all(
    "select count(*) as n, sum(name = 'meta') as ours from sqlite_master where type = 'table'",
    [],
  )
  if (Number(tables?.['n']) > 0 && tables?.['ours'] !== 1) {
    throw new StoreUnusable('is the database of another program: name another path')
  }
}

/** Runs SQLite's check. Throws `StoreDamaged` when the structure of the file is broken. */
export function refuseDamaged(sql: Sql, check: 'quick_check' | 'integrity_check'): void {
  // As a blob: the message may repeat names that are no longer valid text.
  const [row] = sql.all(`select cast(${check} as blob) as found from pragma_${check}(1)`, [])
  const found = Buffer.from(row?.['found'] as ArrayBuffer).toString()
  // The first line only names the database.
  if (found !== 'ok') throwDamaged(String(found.split('\n').at(-1)))
}

/** The first column of every row. */
function values(sql: Sql, text: string): readonly unknown[] {
  return sql.all(text, []).map((row) => Object.values(row)[0])
}

const SQLITE_BUSY = 5
const SQLITE_CANTOPEN = 14

/** Advice for operators by SQLite's primary result code. */
const ADVICE: Readonly<Record<number, string>> = {
  [SQLITE_BUSY]: 'is in use by another process (SQLITE_BUSY): stop that one, or try again',
  8: 'may not be written to (SQLITE_READONLY): see to the permissions of the file and of its folder',
  13: 'has no room to grow (SQLITE_FULL): free some disk space',
  [SQLITE_CANTOPEN]: 'cannot be opened (SQLITE_CANTOPEN): see that its folder exists and may be written to',
}

/** Result codes that mean damage. */
const DAMAGE: Readonly<Record<number, string>> = {
  11: 'is damaged (SQLITE_CORRUPT): restore it from a backup',
  26: 'is not a database (SQLITE_NOTADB): restore it from a backup, move it away, or name another path',
}

/** An error of a database as one sentence with its path. A bug of ours stays a `Bug`. */
export function storeError(path: string, error: unknown): unknown {
  if (!(error instanceof Database.SqliteError)) return withDatabaseName(path, error)
  const damage = DAMAGE[codeOf(error)]
  if (damage !== undefined) return new StoreDamaged(`${path} ${damage}`, { cause: error })
  return new StoreUnusable(`${path} ${ADVICE[codeOf(error)] ?? `cannot be used (${error.message})`}`, { cause: error })
}

/** True if another connection holds the lock that a statement needs. */
export function isBusy(error: unknown): boolean {
  return error instanceof Database.SqliteError && codeOf(error) === SQLITE_BUSY
}

/** The primary result code: the lowest byte of the extended one that the addon gives. */
function codeOf(error: Error): number {
  return ((error as { rawCode?: number }).rawCode ?? 0) & 0xff
}
