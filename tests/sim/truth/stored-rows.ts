import type { Millis } from '../../../core/base/ids.ts'
import type { Truth } from './truth.ts'
import type { State, StoredRows } from '../../../core/state.ts'

/** No limit looks further back than that. */
const RECENT_MS: Millis = 600_000

/** The rows that a store would load, read from the disk by other code than the store's. */
export function storedRowsOf({ disk, unfinished }: Truth, { horizonAt }: State): StoredRows {
  const { tables } = disk
  const jobs = [...unfinished.keys()].flatMap((id) => tables.jobs.get(id) ?? [])
    .filter(({ ready_at }) => ready_at === null || ready_at <= horizonAt)
  const used = new Set<string | null>(jobs.map(({ definition }) => definition))
  for (const workflow of tables.workflows.values()) used.add(workflow.definition).add(workflow.published_definition)
  return {
    jobs: jobs.sort((a, b) => a.seq - b.seq),
    robots: [...tables.robots.values()],
    workflows: [...tables.workflows.values()],
    triggers: [...tables.triggers.values()],
    schedules: [...tables.schedules.values()],
    keys: [...tables.keys.values()],
    definitions: [...tables.definitions.values()].filter(({ hash }) => used.has(hash)),
    pools: [...tables.pools.values()],
    affinities: [...tables.affinities.values()],
    webhooks: [...tables.webhooks.values()],
    deliveries: [...tables.deliveries.values()].filter(({ next_at }) => next_at !== null)
      .sort((a, b) => (a.next_at ?? 0) - (b.next_at ?? 0) || a.seq - b.seq),
    recent: [...tables.jobs.values()].filter(({ created_at }) => created_at > disk.clock - RECENT_MS),
    members: [...tables.jobs.values()],
    earlyRuns: [],
    seq: disk.seq,
    clock: disk.clock,
    epoch: disk.epoch,
  }
}
