import { assert } from '../../core/assert.ts'
import { type Effects, isEmpty, Receipt } from '../../core/effects.ts'
import { StaleEpoch, type Store } from './contract.ts'
import { readFound, readHot, sqlQueries } from './queries.ts'
import type { SqlRow, SqlValue } from './rows.ts'
import { type Migration, pending } from './schema.ts'
import { writes } from './writes.ts'

/** An SQLite that answers at once: a file, or a Durable Object's own. */
export interface Sql {
  /** Runs one statement to its end, whether or not it gives rows. Throws the driver's error. */
  all(sql: string, args: readonly SqlValue[]): readonly SqlRow[]
  /** Runs many statements without arguments. */
  script(sql: string): void
  /** All or nothing, with nobody else writing, and durable when it returns. Undone when `work` throws. */
  transaction<T>(work: () => T): T
  close(): void
}

/** Brings a database, empty or not, up to the newest schema. Throws `StoreUnusable` when it is beyond that. */
export function migrate(sql: Sql, migrations: readonly Migration[]): void {
  sql.transaction(() => {
    const found = sql.all("select name from sqlite_master where type = 'table' and name = 'meta'", []).length > 0
    const version = found ? Number(sql.all('select version from meta', [])[0]?.['version']) : 0
    for (const migration of pending(version, migrations)) {
      sql.script(migration.sql)
      sql.all('update meta set version = ?', [migration.version])
    }
  })
}

/** A store over a database that `migrate` has seen. */
export function sqlStore(sql: Sql): Store {
  let epoch: number | null = null
  let open = true

  return {
    async load(dueUntil) {
      return sql.transaction(() => {
        sql.all('update meta set epoch = epoch + 1', [])
        const hot = readHot((text, args) => sql.all(text, args), dueUntil)
        epoch = hot.epoch
        return hot
      })
    },
    find: (need) => readFound((text, args) => sql.all(text, args), need),
    commit(out) {
      if (isEmpty(out)) return new Receipt(out.turn)
      assert(epoch !== null, 'a store is loaded before it commits')
      const args = [seqMax(out), out.at, epoch]
      sql.transaction(() => {
        if (sql.all(FENCE, args).length === 0) throw new StaleEpoch()
        for (const statement of writes(out)) sql.all(statement.sql, statement.args)
      })
      return new Receipt(out.turn)
    },
    queries: sqlQueries((text, args) => sql.all(text, args)),
    async close() {
      if (open) sql.close()
      open = false
    },
  }
}

/** Gives a row only while nobody has loaded since. Keeping the largest number is done on the way. */
const FENCE = 'update meta set seq = max(seq, ?), clock = max(clock, ?) where epoch = ? returning epoch'

/** The largest number in a turn, 0 without any. */
export function seqMax({ rows, history, logs }: Effects): number {
  let seq = 0
  for (const row of rows.jobs.values()) seq = Math.max(seq, row.seq)
  for (const row of history) seq = Math.max(seq, row.seq)
  for (const row of logs) seq = Math.max(seq, row.seq)
  return seq
}
