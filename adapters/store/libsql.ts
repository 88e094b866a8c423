import { type Store, StoreDamaged } from './contract.ts'
import { type DatabaseFile, type FileOptions, openFile, storeError } from './file.ts'
import { mapErrors } from './rethrow.ts'
import { sqlStore } from './sql.ts'
import { type WalOptions, WalWatch } from './wal.ts'

export interface LibsqlOptions extends FileOptions, WalOptions {
  /** Called with the number of turns that a power cut has lost, which `relaxed` permits. */
  readonly lost?: (turns: number) => void
}

/** A store in one file, on the thread that calls it. Throws `StoreUnusable`: see `openFile`. */
export async function openLibsqlStore({ lost = () => {}, limits, grown, ...options }: LibsqlOptions): Promise<Store> {
  const file: DatabaseFile = openFile(options)
  if (file.lost > 0) lost(file.lost)
  let isSound = true
  let isOpen = true
  const store = mapErrors(sqlStore(file.sql, file.generation), (error) => {
    const reason = storeError(options.path, error)
    isSound &&= !(reason instanceof StoreDamaged)
    return reason
  })
  const watch = new WalWatch(options.path, { limits, grown }, async () => {
    if (isOpen) file.sql.all('pragma wal_checkpoint(truncate)', [])
  })
  return {
    ...store,
    commit(out) {
      const receipt = store.commit(out)
      watch.committed()
      return receipt
    },
    grownWal: () => watch.found,
    async close() {
      if (isOpen) file.close(isSound)
      isOpen = false
    },
  }
}
