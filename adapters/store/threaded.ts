import { setImmediate } from 'node:timers/promises'
import { assert } from '../../core/base/assert.ts'
import type { Millis } from '../../core/base/ids.ts'
import type { StoredRows } from '../../core/state.ts'
import { writesNothing } from '../../core/turn.ts'
import { Receipt } from '../../core/base/receipt.ts'
import { StaleEpoch, type Store, StoreDamaged } from './contract.ts'
import { openReader, storeError } from './file.ts'
import type { LibsqlOptions } from './libsql.ts'
import { loadPlan, META, metaOf, prefetchPlan, sqlQueries } from './queries.ts'
import { liveJobs } from './live-jobs.ts'
import { mapErrors } from './rethrow.ts'
import { RAISE_EPOCH, writeError } from './sql.ts'
import { Reader } from './reader.ts'
import { type Connection, connectThread, disconnect } from './thread.ts'
import { readAll, type Statement } from './sqlite.ts'
import { WalWatch } from './wal.ts'
import { turnWrites } from './writes.ts'

/**
 * A store in one file, whose statements and waits for the disk are on a thread of their own. Commits overlap: those that
 * wait while one is on its way to the disk share the next transaction. A thread that dies is a failed commit; the next
 * `load` starts another. People's reads are on a third one (`Reader`). Throws `StoreUnusable`: see `openFile`; and `NoThread` if there can be no thread.
 */
export async function openThreadedStore(
  { path, durability = 'full', fresh = false, lost = () => {}, limits, grown }: LibsqlOptions,
): Promise<Store> {
  const connect = async (): Promise<Connection> => {
    const opened = await connectThread('writer', { kind: 'open', options: { path, durability, fresh } })
    if (opened.lost > 0) lost(opened.lost)
    return opened
  }
  let connection = await connect()
  const reader = new Reader(path)
  const checkpoint = async () => isOpen ? connection.thread.checkpoint(connection.file) : undefined
  const watch = new WalWatch(path, { limits, grown }, () => reader.duringPause(checkpoint))
  let epoch: number | null = null
  let isSound = true
  let isOpen = true

  const store: Store = {
    async load(dueUntil, recentSince = null) {
      if (connection.thread.isDead) {
        // Opening reads the file without SQLite, which would end the locks of another connection of this process.
        await reader.disconnect()
        connection = await connect()
      }
      const rows = await loadFrom(connection, path, dueUntil, recentSince)
      epoch = rows.epoch
      reader.prepare()
      return rows
    },
    async prefetch(need) {
      const { statements, make } = prefetchPlan(need)
      const { thread, file } = connection
      return make(await thread.run(file, 'read', statements))
    },
    commit(out) {
      if (writesNothing(out)) return new Receipt(out.turn)
      assert(isOpen, 'a closed store is left alone')
      assert(epoch !== null, 'a store is loaded before it commits')
      const { thread, file } = connection
      const statements = turnWrites(out, epoch)
      return written(() => thread.run(file, 'commit', statements)).then(() => {
        watch.committed()
        return new Receipt(out.turn)
      })
    },
    overlaps: true,
    grownWal: () => watch.found,
    queries: sqlQueries((sql, args) => reader.read({ sql, args })),
    async close() {
      if (!isOpen) return
      isOpen = false
      await reader.close()
      await disconnect('writer', connection, isSound)
    },
  }
  return mapErrors(store, (error) => {
    const reason = storeError(path, error)
    isSound &&= !(reason instanceof StoreDamaged)
    return reason
  })
}

/**
 * Loads the rows: all but the jobs on the thread, the jobs by a connection of this one. A hundred thousand of them would
 * be copied twice on their way from the thread, and its memory would stay as large. Other work is done between portions.
 */
async function loadFrom(
  { thread, file }: Connection,
  path: string,
  dueUntil: Millis,
  recentSince: Millis | null,
): Promise<StoredRows> {
  const { statements, make } = loadPlan(dueUntil, recentSince)
  const raise = { sql: RAISE_EPOCH, args: [] }
  const [raised, ...results] = await written(() => thread.run(file, 'load', [raise, ...statements]))
  const meta = metaOf(raised?.[0])
  const sql = openReader(path)
  try {
    const read = async (statement: Statement) => {
      await setImmediate()
      return sql.all(statement.sql, statement.args)
    }
    const jobs = await readAll(read, liveJobs(dueUntil))
    // Only a process that loaded in between can have committed: then these rows are from different moments.
    const [now] = sql.all(`select ${META} from meta`, [])
    if (metaOf(now).epoch !== meta.epoch) throw new StaleEpoch()
    return { ...make(results), jobs, ...meta }
  } finally {
    sql.close()
  }
}

async function written<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw writeError(error)
  }
}
