import { assert } from '../../core/assert.ts'
import { isEmpty } from '../../core/effects.ts'
import { Receipt } from '../../core/receipt.ts'
import { StaleEpoch, type Store } from './contract.ts'
import { foundPlan, hotPlan, META, metaOf, type Plan, sqlQueries } from './queries.ts'
import type { SqlRow, SqlValue } from './rows.ts'
import { type Migration, pending } from './schema.ts'
import { isStale, turnWrites } from './writes.ts'

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

  const run = <T>({ statements, make }: Plan<T>): T =>
    make(statements.map(({ sql: text, args }) => sql.all(text, args)))

  return {
    async load(dueUntil, recentSince = null) {
      return sql.transaction(() => {
        const meta = metaOf(sql.all(`update meta set epoch = epoch + 1 returning ${META}`, [])[0])
        const hot = { ...run(hotPlan(dueUntil, recentSince)), ...meta }
        epoch = meta.epoch
        return hot
      })
    },
    find: (need) => run(foundPlan(need)),
    commit(out) {
      if (isEmpty(out)) return new Receipt(out.turn)
      assert(epoch !== null, 'a store is loaded before it commits')
      const statements = turnWrites(out, epoch)
      try {
        sql.transaction(() => {
          for (const statement of statements) sql.all(statement.sql, statement.args)
        })
      } catch (error) {
        throw isStale(error) ? new StaleEpoch() : error
      }
      return new Receipt(out.turn)
    },
    queries: sqlQueries((text, args) => sql.all(text, args)),
    async close() {
      if (open) sql.close()
      open = false
    },
  }
}
