import { join } from 'node:path'
import { StoreUnusable } from './contract.ts'
import { isBusy, openDatabase, storeError } from './libsql.ts'

type Database = ReturnType<typeof openDatabase>

/** A data folder that is this process's alone, until it is released or the process ends, however it ends. */
export interface FolderLock {
  release(): void
}

/** Waited for once, at the start: a process that was just killed may still be on its way out. */
const WAIT_MS = 1_000

/** Whoever holds a lock is named here: the addon closes a connection that nobody refers to, and the lock goes with it. */
const locks = new Set<Database>()

/**
 * Takes a data folder with every database in it, or throws `StoreUnusable` when another process has it.
 *
 * The lock is SQLite's own, on an empty database beside the others: a transaction that is never ended. The operating
 * system drops it when the process is gone, so nothing stale is left behind by `kill -9`, and it holds between
 * containers that share a volume, where a file with a process id would say nothing. The databases themselves stay
 * readable for everybody. On POSIX systems closing any other descriptor of the file drops the lock too: whatever copies
 * the folder from inside this process must leave `orchestrator.lock` out.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, 'orchestrator.lock')
  const db = acquireLock(path, folder)
  locks.add(db)
  return {
    release() {
      if (locks.delete(db)) db.close()
    },
  }
}

function acquireLock(path: string, folder: string): Database {
  const db = openDatabase(path, WAIT_MS)
  try {
    // A journal in a file would be left behind by `kill -9`.
    db.exec('pragma journal_mode = memory')
    db.exec('begin exclusive')
    return db
  } catch (error) {
    db.close()
    if (!isBusy(error)) throw storeError(path, error)
    throw new StoreUnusable(
      `the data folder ${folder} is in use by another orchestrator: stop that one first, or name another folder`,
      { cause: error },
    )
  }
}
