import { assert } from '../../core/base/assert.ts'
import type { Millis } from '../../core/base/ids.ts'
import { DELIVERY_PAGE } from '../../core/settings.ts'
import type { EarlyRun, ScheduleRunRow } from '../../core/records/schedule.ts'
import type { StoredRows } from '../../core/state.ts'
import {
  BACKLOG_COUNT_MAX,
  type Cursor,
  LOG_COUNT_MAX,
  type PageQuery,
  type Queries,
  type RowPage,
} from './contract.ts'
import {
  asMember,
  asRecent,
  DESCENDANTS,
  IN_MEMORY,
  interactionsOf,
  RECENT,
  ROOTS,
  wantInteractions,
} from './excerpts.ts'
import { entriesOf, PAGE_COLUMNS } from './history-pages.ts'
import { BYTES, BYTES_LIST, bytesList, bytesParameter } from './bytes.ts'
import { readJobPage } from './job-list.ts'
import { liveJobsIn, selectLiveJobs } from './live-jobs.ts'
import { DEFINITION } from './tables.ts'
import { type Column, decodeRow, type ReadSql, type RowOf, type SqlRow } from './rows.ts'
import { ALL_COLUMNS, checkedJob, type TableName } from './rows.ts'
import type { Statement } from './writes.ts'
import type { Prefetch, Prefetched } from '../../core/prefetch.ts'
import type { SqlValue } from './row-of.ts'

/** Tables that are listed in pages. */
type Listed = 'jobs' | 'workflows' | 'robots' | 'triggers' | 'schedules' | 'keys' | 'webhooks'

/** `Queries` over any SQL database. A test shows that every statement finds its rows by an index. */
export function sqlQueries(read: ReadSql): Queries {
  const rows = async <T extends TableName>(table: T, rest: string, args: readonly SqlValue[]) =>
    (await read(`${select(table)} ${rest}`, args)).map((record) => decodeRow(table, record))
  const page = async <T extends Listed>(table: T, query: PageQuery) =>
    rowPage(await rows(table, PAGE, ends(query)), query)

  return {
    job: async (id) => (await rows('jobs', `where id = ${BYTES}`, [bytesParameter(id)]))[0],
    jobs: (query) => readJobPage(read, query),
    logs: (id, { after, limit }) =>
      rows('job_logs', `where job_id = ${BYTES} and seq > ? order by seq limit ?`, [bytesParameter(id), after, limit]),
    logTail: async (id, lines) =>
      (await rows('job_logs', `where job_id = ${BYTES} order by seq desc limit ?`, [bytesParameter(id), lines]))
        .toReversed(),
    logCount: async (id) => Number((await read(LOG_COUNT, [bytesParameter(id), LOG_COUNT_MAX]))[0]?.['lines']),
    history: async (id) => {
      const pages = await read(
        `select ${PAGE_COLUMNS} from job_history where job = (select seq from jobs where id = ${BYTES}) order by seq`,
        [bytesParameter(id)],
      )
      return pages.flatMap(entriesOf).sort((a, b) => a.seq - b.seq)
    },
    workflow: async (id) => (await rows('workflows', 'where id = ?', [id]))[0],
    workflows: (query) => page('workflows', query),
    versions: (id) =>
      rows('workflow_versions', `where workflow_id = ${BYTES} order by version desc`, [bytesParameter(id)]),
    definition: async (hash) => (await rows('definitions', `where hash = ${BYTES}`, [bytesParameter(hash)]))[0]?.json,
    robot: async (id) => (await rows('robots', 'where id = ?', [id]))[0],
    robots: (query) => page('robots', query),
    trigger: async (id) => (await rows('triggers', 'where id = ?', [id]))[0],
    triggers: (query) => page('triggers', query),
    triggerEvents: (id, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      rows('trigger_events', 'where trigger_id = ? and seq < ? order by seq desc limit ?', [id, before, limit]),
    schedule: async (id) => (await rows('schedules', 'where id = ?', [id]))[0],
    schedules: (query) => page('schedules', query),
    scheduleRuns: (id, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      rows('schedule_runs', 'where schedule_id = ? and seq < ? order by seq desc limit ?', [id, before, limit]),
    keys: (query) => page('keys', query),
    pools: () => rows('pools', 'order by name', []),
    webhook: async (id) => (await rows('webhooks', 'where id = ?', [id]))[0],
    webhooks: (query) => page('webhooks', query),
    delivery: async (id) => (await rows('deliveries', 'where id = ?', [id]))[0],
    deliveries: async (query) => {
      const { webhook_id, status } = query
      const kind = status === undefined ? [] : [status]
      const where = `where webhook_id = ?${status === undefined ? '' : ' and status = ?'} and ${BEHIND} ${NEWEST_FIRST}`
      return rowPage(await rows('deliveries', where, [webhook_id, ...kind, ...ends(query)]), query)
    },
    backlog: async (id) => {
      const [found] = await read(BACKLOG, [id, BACKLOG_COUNT_MAX])
      const oldest = found?.['oldest'] ?? null
      return { pending: Number(found?.['pending']), oldestAt: oldest === null ? null : Number(oldest) }
    },
  }
}

const LOG_COUNT = `select count(*) as lines from (select 1 from job_logs where job_id = ${BYTES} limit ?)`

/** Both by an index of its own: in the order in which deliveries are due, the oldest may be anywhere. */
const BACKLOG = `select
  (select count(*) from (select 1 from deliveries where webhook_id = ?1 and next_at is not null limit ?2)) as pending,
  (select created_at from deliveries where webhook_id = ?1 and status = 'pending' order by created_at limit 1) as oldest`

/**
 * Independent statements, and how to combine their rows. Each store decides how to run them: one after another if
 * answers are immediate, in one batch if the database is far away.
 */
export interface QueryPlan<T> {
  readonly statements: readonly Statement[]
  /** Combines the rows of each statement, in the order of the statements. */
  make(results: readonly (readonly SqlRow[])[]): T
}

/** The part of `load` that comes from the row `meta`, read while raising the epoch. */
export type Meta = Pick<StoredRows, 'seq' | 'clock' | 'epoch'>

/** The rest of `load` but for the jobs (`liveJobs`), once this process alone may write to the database. */
export function loadPlan(
  dueUntil: Millis,
  recentSince: Millis | null,
): QueryPlan<Omit<StoredRows, keyof Meta | 'jobs'>> {
  return plan({
    robots: want('robots', 'order by id'),
    workflows: want('workflows', 'order by id'),
    triggers: want('triggers', 'order by id'),
    schedules: want('schedules', 'order by id'),
    keys: want('keys', 'order by id'),
    pools: want('pools', 'order by name'),
    affinities: want('affinities', 'order by workflow_id, robot_id'),
    definitions: want('definitions', LOADED_DEFINITIONS, [dueUntil]),
    webhooks: want('webhooks', 'order by id'),
    deliveries: want('deliveries', LOADED_DELIVERIES, [DELIVERY_PAGE + 1]),
    recent: recentSince === null ? null : { ...RECENT, args: [recentSince] },
    roots: { ...ROOTS, args: [dueUntil] },
    descendants: { ...DESCENDANTS, args: [dueUntil] },
    earlyRuns: want('schedule_runs', `${EARLY_RUNS} (select clock from meta)`),
  }, ({ recent, roots, descendants, earlyRuns, ...rest }) => ({
    recent: recent.map(asRecent),
    members: [...roots, ...descendants].map(asMember),
    earlyRuns: earlyRuns.map(asEarlyRun),
    ...rest,
  }))
}

/** The columns to return when raising the epoch. */
export const META = 'epoch, seq, clock, turns, cast(identity as blob) as identity'

/** Decodes these columns. */
export function metaOf(record: SqlRow | undefined): Meta {
  return { epoch: Number(record?.['epoch']), seq: Number(record?.['seq']), clock: Number(record?.['clock']) }
}

/** For each schedule one index look-up, which finds nothing as long as the clock is right. */
const EARLY_RUNS = 'where job_id is not null and schedule_id in (select id from schedules) and due_at >'

function asEarlyRun({ schedule_id, due_at }: ScheduleRunRow): EarlyRun {
  return { schedule_id, due_at: due_at ?? 0 }
}

/** The definitions of jobs in memory, and of every workflow the published one and the newest, which may be published next. */
const LOADED_DEFINITIONS = `where hash in (
  select ${DEFINITION} from jobs ${IN_MEMORY} and ready_at is null
  union select ${DEFINITION} from jobs ${IN_MEMORY} and ready_at <= ?
  union select definition from workflows union select published_definition from workflows
) order by hash`

/** The statements for the rows outside memory that a turn may touch. */
export function prefetchPlan(
  { jobs, idempotency, duplicates, duplicatesSince, due, pages, deliveries, interactions, earlyRuns }: Prefetch,
): QueryPlan<Prefetched> {
  const keys = idempotency.length === 0 ? null : [JSON.stringify(idempotency)]
  const window = due === null ? null : [due.after, due.until]
  return plan({
    jobs: jobs.length === 0 ? null : want('jobs', `where id in ${BYTES_LIST}`, [bytesList(jobs)]),
    idempotency: keys && want('idempotency', `where key in ${LIST}`, keys),
    answered: keys && want('jobs', `where id in (select job_id from idempotency where key in ${LIST})`, keys),
    duplicates: duplicates.length === 0
      ? null
      : want('jobs', DUPLICATES, [duplicatesSince, JSON.stringify(duplicates)]),
    due: window &&
      { table: 'jobs', sql: selectLiveJobs(`${DUE} order by ready_at, seq`), args: window, decode: liveJobsIn },
    definitions: window && want('definitions', DUE_DEFINITIONS, window),
    pages: pages.length === 0 ? null : want('deliveries', PAGES, [
      JSON.stringify(pages.map(({ webhook, at, seq }) => [webhook, at, seq])),
      DELIVERY_PAGE + 1,
    ]),
    deliveries: deliveries.length === 0
      ? null
      : want('deliveries', `where id in ${LIST}`, [JSON.stringify(deliveries)]),
    interactions: interactions.length === 0 ? null : wantInteractions(interactions),
    earlyRuns: earlyRuns === null ? null : want('schedule_runs', `${EARLY_RUNS} ?`, [earlyRuns]),
  }, (found) => ({
    jobs: new Map([...found.jobs, ...found.answered].map(checkedJob).map((job) => [job.id, job])),
    duplicates: new Map(found.duplicates.map((job) => [job.duplicate_key ?? '', checkedJob(job)])),
    idempotency: new Map(found.idempotency.map((row) => [row.key, row])),
    due: found.due,
    definitions: found.definitions,
    pages: new Map(pages.map(({ webhook }) => [webhook, found.pages.filter((row) => row.webhook_id === webhook)])),
    deliveries: new Map(found.deliveries.map((row) => [row.id, row])),
    interactions: interactionsOf(found.interactions, interactions),
    earlyRuns: found.earlyRuns.map(asEarlyRun),
  }))
}

const LIST = '(select value from json_each(?))'
/** One job for each key; any of several will do. */
const DUPLICATES = `where id in (
  select (
    select id from jobs where duplicate_key = json_each.value and (completed_at is null or created_at > ?) limit 1
  ) from json_each(?)
)`
/** The first due deliveries of each webhook, up to a number, without scanning its other pending ones. */
const LOADED_DELIVERIES = `where id in (
  select one.id from webhooks, deliveries as one where webhooks.enabled = 1 and one.id in (
    select id from deliveries where webhook_id = webhooks.id and next_at is not null order by next_at, seq limit ?
  )
) order by next_at, seq`
/** The same after a position, for each webhook of a list. */
const PAGES = `where id in (
  select one.id from json_each(?) as wanted, deliveries as one where one.id in (
    select id from deliveries where webhook_id = wanted.value ->> 0 and next_at is not null
    and (next_at, seq) > (wanted.value ->> 1, wanted.value ->> 2) order by next_at, seq limit ?
  )
) order by next_at, seq`
const DUE = `${IN_MEMORY} and ready_at > ?1 and ready_at <= ?2`
const DUE_DEFINITIONS = `where hash in (select ${DEFINITION} from jobs ${DUE})`

/** The rows of one table that a plan reads. */
interface Want<T extends TableName> extends Statement {
  readonly table: T
  /** The selected columns; all if left out. */
  readonly columns?: readonly Column[]
  /** Decodes the rows of a statement that selects something else. */
  readonly decode?: (records: readonly SqlRow[]) => readonly RowOf[T][]
}
type Wants = Readonly<Record<string, Want<TableName> | null>>
type RowsFor<W extends Wants> = { readonly [K in keyof W]: RowOf[NonNullable<W[K]>['table']][] }

function want<T extends TableName>(table: T, rest: string, args: readonly SqlValue[] = []): Want<T> {
  return { table, sql: `${select(table)} ${rest}`, args }
}

/** Builds a plan. A null entry takes no statement, and yields no rows. */
function plan<W extends Wants, T>(wants: W, make: (rows: RowsFor<W>) => T): QueryPlan<T> {
  const names = Object.keys(wants)
  const asked = Object.entries(wants).flatMap(([name, one]) => (one === null ? [] : [{ name, ...one }]))
  return {
    statements: asked,
    make(results) {
      const rows: Record<string, unknown> = Object.fromEntries(names.map((name) => [name, []]))
      for (const [i, { name, table, columns, decode }] of asked.entries()) {
        const records = results[i] ?? []
        if (decode !== undefined) rows[name] = decode(records)
        else if (table === 'job_history') rows[name] = records.flatMap(entriesOf)
        else rows[name] = records.map((record) => decodeRow(table, record, columns))
      }
      // The compiler cannot relate table and rows for a union.
      return make(rows as RowsFor<W>)
    },
  }
}

function select(table: TableName): string {
  return `select ${ALL_COLUMNS[table]} from ${table}`
}

const BEHIND = '(created_at, id) < (?, ?)'
const NEWEST_FIRST = 'order by created_at desc, id desc limit ?'
const PAGE = `where ${BEHIND} ${NEWEST_FIRST}`

/** Before every row: the first page starts in the index like any other. */
const START: Cursor = { at: Number.MAX_VALUE, id: '' }

/** The arguments for the start of a page and its size. One row more is read to learn whether there is a next page. */
function ends({ after = START, limit }: PageQuery): readonly [number, string, number] {
  assert(Number.isSafeInteger(limit) && limit > 0, 'a page has room for a row')
  return [after.at, after.id, limit + 1]
}

interface Placed {
  readonly created_at: number
  readonly id: string
}

/** The order of every list that is shown in pages. */
export function newestFirst(a: Placed, b: Placed): number {
  if (a.created_at !== b.created_at) return b.created_at - a.created_at
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0
}

/** Cuts rows that begin at the start of a page to its size. */
export function rowPage<T extends Placed>(rows: readonly T[], { limit }: PageQuery): RowPage<T> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: last !== undefined && rows.length > limit ? { at: last.created_at, id: last.id } : null }
}
