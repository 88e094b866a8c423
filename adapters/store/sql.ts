import { assert } from '../../core/assert.ts'
import { isEmpty } from '../../core/effects.ts'
import { Receipt } from '../../core/receipt.ts'
import { StaleEpoch, type Store } from './contract.ts'
import { foundPlan, hotPlan, META, metaOf, type Plan, sqlQueries } from './queries.ts'
import { damaged, textOf } from './rows.ts'
import type { SqlRow, SqlValue } from './rows.ts'
import { type Migration, pending } from './schema.ts'
import { counted, isStale, isUnsound, turnWrites, UNSOUND } from './writes.ts'

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
    const found = sql.all("select 1 from sqlite_master where type = 'table' and name = 'meta'", []).length > 0
    const version = found ? Number(sql.all('select version from meta', [])[0]?.['version']) : 0
    for (const migration of pending(version, migrations)) {
      sql.script(migration.sql)
      sql.all('update meta set version = ?', [migration.version])
    }
  })
}

/** What is told of a store's turns, to be kept where the database itself is not. */
export interface Witness {
  /** A process has begun: from here on the database has had so many turns. */
  loaded(identity: string, turns: number): void
  /** One more is committed. */
  committed(): void
}

const NOBODY: Witness = { loaded: () => {}, committed: () => {} }

const RAISE = `update meta set epoch = epoch + 1, ${counted('seq', 'clock', '(epoch + 1)')} returning ${META}`

/** A store over a database that `migrate` has seen. */
export function sqlStore(sql: Sql, witness: Witness = NOBODY): Store {
  let epoch: number | null = null
  let open = true

  const run = <T>({ statements, make }: Plan<T>): T =>
    make(statements.map(({ sql: text, args }) => sql.all(text, args)))

  function written<T>(work: () => T): T {
    try {
      return sql.transaction(work)
    } catch (error) {
      throw isStale(error) ? new StaleEpoch() : isUnsound(error) ? damaged(UNSOUND) : error
    }
  }

  return {
    async load(dueUntil, recentSince = null) {
      const { hot, record } = written(() => {
        const raised = sql.all(RAISE, [])[0]
        return { hot: { ...run(hotPlan(dueUntil, recentSince)), ...metaOf(raised) }, record: raised }
      })
      epoch = hot.epoch
      witness.loaded(textOf(record?.['identity']), Number(record?.['turns']))
      return hot
    },
    find: (need) => run(foundPlan(need)),
    commit(out) {
      if (isEmpty(out)) return new Receipt(out.turn)
      assert(epoch !== null, 'a store is loaded before it commits')
      const statements = turnWrites(out, epoch)
      written(() => {
        for (const statement of statements) sql.all(statement.sql, statement.args)
      })
      witness.committed()
      return new Receipt(out.turn)
    },
    queries: sqlQueries((text, args) => sql.all(text, args)),
    async close() {
      if (open) sql.close()
      open = false
    },
  }
}
