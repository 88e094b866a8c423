import type { Store } from './contract.ts'
import type { SqlRow } from './rows.ts'
import type { Migration } from './schema.ts'
import { migrate, type Sql, sqlStore } from './sql.ts'
import type { SqlValue } from './row-of.ts'

/** What is used of a Durable Object's storage. */
export interface DurableStorage {
  readonly sql: { exec(text: string, ...args: SqlValue[]): { toArray(): Record<string, unknown>[] } }
  transactionSync<T>(work: () => T): T
}

/**
 * A store in a Durable Object's own SQLite: the same statements as in a file. A commit returns at once, and the platform
 * holds back whatever the object sends until what it wrote is durable: a message never leaves before its turn is safe.
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
