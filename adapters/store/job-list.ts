import { assert } from '../../core/base/assert.ts'
import type { JobStatus } from '../../core/records/job.ts'
import type { JobPage, JobQuery } from './contract.ts'
import { ALL_COLUMNS, decodeRow, type ReadSql } from './rows.ts'
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
  const [first, ...others] = filters
  const found = first === undefined ? 'seq < ?' : `${conditionOf(first)} and seq < ?`
  const args = [...first === undefined ? [] : argsOf(first), before]
  const order = 'order by seq desc limit ?'
  const names = others.map(([name]) => name)
  const numbers = others.length === 0
    ? `select seq from jobs where ${found} ${order}`
    : `select seq from (select ${['seq', ...names].join()} from jobs where ${found} ${order}) where ${
      names.map((name) => `${name} = ?`).join(' and ')
    } ${order}`
  const bounds = others.length === 0 ? [] : [JOBS_SEARCHED_MAX, ...others.map(([, value]) => value)]
  const sql = `select ${ALL_COLUMNS.jobs} from jobs where seq in (${numbers}) order by seq desc`
  const records = await read(sql, [...args, ...bounds, limit + 1])
  const jobs = records.map((record) => decodeRow('jobs', record))
  const last = jobs.at(-1)
  if (jobs.length > limit && last !== undefined) return { jobs, from: last.seq, isCut: false }
  if (others.length === 0) return { jobs, from: Number.NEGATIVE_INFINITY, isCut: false }
  const [reach] = await read(
    `select min(seq) as seq, count(*) as jobs from (select seq from jobs where ${found} ${order})`,
    [...args, JOBS_SEARCHED_MAX],
  )
  const isCut = Number(reach?.['jobs']) === JOBS_SEARCHED_MAX
  return { jobs, from: isCut ? Number(reach?.['seq']) : Number.NEGATIVE_INFINITY, isCut }
}

/** Dead letters have an index of their own, which the literal 1 selects. */
function conditionOf([name]: Filter): string {
  return name === 'dead_lettered' ? 'dead_lettered = 1' : `${name} = ?`
}

function argsOf([name, value]: Filter): readonly SqlValue[] {
  return name === 'dead_lettered' ? [] : [value]
}
