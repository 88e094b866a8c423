import { join } from 'node:path'
import type { Store } from './contract.ts'
import { openLibsqlStore } from './libsql.ts'
import { holdFolder } from './lock.ts'
import { openRemoteStore } from './remote.ts'

/** Where the rows of a process are to be, as its options say it. */
export interface Place {
  /** The URL of a libSQL server; empty: a file. */
  readonly database: string
  readonly databaseToken: string
  /** The file, when it is one. */
  readonly path: string
  readonly durability: 'full' | 'relaxed'
}

/** Opens the store that was asked for: on a server, or in a file. Throws `StoreUnusable` when it cannot be used. */
export function openStore({ database, databaseToken, path, durability }: Place): Promise<Store> {
  return database === ''
    ? openLibsqlStore({ path, durability })
    : openRemoteStore({ url: database, token: databaseToken })
}

/**
 * The store of a data folder, which is this process's alone until the store is closed. Throws `StoreUnusable` when another
 * process has the folder, or the store cannot be used.
 */
export async function openFolder(folder: string, options: Omit<Place, 'path'>): Promise<Store> {
  const hold = holdFolder(folder)
  try {
    const store = await openStore({ ...options, path: join(folder, 'orchestrator.db') })
    return { ...store, close: () => store.close().finally(hold.release) }
  } catch (error) {
    hold.release()
    throw error
  }
}

/** What an answer is safe against, for people: with a server, whatever that server does. */
export function durabilityOf(
  { database, durability }: Pick<Place, 'database' | 'durability'>,
): 'full' | 'relaxed' | 'server' {
  return database === '' ? durability : 'server'
}
