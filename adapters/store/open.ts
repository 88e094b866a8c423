import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type GrownWal, type Store, StoreDamaged } from './contract.ts'
import { openLibsqlStore } from './libsql.ts'
import { lockFolder } from './lock.ts'
import { tighten, type Tightened } from './private.ts'
import { openRemoteStore } from './remote.ts'
import { NoThread } from './thread.ts'
import { openThreadedStore } from './threaded.ts'

/** The options that say where a process keeps its rows. */
export interface StoreLocation {
  /** The URL of a libSQL server; empty: a file. */
  readonly database: string
  readonly databaseToken: string
  /** The path of the file, if it is one. */
  readonly path: string
  readonly durability: 'full' | 'relaxed'
  /** The same as in `LibsqlOptions`. */
  readonly fresh?: boolean
  readonly lost?: (turns: number) => void
  /** Called when there can be no thread for the store, with the reason: everything else waits for the disk then. */
  readonly unthreaded?: (reason: string) => void
  /** The same as in `WalOptions`. */
  readonly grown?: (wal: GrownWal) => void
  /** Called when a data folder, or a file in it, was accessible to other users of the machine. */
  readonly exposed?: (found: Tightened) => void
}

/** Opens the configured store: on a server, or in a file. Throws `StoreUnusable` when it cannot be used. */
export function openStore({ database, databaseToken, ...file }: StoreLocation): Promise<Store> {
  return database === '' ? openFileStore(file) : openRemoteStore({ url: database, token: databaseToken })
}

/** The line of the log where `unthreaded` is called. */
export const UNTHREADED = 'the store has no thread of its own here: everything waits for the disk'

type FileLocation = Pick<StoreLocation, 'path' | 'durability' | 'fresh' | 'lost' | 'unthreaded' | 'grown'>

/** Opens a store in a file, on a thread of its own if there can be one. Throws `StoreUnusable` when it cannot be used. */
export async function openFileStore({ unthreaded = () => {}, ...file }: FileLocation): Promise<Store> {
  try {
    return await openThreadedStore(file)
  } catch (error) {
    if (!(error instanceof NoThread)) throw error
    unthreaded(error.message)
    return openLibsqlStore(file)
  }
}

/**
 * The store of a data folder, which is locked for this process until the store is closed. Throws `StoreUnusable` when
 * another process has the folder, or the store cannot be used.
 */
export async function openFolder(folder: string, options: Omit<StoreLocation, 'path'>): Promise<Store> {
  const found = tighten(folder)
  if (found.closed.length + found.open.length > 0) options.exposed?.(found)
  const lock = lockFolder(folder)
  const path = join(folder, 'orchestrator.db')
  try {
    if (options.database === '' && options.fresh !== true && !existsSync(path) && hasFleets(folder)) {
      throw new StoreDamaged(
        `${path} is missing, though there are fleets beside it: restore it from a backup, or start once with --new ` +
          'to begin with an empty database',
      )
    }
    const store = await openStore({ ...options, path })
    return { ...store, close: () => store.close().finally(lock.release) }
  } catch (error) {
    lock.release()
    throw error
  }
}

function hasFleets(folder: string): boolean {
  const fleets = join(folder, 'fleets')
  return existsSync(fleets) && readdirSync(fleets).some((file) => /^[^.].*\.db$/.test(file))
}

/** The durability of an answered request, for people. With a server it depends on the server. */
export function durabilityOf(
  { database, durability }: Pick<StoreLocation, 'database' | 'durability'>,
): 'full' | 'relaxed' | 'server' {
  return database === '' ? durability : 'server'
}
