import { assert } from '../../core/base/assert.ts'
import type { JobStatus } from '../../core/records/job.ts'
import type { JobPage, JobQuery } from './contract.ts'
import { bytesParameter, bytesSql } from './bytes.ts'
import { ALL_COLUMNS, decodeRow, type ReadSql, TABLES } from './rows.ts'
import { LIVE } from './excerpts.ts'
import type { SqlValue } from './row-of.ts'

/**
 * Lists jobs, the newest first, with any combination of filters. One filter is looked up in its index; the jobs found
 * there are compared with the others, at most `JOBS_SEARCHED_MAX` for each page. So a page may be short, or empty, and
 * still have a next one.
 */
export async function readJobPage(read: ReadSql, query: JobQuery): Promise<JobPage> {
  const { limit, after } = query
  assert(Number.isSafeInteger(limit) && limit > 0, 'a page has room for a row')
  const before = after?.at ?? Number.MAX_SAFE_INTEGER
  const lists = await Promise.all(filtersOf(query).map((filters) => search(read, filters, before, limit)))
  const from = Math.max(...lists.map((list) => list.from), Number.NEGATIVE_INFINITY)
  const found = lists.flatMap(({ jobs }) => jobs).filter((job) => job.seq >= from).sort((a, b) => b.seq - a.seq)
  const items = found.slice(0, limit)
  const last = items.at(-1)
  if (found.length > limit && last !== undefined) return { items, next: { at: last.seq, id: last.id }, searched: null }
  if (from === Number.NEGATIVE_INFINITY) return { items, next: null, searched: null }
  const searched = lists.filter((list) => list.isCut).length * JOBS_SEARCHED_MAX
  return { items, next: { at: from, id: '' }, searched }
}

/** The number of jobs that are compared with the filters for one page: some 10 ms. */
export const JOBS_SEARCHED_MAX = 5_000

type Filter = readonly [column: string, value: SqlValue]

/** Filters in the order of their use as an index: those that usually find the fewest jobs come first. */
const BY_RARITY = ['parent_job_id', 'schedule_id', 'trigger_id', 'dead_lettered', 'status', 'robot_id', 'workflow_id']

/**
 * The filters of each list that makes up the page: one for each status. With `status in (…)` SQLite would collect and
 * sort every job that has one of the statuses.
 */
function filtersOf(query: JobQuery): readonly (readonly Filter[])[] {
  const { status, parent_job_id, schedule_id, trigger_id, robot_id, workflow_id, dead_lettered } = query
  const given = { parent_job_id, schedule_id, trigger_id, robot_id, workflow_id }
  const filters = Object.entries(given).flatMap((
    [name, value],
  ): Filter[] => (value === undefined ? [] : [[name, value]]))
  if (dead_lettered === true) return [sorted([...filters, ['dead_lettered', 1]])]
  if (status === undefined) return [sorted(filters)]
  return [...new Set(status)].map((one) => sorted([...filters, ['status', one]]))
}

function sorted(filters: readonly Filter[]): readonly Filter[] {
  // Most jobs are completed, so any other filter finds fewer.
  const rank = ([name, value]: Filter): number =>
    name === 'status' && value === ('completed' satisfies JobStatus) ? BY_RARITY.length : BY_RARITY.indexOf(name)
  return filters.toSorted((a, b) => rank(a) - rank(b))
}

/** Jobs with a number below `before`. All that there are from `from` on; one more than fits if there are more. */
async function search(read: ReadSql, filters: readonly Filter[], before: number, limit: number) {
  const { condition, args, others } = lookUp(filters)
  const found = `${condition} seq < ?`
  const order = 'order by seq desc limit ?'
  const names = others.map(([name]) => name)
  const numbers = others.length === 0
    ? `select seq from jobs where ${found} ${order}`
    : `select seq from (select ${['seq', ...names].join()} from jobs where ${found} ${order}) where ${
      others.map((filter, i) => conditionOf(filter, args.length + 3 + i)).join(' and ')
    } ${order}`
  const bounds = others.length === 0 ? [] : [JOBS_SEARCHED_MAX, ...others.flatMap(argsOf)]
  const sql = `select ${ALL_COLUMNS.jobs} from jobs where seq in (${numbers}) order by seq desc`
  const records = await read(sql, [...args, before, ...bounds, limit + 1])
  const jobs = records.map((record) => decodeRow('jobs', record))
  const last = jobs.at(-1)
  if (jobs.length > limit && last !== undefined) return { jobs, from: last.seq, isCut: false }
  if (others.length === 0) return { jobs, from: Number.NEGATIVE_INFINITY, isCut: false }
  const [reach] = await read(
    `select min(seq) as seq, count(*) as jobs from (select seq from jobs where ${found} ${order})`,
    [...args, before, JOBS_SEARCHED_MAX],
  )
  const isCut = Number(reach?.['jobs']) === JOBS_SEARCHED_MAX
  return { jobs, from: isCut ? Number(reach?.['seq']) : Number.NEGATIVE_INFINITY, isCut }
}

interface LookUp {
  /** The condition of the index, with an `and` after it; empty if jobs are looked through by their numbers. */
  readonly condition: string
  readonly args: readonly SqlValue[]
  /** The filters that the jobs found there are compared with. */
  readonly others: readonly Filter[]
}

/** Selects the index for filters. Most jobs are completed, and those that wait are in memory: no index has their status. */
function lookUp(filters: readonly Filter[]): LookUp {
  const [first, ...others] = filters
  if (first === undefined) return { condition: '', args: [], others }
  const [name, value] = first
  if (name !== 'status') return { condition: `${conditionOf(first, 1)} and`, args: argsOf(first), others }
  if (value === ('completed' satisfies JobStatus)) return { condition: '', args: [], others: filters }
  if (value === ('queued' satisfies JobStatus)) return { condition: `${WAITING} and`, args: [], others: filters }
  return { condition: `${BY_STATUS} and status = ?1 and`, args: [value], others }
}

/** The jobs in the index of those in memory that wait for no instant. */
const WAITING = `${LIVE} and ready_at is null`
/** The jobs in the index of statuses. */
const BY_STATUS = "status not in ('completed', 'queued')"

/** The condition, whose parameter is at this place. Dead letters have an index of their own, which the literal 1 selects. */
function conditionOf([name]: Filter, place: number): string {
  if (name === 'dead_lettered') return 'dead_lettered = 1'
  const parameter = `?${place}`
  return `${name} = ${isBytes(name) ? bytesSql(parameter) : parameter}`
}

function argsOf([name, value]: Filter): readonly SqlValue[] {
  if (name === 'dead_lettered') return []
  return isBytes(name) ? [bytesParameter(String(value))] : [value]
}

function isBytes(column: string): boolean {
  return (TABLES.jobs.bytes as readonly string[]).includes(column)
}
