import { join } from 'node:path'
import { StoreUnusable } from './contract.ts'
import { isBusy, openDatabase, storeError } from './file.ts'

type Database = ReturnType<typeof openDatabase>

/** An exclusive lock on a data folder. It is held until it is released or the process ends, in whatever way. */
export interface FolderLock {
  release(): void
}

/** Waited for once, at the start: a killed process may still be exiting. */
const WAIT_MS = 1_000

/**
 * Keeps a reference to each lock's connection: the addon closes one that is garbage collected, and the lock goes with
 * it.
 */
const locks = new Set<Database>()

/**
 * Locks a data folder with every database in it. Throws `StoreUnusable` when another process holds the lock.
 *
 * The lock is SQLite's own, on an empty database beside the others: a transaction that never ends. The operating system
 * drops it with the process, so `kill -9` leaves nothing stale behind, and it works between containers that share a
 * volume, where a process id in a file would mean nothing. The databases themselves stay readable for others. On POSIX
 * systems closing any other descriptor of the file drops the lock too: code in this process that copies the folder must
 * leave out `orchestrator.lock`.
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
    // `kill -9` would leave a journal file behind.
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
