import type { ClockChange, Deletions, Effects } from '../../core/turn.ts'
import { batches, insertAloneSql, insertSql } from './batches.ts'
import { historyPages, INSERT_PAGE, INSERT_PAGES } from './history-pages.ts'
import { jobWrites } from './job-writes.ts'
import { CASCADES, COLUMN_NAMES, type RowOf, rowValues, TABLE_NAMES, type TableName } from './rows.ts'
import type { Statement } from './sqlite.ts'

export type { Statement } from './sqlite.ts'

/**
 * A turn as SQL: its fence, and one statement for each table it touches, to be run in one transaction, in this order.
 * The fence fails, as `isStale` detects, if another process has loaded after the one with this epoch.
 */
export function turnWrites(out: Effects, epoch: number): Statement[] {
  return [{ sql: FENCE, args: [seqMax(out), out.at, epoch] }, ...writes(out)]
}

/** The checksum of the row `meta`. A flipped bit in any of the numbers changes the sum. */
const sumOf = (turns: string, seq: string, clock: string, epoch: string): string =>
  `${turns} + 3 * ${seq} + 5 * ${clock} + 7 * ${epoch}`
const IS_SOUND = `checksum is null or checksum = ${sumOf('turns', 'seq', 'clock', 'epoch')}`

/**
 * The assignments of every write to `meta`. If the sum was wrong before, it becomes a text, which its column refuses.
 */
export function counted(seq: string, clock: string, epoch: string): string {
  return `turns = turns + 1, together = 1, checksum = case when ${IS_SOUND} then ${
    sumOf('(turns + 1)', seq, clock, epoch)
  } else '' end`
}

/**
 * Any epoch other than the given one becomes null, which its column refuses. So the fence is a statement that fails,
 * and the rest can be sent without waiting for its answer. The same statement keeps the largest number.
 */
const FENCE = `update meta set seq = max(seq, ?1), clock = ?2, epoch = case epoch when ?3 then epoch end, ${
  counted('max(seq, ?1)', '?2', 'epoch')
}`

/** True if a statement has failed because the epoch has changed. */
export function isStale(error: unknown): boolean {
  return error instanceof Error && error.message.includes('NOT NULL constraint failed: meta.epoch')
}

/** The finding if the numbers in `meta` are not those that were written. */
export const UNSOUND = 'its count of turns does not match its checksum'

/** True if a statement has failed because the numbers in `meta` are not those that were written. */
export function isUnsound(error: unknown): boolean {
  return error instanceof Error && error.message.includes('cannot store TEXT value in INTEGER column meta.checksum')
}

/** The largest number in a turn; 0 if there is none. */
export function seqMax({ rows, history, logs, scheduleRuns, triggerEvents }: Effects): number {
  let seq = 0
  for (const row of rows.jobs.values()) seq = Math.max(seq, row.seq)
  for (const row of history) seq = Math.max(seq, row.seq)
  for (const row of logs) seq = Math.max(seq, row.seq)
  for (const row of rows.deliveries.values()) seq = Math.max(seq, row.seq)
  for (const row of scheduleRuns) seq = Math.max(seq, row.seq)
  for (const row of triggerEvents) seq = Math.max(seq, row.seq)
  return seq
}

/** The rows of a turn: first the deletions, then one statement for each table it touches. */
export function writes(out: Effects): Statement[] {
  const {
    rows,
    history,
    logs,
    scheduleRuns,
    triggerEvents,
    forgetBefore,
    forgetDeliveriesBefore,
    deletions,
  } = out
  return [
    ...(out.clockChange === null ? [] : moves(out.clockChange)),
    ...(forgetBefore === null ? [] : [{ sql: 'delete from idempotency where created_at < ?', args: [forgetBefore] }]),
    ...(forgetDeliveriesBefore === null ? [] : [{ sql: FORGET_DELIVERIES, args: [forgetDeliveriesBefore] }]),
    ...deletes(deletions),
    ...write('definitions', rows.definitions.values()),
    ...write('workflow_versions', rows.versions.values()),
    ...write('workflows', rows.workflows.values()),
    ...write('triggers', rows.triggers.values()),
    ...write('schedules', rows.schedules.values()),
    ...write('keys', rows.keys.values()),
    ...write('pools', rows.pools.values()),
    ...write('affinities', rows.affinities.values()),
    ...write('idempotency', rows.idempotency.values()),
    ...write('webhooks', rows.webhooks.values()),
    ...write('deliveries', rows.deliveries.values()),
    ...write('robots', rows.robots.values()),
    ...jobWrites(out),
    ...batches(historyPages(history, rows.jobs), (page) => page, INSERT_PAGES, INSERT_PAGE),
    ...write('job_logs', logs),
    ...write('schedule_runs', scheduleRuns),
    ...write('trigger_events', triggerEvents),
  ]
}

/**
 * The clock was set: instants that measure elapsed time are moved along, and jobs that have ended as a whole, so that
 * their end stays after their start. Of live jobs only the creation is moved here: those in memory come with the turn,
 * and the others wait for an instant of the wall clock. Its other instants are counted from it. The moved rows have no checksum until they are written again.
 */
function moves({ by, since }: ClockChange): Statement[] {
  return [
    { sql: 'update idempotency set created_at = created_at + ?, checksum = null', args: [by] },
    { sql: 'update deliveries set next_at = next_at + ?, checksum = null where next_at is not null', args: [by] },
    {
      sql: `update jobs set created_at = created_at + ?1, state_checksum = null
        where created_at > ?2 or completed_at is null`,
      args: [by, since],
    },
  ]
}

/** Pending deliveries of an enabled webhook are kept, however old. */
const FORGET_DELIVERIES = `delete from deliveries where created_at < ?
  and (next_at is null or webhook_id not in (select id from webhooks where enabled = 1))`

function* deletes(deletions: Deletions): Generator<Statement> {
  for (const [deleted, ids] of Object.entries(deletions) as [keyof Deletions, ReadonlySet<string>][]) {
    if (ids.size === 0) continue
    for (const [table, column] of CASCADES[deleted]) {
      yield {
        sql: `delete from ${table} where ${column} in (select value from json_each(?))`,
        args: [JSON.stringify([...ids])],
      }
    }
  }
}

function write<T extends TableName>(table: T, rows: Iterable<RowOf[T]>): Generator<Statement> {
  return batches(rows, (row) => rowValues(table, row), SQL[table], ALONE[table])
}

const SQL = forEachTable(insertSql)
const ALONE = forEachTable(insertAloneSql)

function forEachTable(
  make: (table: TableName, names: readonly string[]) => string,
): Readonly<Record<TableName, string>> {
  const made = TABLE_NAMES.map((table) => [table, make(table, COLUMN_NAMES[table])])
  return Object.fromEntries(made) as Readonly<Record<TableName, string>>
}
