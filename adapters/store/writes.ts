import { assert } from '../../core/base/assert.ts'
import type { JobRow } from '../../core/records/job.ts'
import type { ClockChange, Deletions, Effects } from '../../core/turn.ts'
import { historyPages, INSERT_PAGE, INSERT_PAGES } from './history-pages.ts'
import { rowValues, STATE_NAMES, updateValues } from './rows.ts'
import { bytesSql } from './bytes.ts'
import { CASCADES, COLUMN_NAMES, COLUMNS, type RowOf, type TableName, TABLES } from './rows.ts'
import type { SqlValue } from './row-of.ts'
import type { Statement } from './sqlite.ts'

export type { Statement } from './sqlite.ts'

/**
 * The number of characters of rows in one statement. At up to three bytes each, this stays below the two megabytes that
 * a Durable Object allows a value. A longer row goes alone, one value for each column.
 */
export const STATEMENT_CHARS_MAX = 500_000

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
    ...write('jobs', jobsThat(out, true)),
    ...update(jobsThat(out, false)),
    ...batches(historyPages(history), (page) => page, INSERT_PAGES, INSERT_PAGE),
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

/** The jobs of a turn that it has created, or the others. */
function* jobsThat({ rows, created }: Effects, areNew: boolean): Generator<JobRow> {
  for (const job of rows.jobs.values()) {
    if (created.has(job.id) !== areNew) continue
    assert(!areNew || typeof job.parameters === 'string', 'a job is created with its parameters')
    yield job
  }
}

function write<T extends TableName>(table: T, rows: Iterable<RowOf[T]>): Generator<Statement> {
  return batches(rows, (row) => rowValues(table, row), SQL[table], ALONE[table])
}

/** The columns of jobs that may change: writing all of them would take three times as long, and touch every index. */
function* update(jobs: Iterable<JobRow>): Generator<Statement> {
  for (const statement of batches(jobs, updateValues, UPDATE, UPDATE_ALONE)) {
    yield statement
    yield { sql: ALL_FOUND, args: [statement.rows] }
  }
}

/** Fails if the statement before has not changed as many rows: a job that is not on disk cannot be updated. */
const ALL_FOUND = 'update meta set seq = case changes() when ? then seq end'

interface Batch extends Statement {
  /** The number of rows that it writes. */
  readonly rows: number
}

/** Statements that write rows: as many to each as fit, and those alone that fit into none. */
function* batches<Row>(
  rows: Iterable<Row>,
  valuesOf: (row: Row) => readonly SqlValue[],
  sql: string,
  alone: string,
): Generator<Batch> {
  let batch: string[] = []
  let chars = 0
  for (const row of rows) {
    const values = valuesOf(row)
    const text = JSON.stringify(values)
    if (text.length > STATEMENT_CHARS_MAX) {
      yield { sql: alone, args: values, rows: 1 }
      continue
    }
    if (batch.length > 0 && chars + text.length > STATEMENT_CHARS_MAX) {
      yield { sql, args: [`[${batch.join()}]`], rows: batch.length }
      batch = []
      chars = 0
    }
    batch.push(text)
    chars += text.length
  }
  if (batch.length > 0) yield { sql, args: [`[${batch.join()}]`], rows: batch.length }
}

/**
 * All rows of a table are passed as one JSON parameter, because a remote server and a Durable Object limit or charge
 * statements. Converted to JSONB once per row, and read by position, this takes a seventh longer than a prepared
 * statement per row; as text, or by name, two to three times as long. `materialized` makes the conversion happen once
 * per row.
 */
const SQL = forEachTable((table, names) => {
  const insert = `insert into ${table} (${names.join()}) select ${
    names.map((name) => storedSql(table, names, name, (i) => `v ->> ${i}`)).join()
  } from r`
  // Without `where true` the parser takes `on` for part of a join.
  return `with r as materialized (select jsonb(value) as v from json_each(?)) ${insert} where true`
})

/** One row with a parameter for each column, so that no value is larger than its largest column. */
const ALONE = forEachTable((table, names) =>
  `insert into ${table} (${names.join()}) values (${
    names.map((name) => storedSql(table, names, name, (i) => `?${i + 1}`)).join()
  })`
)

/** The expression for the value that a column gets from its parameter. */
function storedSql(table: TableName, names: readonly string[], name: string, parameter: (i: number) => string): string {
  const column = COLUMNS[table].find((one) => one.name === name)
  const of = (other: string): string => parameter(names.indexOf(other))
  if (column?.since != null) return `(${of(name)}) - (${of(column.since)})`
  const value = column?.isBytes === true ? bytesSql(of(name)) : of(name)
  if (table !== 'jobs' || name !== 'definition') return value
  const version = `workflow_id = ${bytesSql(of('workflow_id'))} and version = ${of('workflow_version')}`
  return `nullif(${value}, (select definition from workflow_versions where ${version}))`
}

/** The columns of jobs that may change. The parameter has the values for each job. */
const UPDATE = `with r as materialized (select jsonb(value) as v from json_each(?)) update jobs set ${
  STATE_NAMES.map((name) => `${name} = ${storedSql('jobs', STATE_NAMES, name, (i) => `v ->> ${i}`)}`).join()
} from r where jobs.seq = v ->> ${STATE_NAMES.length}`

/** The same for one job, with a parameter for each value. */
const UPDATE_ALONE = `update jobs set ${
  STATE_NAMES.map((name) => `${name} = ${storedSql('jobs', STATE_NAMES, name, (i) => `?${i + 1}`)}`).join()
} where seq = ?`

function forEachTable(
  insert: (table: TableName, names: readonly string[]) => string,
): Readonly<Record<TableName, string>> {
  return Object.fromEntries(
    Object.entries(TABLES).map(([table, { key, conflict }]) => {
      const names = COLUMN_NAMES[table as TableName]
      const others = names.filter((name) => !(key as readonly string[]).includes(name))
      const resolve = {
        replace: `on conflict (${key.join()}) do update set ${
          others.map((name) => `${name} = excluded.${name}`).join()
        }`,
        keep: `on conflict (${key.join()}) do nothing`,
        fail: '',
      }[conflict]
      return [table, `${insert(table as TableName, names)} ${resolve}`]
    }),
  ) as Readonly<Record<TableName, string>>
}
