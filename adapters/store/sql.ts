import { assert } from '../../core/base/assert.ts'
import { writesNothing } from '../../core/turn.ts'
import { Receipt } from '../../core/base/receipt.ts'
import { StaleEpoch, type Store } from './contract.ts'
import { liveJobs } from './live-jobs.ts'
import { loadPlan, META, metaOf, prefetchPlan, type QueryPlan, sqlQueries } from './queries.ts'
import { blobText, throwDamaged } from './rows.ts'
import type { SqlRow } from './rows.ts'
import { FIND_META, hasSchema, type Migration, pending, READ_VERSION, setVersion } from './schema.ts'
import { counted, isStale, isUnsound, type Statement, turnWrites, UNSOUND } from './writes.ts'
import type { SqlValue } from './row-of.ts'

/** An SQLite database that answers synchronously: a file, or a Durable Object's own. */
export interface Sql {
  /** Runs one statement to its end, with or without rows. Throws the driver's error. */
  all(sql: string, args: readonly SqlValue[]): readonly SqlRow[]
  /** Runs many statements without arguments. */
  script(sql: string): void
  /**
   * Runs `work` in a transaction: all or nothing, without other writers, and durable when it returns. Rolled back when
   * `work` throws.
   */
  transaction<T>(work: () => T): T
  close(): void
}

/** Migrates a database, empty or not, to the newest schema. Throws `StoreUnusable` for a newer one. */
export function migrate(sql: Sql, migrations: readonly Migration[]): void {
  sql.transaction(() => {
    for (const { version, sql: text } of pending(versionIn(sql), migrations)) {
      sql.script(text)
      sql.all(setVersion('?'), [version])
    }
  })
}

/** The last step of the schema that a database has seen; 0 for an empty one. Throws `StoreUnusable` when it has another. */
export function versionIn(sql: Sql): number {
  const [meta] = sql.all(FIND_META, [])
  return hasSchema(meta?.['sql']?.toString()) ? Number(sql.all(READ_VERSION, [])[0]?.['schema_version']) : 0
}

/** Receives the count of a store's turns, to record it outside the database. */
export interface TurnCounter {
  /** A process has loaded a database with this number of turns. */
  loaded(identity: string, turns: number): void
  /** One more turn is committed. */
  committed(): void
}

const NO_COUNTER: TurnCounter = { loaded: () => {}, committed: () => {} }

const RAISE = `update meta set epoch = epoch + 1, ${counted('seq', 'clock', '(epoch + 1)')} returning ${META}`

/** A store over a database that `migrate` has brought up to date. */
export function sqlStore(sql: Sql, counter: TurnCounter = NO_COUNTER): Store {
  let epoch: number | null = null
  let open = true

  const run = <T>({ statements, make }: QueryPlan<T>): T =>
    make(statements.map(({ sql: text, args }) => sql.all(text, args)))

  function runAll<T>(reads: Generator<Statement, T, readonly SqlRow[]>): T {
    let step = reads.next()
    while (step.done !== true) {
      let rows: readonly SqlRow[]
      try {
        rows = sql.all(step.value.sql, step.value.args)
      } catch (error) {
        step = reads.throw(error)
        continue
      }
      step = reads.next(rows)
    }
    return step.value
  }

  function written<T>(work: () => T): T {
    try {
      return sql.transaction(work)
    } catch (error) {
      throw isStale(error) ? new StaleEpoch() : isUnsound(error) ? throwDamaged(UNSOUND) : error
    }
  }

  return {
    async load(dueUntil, recentSince = null) {
      const { rows, record } = written(() => {
        const raised = sql.all(RAISE, [])[0]
        const jobs = runAll(liveJobs(dueUntil))
        return { rows: { ...run(loadPlan(dueUntil, recentSince)), jobs, ...metaOf(raised) }, record: raised }
      })
      epoch = rows.epoch
      counter.loaded(blobText(record?.['identity']), Number(record?.['turns']))
      return rows
    },
    prefetch: (need) => run(prefetchPlan(need)),
    commit(out) {
      if (writesNothing(out)) return new Receipt(out.turn)
      assert(epoch !== null, 'a store is loaded before it commits')
      const statements = turnWrites(out, epoch)
      written(() => {
        for (const statement of statements) sql.all(statement.sql, statement.args)
      })
      counter.committed()
      return new Receipt(out.turn)
    },
    queries: sqlQueries((text, args) => sql.all(text, args)),
    async close() {
      if (open) sql.close()
      open = false
    },
  }
}
