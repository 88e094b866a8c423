import { PAGE_COLUMNS } from './history-pages.ts'
import { BYTES_LIST, bytesList } from './bytes.ts'
import { COLUMNS, packColumns } from './rows.ts'
import type { FamilyMember, RecentJob } from '../../core/records/job.ts'
import type { Interaction, Prefetch } from '../../core/prefetch.ts'
import type { HistoryRow } from '../../core/records/job-history.ts'

/** Rows of which only a few columns are read. The others may be large. */

// A live job has no end (`check` guarantees that), so the database need not know the statuses. Jobs that are ready, or
// that wait for no instant, come first in the index; the scan stops before those that wait for a later one.
export const LIVE = '(completed_at is null or stop_until is not null)'
export const IN_MEMORY = `indexed by jobs_in_memory where ${LIVE}`

const RECENT_NAMES = ['created_at', 'created_by', 'trigger_id']
const RECENT_COLUMNS = COLUMNS.jobs.filter(({ name }) => RECENT_NAMES.includes(name))

/** The jobs that rate limits count. Only the columns that they need are read: the jobs may be many, and large. */
export const RECENT = {
  table: 'jobs',
  columns: RECENT_COLUMNS,
  sql: `select ${packColumns(RECENT_COLUMNS)} from jobs where created_at > ? order by created_at, seq`,
} as const

/** The fields of a job that a rate limit needs. */
export function asRecent({ created_at, created_by, trigger_id }: RecentJob): RecentJob {
  return { created_at, created_by, trigger_id }
}

/** The fields of a job that its family is known by. */
export function asMember({ id, root_job_id, completed_at }: FamilyMember): FamilyMember {
  return { id, root_job_id, completed_at }
}

const MEMBER_NAMES = ['id', 'root_job_id', 'completed_at']
const MEMBER_COLUMNS = COLUMNS.jobs.filter(({ name }) => MEMBER_NAMES.includes(name))
/** The roots of jobs in memory that have not ended. A job that was never offered to a robot cannot have started others. */
const IN_MEMORY_ROOTS = `(
  select ifnull(root_job_id, id) from jobs ${IN_MEMORY} and ready_at is null
  and completed_at is null and (root_job_id is not null or offer > 0)
  union select ifnull(root_job_id, id) from jobs ${IN_MEMORY} and ready_at <= ?
  and completed_at is null and (root_job_id is not null or offer > 0)
)`
export const ROOTS = {
  table: 'jobs',
  columns: MEMBER_COLUMNS,
  sql: `select ${packColumns(MEMBER_COLUMNS)} from jobs where id in ${IN_MEMORY_ROOTS}`,
} as const
export const DESCENDANTS = {
  table: 'jobs',
  columns: MEMBER_COLUMNS,
  sql: `select ${
    packColumns(MEMBER_COLUMNS)
  } from jobs where root_job_id is not null and root_job_id in ${IN_MEMORY_ROOTS}`,
} as const

/** The history of jobs of which is asked what happened between them and robots. */
export function wantInteractions(wanted: Prefetch['interactions']) {
  return { table: 'job_history', sql: HISTORIES, args: [bytesList(wanted.map(({ job }) => job))] } as const
}

const HISTORIES = `select ${PAGE_COLUMNS} from job_history where job in (
  select seq from jobs where id in ${BYTES_LIST}
)`

/** The interactions between these jobs and robots: the first entry of each kind. */
export function interactionsOf(
  history: Iterable<HistoryRow>,
  wanted: Prefetch['interactions'],
): readonly Interaction[] {
  const found = new Map<string, Interaction>()
  for (const entry of history) {
    const { job_id, robot_id, event } = entry
    if (event !== 'offer' && event !== 'late_result') continue
    if (!wanted.some(({ job, robot }) => job === job_id && robot === robot_id)) continue
    const key = JSON.stringify([job_id, robot_id, event])
    if (!found.has(key)) found.set(key, { job_id, robot_id, event })
  }
  return [...found.values()]
}
