import type { Store } from './contract.ts'
import type { SqlRow } from './rows.ts'
import type { Migration } from './schema.ts'
import { sqlStore } from './sql.ts'
import { migrate, type Sql } from './sqlite.ts'
import type { SqlValue } from './row-of.ts'

/** The part of a Durable Object's storage that the store uses. */
export interface DurableStorage {
  readonly sql: { exec(text: string, ...args: SqlValue[]): { toArray(): Record<string, unknown>[] } }
  transactionSync<T>(work: () => T): T
}

/**
 * A store in a Durable Object's own SQLite, with the same statements as the store in a file. A commit returns at once;
 * the platform delays everything that the object sends until its writes are durable, so a message never leaves before
 * its turn is safe.
 */
export function openDurableStore(storage: DurableStorage, migrations: readonly Migration[]): Store {
  const sql: Sql = {
    all: (text, args) => storage.sql.exec(text, ...args).toArray() as SqlRow[],
    script: (text) => void storage.sql.exec(text),
    transaction: (work) => storage.transactionSync(work),
    close() {},
  }
  migrate(sql, migrations)
  return sqlStore(sql)
}
