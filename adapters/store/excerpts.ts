import type { Dealing, Need, RecentJob } from '../../core/effects.ts'
import { COLUMNS, packed } from './rows.ts'

/** Rows of which a few columns are read: the others may be large, and are not asked for. */

const RECENT_NAMES = ['created_at', 'created_by', 'trigger_id', 'schedule_id', 'retry_of']
const RECENT_COLUMNS = COLUMNS.jobs.filter(({ name }) => RECENT_NAMES.includes(name))

/** Of these jobs nothing is read but what limits go by: there may be many, and large ones. */
export const RECENT = {
  table: 'jobs',
  columns: RECENT_COLUMNS,
  sql: `select ${packed(RECENT_COLUMNS)} from jobs where created_at > ? order by created_at, id`,
} as const

/** What a limit has to know of a job. */
export function asRecent({ created_at, created_by, trigger_id, schedule_id, retry_of }: RecentJob): RecentJob {
  return { created_at, created_by, trigger_id, schedule_id, retry_of }
}

const DEALING_COLUMNS = COLUMNS.job_history.filter(({ name }) => ['job_id', 'robot_id', 'event'].includes(name))

/** The first entry of each kind for each job and robot: a history may have thousands. */
export function wantDealings(wanted: Need['dealings']) {
  const triples = wanted.flatMap(({ job, robot }) => ['offer', 'late_result'].map((event) => [job, robot, event]))
  return { table: 'job_history', columns: DEALING_COLUMNS, sql: DEALINGS, args: [JSON.stringify(triples)] } as const
}

const DEALINGS = `select ${packed(DEALING_COLUMNS)} from job_history where seq in (
  select (
    select seq from job_history where job_id = json_each.value ->> 0 and robot_id = json_each.value ->> 1
    and event = json_each.value ->> 2 order by seq limit 1
  ) from json_each(?)
)`

/** What is asked of an entry in a history. */
export function asDealing({ job_id, robot_id, event }: Dealing): Dealing {
  return { job_id, robot_id, event }
}
