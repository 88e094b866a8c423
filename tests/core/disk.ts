import type { Effects } from '../../core/turn.ts'
import type { Millis } from '../../core/base/ids.ts'
import { isLive, isStopping, type JobRow } from '../../core/records/job.ts'
import type { State, StoredRows } from '../../core/state.ts'
import { NOTHING_PREFETCHED, type Prefetch, type Prefetched } from '../../core/prefetch.ts'
import { aheadIn, moveRows } from './disk-clock.ts'
import { deleteWebhooks, firstPending, pagesOf } from './disk-deliveries.ts'

/** The rows of all turns of a fleet that is stepped by hand, in one place, as a store would keep them. */

/** The rows that a store would find: ended jobs, earlier answers, and jobs near their time. */
export function foundOn(disk: Effects, need: Prefetch | null): Prefetched {
  if (need === null) return NOTHING_PREFETCHED
  const { due } = need
  const jobs = [...disk.rows.jobs.values()]
  const replayed = need.idempotency.flatMap((key) => disk.rows.idempotency.get(key)?.job_id ?? [])
  const asked = new Set([...need.jobs, ...replayed])
  const soon = due === null
    ? []
    : jobs.filter((job) =>
      job.status === 'pending' && job.ready_at !== null && job.ready_at > due.after && job.ready_at <= due.until
    )
  return {
    jobs: new Map(jobs.filter(({ id }) => asked.has(id)).map((job) => [job.id, job])),
    idempotency: new Map(disk.rows.idempotency),
    duplicates: new Map(
      jobs.filter((job) => job.completed_at === null || job.created_at > need.duplicatesSince)
        .map((job) => [job.duplicate_key ?? '', job]),
    ),
    due: soon,
    definitions: soon.flatMap((job) => disk.rows.definitions.get(job.definition) ?? []),
    pages: pagesOf(disk, need.pages),
    deliveries: new Map(disk.rows.deliveries),
    interactions: need.interactions.flatMap(({ job, robot }) =>
      disk.history.filter((entry) => entry.job_id === job && entry.robot_id === robot)
    ),
    earlyRuns: aheadIn(disk, need.earlyRuns),
  }
}

/** A job as a store keeps it: a change of one does not write its parameters. */
function whole(disk: Effects, job: JobRow): JobRow {
  const before = typeof job.parameters === 'string' ? undefined : disk.rows.jobs.get(job.id)
  return before === undefined ? job : { ...job, parameters: before.parameters }
}

/** Keeps the rows of a turn. */
export function keepOn(disk: Effects, out: Effects): void {
  moveRows(disk, out.clockChange)
  deleteWebhooks(disk, out.deletions.webhooks)
  for (const [name, rows] of Object.entries(out.rows)) {
    const kept = disk.rows[name as keyof Effects['rows']] as Map<unknown, unknown>
    for (const [key, row] of rows as Map<unknown, unknown>) {
      kept.set(key, name === 'jobs' ? whole(disk, row as JobRow) : row)
    }
  }
  disk.history.push(...out.history)
  disk.logs.push(...out.logs)
  disk.scheduleRuns.push(...out.scheduleRuns)
  disk.triggerEvents.push(...out.triggerEvents)
  for (const id of out.deletions.schedules) disk.rows.schedules.delete(id)
}

/** The rows that the next process would load. */
export function hotOn(disk: Effects, state: State, now: Millis): StoredRows {
  const jobs = [...disk.rows.jobs.values()]
    .filter((job) => isLive(job.status) || isStopping(job))
    .filter((job) => job.ready_at === null || job.ready_at <= state.horizonAt)
    .toSorted((a, b) => a.seq - b.seq)
  const workflows = [...disk.rows.workflows.values()]
  const used = new Set([
    ...jobs.map((job) => job.definition),
    ...workflows.flatMap((workflow) => [workflow.definition, workflow.published_definition]),
  ])
  return {
    jobs,
    workflows,
    robots: [...disk.rows.robots.values()],
    triggers: [...disk.rows.triggers.values()],
    schedules: [...disk.rows.schedules.values()],
    keys: [...disk.rows.keys.values()],
    pools: [...disk.rows.pools.values()],
    affinities: [...disk.rows.affinities.values()],
    definitions: [...disk.rows.definitions.values()].filter(({ hash }) => used.has(hash)),
    webhooks: [...disk.rows.webhooks.values()],
    deliveries: firstPending(disk),
    recent: [...disk.rows.jobs.values()],
    members: [...disk.rows.jobs.values()],
    earlyRuns: [],
    seq: state.seq,
    clock: now,
    epoch: 1,
  }
}
