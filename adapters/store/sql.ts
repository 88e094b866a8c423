import { assert } from '../../core/base/assert.ts'
import { writesNothing } from '../../core/turn.ts'
import { Receipt } from '../../core/base/receipt.ts'
import { StaleEpoch, type Store } from './contract.ts'
import { liveJobs } from './live-jobs.ts'
import { loadPlan, META, metaOf, prefetchPlan, type QueryPlan, sqlQueries } from './queries.ts'
import { blobText, damagedBy } from './damaged.ts'
import { runAll, type Sql, type TurnCounter } from './sqlite.ts'
import type { SqlRow } from './row-of.ts'
import { counted, isStale, isUnsound, type Statement, turnWrites, UNSOUND } from './writes.ts'

const NO_COUNTER: TurnCounter = { loaded: () => {}, committed: () => {} }

/** Raises the epoch, and returns the row `meta`. */
export const RAISE_EPOCH = `update meta set epoch = epoch + 1, ${
  counted('seq', 'clock', '(epoch + 1)')
} returning ${META}`

/** The error of a transaction that writes, as the store throws it. */
export function writeError(error: unknown): unknown {
  if (isStale(error)) return new StaleEpoch()
  return isUnsound(error) ? damagedBy(UNSOUND) : error
}

/** A store over a database that `migrate` has brought up to date. */
export function sqlStore(sql: Sql, counter: TurnCounter = NO_COUNTER): Store {
  let epoch: number | null = null

  const run = <T>({ statements, make }: QueryPlan<T>): T => make(runAll(sql, statements))

  function readAll<T>(reads: Generator<Statement, T, readonly SqlRow[]>): T {
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
      throw writeError(error)
    }
  }

  return {
    async load(dueUntil, recentSince = null) {
      const { rows, record } = written(() => {
        const raised = sql.all(RAISE_EPOCH, [])[0]
        const jobs = readAll(liveJobs(dueUntil))
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
      written(() => runAll(sql, statements))
      counter.committed()
      return new Receipt(out.turn)
    },
    queries: sqlQueries((text, args) => sql.all(text, args)),
    async close() {
      sql.close()
    },
  }
}
