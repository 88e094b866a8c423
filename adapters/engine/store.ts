import { mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { GrownWal, Store } from '../store/contract.ts'
import { memoryStore } from '../store/memory.ts'
import { openFolder, openStore, type StoreLocation, UNTHREADED } from '../store/open.ts'
import { PRIVATE_FOLDER } from '../store/private.ts'
import { GROWN } from '../store/wal.ts'
import type { ResolvedOptions } from './options.ts'

/** The location of an engine's store, without the folder. */
export function storeLocation(
  { database = '', databaseToken, durability, log }: ResolvedOptions,
): Omit<StoreLocation, 'path'> {
  const unthreaded = (reason: string): void => log?.('warn', UNTHREADED, { reason })
  const grown = (wal: GrownWal): void => log?.('warn', GROWN, { ...wal })
  return { database, databaseToken, durability, unthreaded, grown }
}

/** Opens the store of an engine: in memory, in a folder, or on a server. */
export async function openEngineStore(options: ResolvedOptions): Promise<Store> {
  const { data, database } = options
  const location = storeLocation(options)
  // A server needs no file.
  if (data === undefined) return database === undefined ? memoryStore() : openStore({ ...location, path: '' })
  await mkdir(resolve(data), { recursive: true, mode: PRIVATE_FOLDER })
  return openFolder(resolve(data), location)
}
