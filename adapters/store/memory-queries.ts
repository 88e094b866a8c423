import { assert } from '../../core/base/assert.ts'
import type { JobId } from '../../core/base/ids.ts'
import { BACKLOG_COUNT_MAX, type LedgerQuery, LOG_COUNT_MAX, type PageQuery, type Queries } from './contract.ts'
import { newestFirst, rowPage } from './queries.ts'
import type { MemoryDisk } from './memory-disk.ts'

/** `Queries` over rows in memory. Each query scans its table, which suits small numbers of rows. */
export function memoryQueries({ tables }: MemoryDisk): Queries {
  const logOf = (id: JobId) => ofJob(tables.job_logs, id)
  return {
    job: async (id) => tables.jobs.get(id),
    jobs: async (query) => {
      const { status, workflow_id, robot_id, trigger_id, schedule_id, parent_job_id, dead_lettered } = query
      const before = query.after?.at ?? Infinity
      const found = [...tables.jobs.values()].filter((job) =>
        job.seq < before &&
        (dead_lettered === true ? job.dead_lettered : status === undefined || status.includes(job.status)) &&
        (workflow_id === undefined || job.workflow_id === workflow_id) &&
        (robot_id === undefined || job.robot_id === robot_id) &&
        (trigger_id === undefined || job.trigger_id === trigger_id) &&
        (schedule_id === undefined || job.schedule_id === schedule_id) &&
        (parent_job_id === undefined || job.parent_job_id === parent_job_id)
      ).sort((a, b) => b.seq - a.seq)
      const items = found.slice(0, query.limit)
      const last = items.at(-1)
      const next = found.length > items.length && last !== undefined ? { at: last.seq, id: last.id } : null
      return { items, next, searched: null }
    },
    logs: async (id, { after, limit }) => logOf(id).filter((line) => line.seq > after).slice(0, limit),
    logTail: async (id, lines) => logOf(id).slice(-lines),
    logCount: async (id) => Math.min(logOf(id).length, LOG_COUNT_MAX),
    history: async (id) => ofJob(tables.job_history, id),
    workflow: async (id) => tables.workflows.get(id),
    workflows: async (query) => page([...tables.workflows.values()], query),
    versions: async (id) =>
      [...tables.workflow_versions.values()].filter((version) => version.workflow_id === id)
        .sort((a, b) => b.version - a.version),
    definition: async (hash) => tables.definitions.get(hash)?.json,
    robot: async (id) => tables.robots.get(id),
    robots: async (query) => page([...tables.robots.values()], query),
    trigger: async (id) => tables.triggers.get(id),
    triggers: async (query) => page([...tables.triggers.values()], query),
    triggerEvents: async (id, query) => lastFirst(tables.trigger_events, query, (row) => row.trigger_id === id),
    schedule: async (id) => tables.schedules.get(id),
    schedules: async (query) => page([...tables.schedules.values()], query),
    scheduleRuns: async (id, query) => lastFirst(tables.schedule_runs, query, (row) => row.schedule_id === id),
    keys: async (query) => page([...tables.keys.values()], query),
    pools: async () => byKey(tables.pools),
    webhook: async (id) => tables.webhooks.get(id),
    webhooks: async (query) => page([...tables.webhooks.values()], query),
    delivery: async (id) => tables.deliveries.get(id),
    deliveries: async (query) =>
      page(
        [...tables.deliveries.values()].filter((row) =>
          row.webhook_id === query.webhook_id && (query.status === undefined || row.status === query.status)
        ),
        query,
      ),
    backlog: async (id) => {
      const pending = [...tables.deliveries.values()].filter((row) => row.webhook_id === id && row.next_at !== null)
      const oldestAt = pending.length === 0 ? null : Math.min(...pending.map((row) => row.created_at))
      return { pending: Math.min(pending.length, BACKLOG_COUNT_MAX), oldestAt }
    },
  }
}

function page<T extends { readonly created_at: number; readonly id: string }>(rows: readonly T[], query: PageQuery) {
  assert(Number.isSafeInteger(query.limit) && query.limit > 0, 'a page has room for a row')
  const { after } = query
  const start = after && { created_at: after.at, id: after.id }
  return rowPage((start ? rows.filter((row) => newestFirst(row, start) > 0) : rows).toSorted(newestFirst), query)
}

/** The rows of one job, in their order. */
function ofJob<Row extends { readonly job_id: JobId; readonly seq: number }>(
  table: ReadonlyMap<string, Row>,
  id: JobId,
) {
  return [...table.values()].filter((row) => row.job_id === id).sort((a, b) => a.seq - b.seq)
}

function lastFirst<Row extends { readonly seq: number }>(
  table: ReadonlyMap<string, Row>,
  { before = Infinity, limit }: LedgerQuery,
  belongs: (row: Row) => boolean,
) {
  return [...table.values()].filter((row) => row.seq < before && belongs(row))
    .sort((a, b) => b.seq - a.seq).slice(0, limit)
}

/** The rows of a table in the order of their keys. */
export function byKey<Row>(table: ReadonlyMap<string, Row>): Row[] {
  return [...table.keys()].sort().map((key) => table.get(key) as Row)
}
