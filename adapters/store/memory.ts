import { assert } from '../../core/base/assert.ts'
import type { ClockChange, Deletions, Effects } from '../../core/turn.ts'
import { writesNothing } from '../../core/turn.ts'
import { rootOf } from '../../core/jobs/family.ts'
import { Receipt } from '../../core/base/receipt.ts'
import type { JobId, Millis, WebhookId } from '../../core/base/ids.ts'
import { withoutLongParameters } from '../../core/records/parameters.ts'
import { checkJob, type FamilyMember, type JobRow, type RecentJob } from '../../core/records/job.ts'
import { DELIVERY_PAGE } from '../../core/settings.ts'
import type { StoredRows } from '../../core/state.ts'
import type { DeliveryRow } from '../../core/records/webhook.ts'
import { StaleEpoch, type Store } from './contract.ts'
import { asMember, asRecent, interactionsOf } from './excerpts.ts'
import { byKey, memoryQueries } from './memory-queries.ts'
import { fieldsOf, frozen, rowKey, type TableChange, uniqueKey, verifyRows, verifyUpdates } from './memory-strict.ts'
import { CASCADES, type RowOf, type TableName, TABLES } from './rows.ts'
import { seqMax } from './writes.ts'
import type { EarlyRun } from '../../core/records/schedule.ts'
import type { Prefetch, Prefetched } from '../../core/prefetch.ts'
import { MemoryDisk } from './memory-disk.ts'

/** A store in memory, for tests and the simulator: deterministic, and a commit costs only what it writes. */
export function memoryStore(disk: MemoryDisk = new MemoryDisk()): Store {
  let epoch: number | null = null
  return {
    async load(dueUntil, recentSince = null) {
      epoch = ++disk.epoch
      return readStored(disk, dueUntil, recentSince)
    },
    prefetch: (need) => readPrefetched(disk, need),
    commit(out) {
      if (writesNothing(out)) return new Receipt(out.turn)
      assert(epoch !== null, 'a store is loaded before it commits')
      if (epoch !== disk.epoch) throw new StaleEpoch()
      const changes = changesOf(out, wholeJobs(disk, out.rows.jobs))
      for (const tableChange of changes) verifyRows(disk, tableChange)
      verifyUpdates(disk, out)
      if (out.clockChange !== null) move(disk, out.clockChange)
      forget(disk, out)
      remove(disk, out.deletions)
      for (const tableChange of changes) put(disk, tableChange)
      disk.seq = Math.max(disk.seq, seqMax(out))
      disk.clock = out.at
      return new Receipt(out.turn)
    },
    queries: memoryQueries(disk),
    async close() {},
  }
}

function readStored(disk: MemoryDisk, dueUntil: Millis, recentSince: Millis | null): StoredRows {
  const { tables, live, seq, clock, epoch } = disk
  const jobs = [...live.values()].filter((job) => job.ready_at === null || job.ready_at <= dueUntil)
  const hashes = new Set<string | null>(jobs.map((job) => job.definition))
  for (const workflow of tables.workflows.values()) {
    hashes.add(workflow.definition).add(workflow.published_definition)
  }
  return {
    jobs: jobs.sort((a, b) => a.seq - b.seq).map(checkJob).map(withoutLongParameters),
    robots: byKey(tables.robots),
    workflows: byKey(tables.workflows),
    triggers: byKey(tables.triggers),
    schedules: byKey(tables.schedules),
    keys: byKey(tables.keys),
    pools: byKey(tables.pools),
    affinities: byKey(tables.affinities),
    definitions: byKey(tables.definitions).filter((definition) => hashes.has(definition.hash)),
    webhooks: byKey(tables.webhooks),
    deliveries: byKey(tables.webhooks).filter(({ enabled }) => enabled)
      .flatMap(({ id }) => pendingOf(disk, id).slice(0, DELIVERY_PAGE + 1)).sort(byDue),
    recent: recentSince === null ? [] : recentOf(tables.jobs.values(), recentSince),
    members: membersOf(disk, jobs),
    earlyRuns: earlyRunsOf(disk, clock),
    seq,
    clock,
    epoch,
  }
}

function recentOf(jobs: Iterable<JobRow>, since: Millis): readonly RecentJob[] {
  const recent = [...jobs].filter((job) => job.created_at > since)
  return recent.sort((a, b) => a.created_at - b.created_at || a.seq - b.seq).map(asRecent)
}

function membersOf({ tables }: MemoryDisk, jobs: readonly JobRow[]): readonly FamilyMember[] {
  const roots = new Set(jobs.filter(({ completed_at }) => completed_at === null).map(rootOf))
  return [...tables.jobs.values()].filter((job) => roots.has(rootOf(job))).map(asMember)
}

function readPrefetched(disk: MemoryDisk, need: Prefetch): Prefetched {
  const { tables, live } = disk
  const idempotency = new Map(need.idempotency.flatMap((key) => {
    const row = tables.idempotency.get(key)
    return row === undefined ? [] : [[key, row]]
  }))
  const jobs = new Map<JobId, JobRow>()
  for (const id of [...need.jobs, ...[...idempotency.values()].map((row) => row.job_id)]) {
    const job = tables.jobs.get(id)
    if (job !== undefined) jobs.set(id, checkJob(job))
  }
  const duplicates = new Map<string, JobRow>()
  if (need.duplicates.length > 0) {
    for (const job of tables.jobs.values()) {
      const recent = job.completed_at === null || job.created_at > need.duplicatesSince
      if (recent && job.duplicate_key !== null && need.duplicates.includes(job.duplicate_key)) {
        duplicates.set(job.duplicate_key, checkJob(job))
      }
    }
  }
  const { due } = need
  const soon = due === null
    ? []
    : [...live.values()].filter(({ ready_at }) => ready_at !== null && ready_at > due.after && ready_at <= due.until)
  const definitions = soon.flatMap((job) => tables.definitions.get(job.definition) ?? [])
  const pages = new Map(need.pages.map(({ webhook, at, seq }) => {
    const behind = (row: DeliveryRow): boolean => (row.next_at ?? 0) > at || (row.next_at === at && row.seq > seq)
    return [webhook, pendingOf(disk, webhook).filter(behind).slice(0, DELIVERY_PAGE + 1)]
  }))
  const deliveries = new Map(need.deliveries.flatMap((id) => {
    const row = tables.deliveries.get(id)
    return row === undefined ? [] : [[id, row]]
  }))
  const interactions = need.interactions.length === 0
    ? []
    : interactionsOf(tables.job_history.values(), need.interactions)
  const earlyRuns = need.earlyRuns === null ? [] : earlyRunsOf(disk, need.earlyRuns)
  const fetched = soon.map(checkJob).map(withoutLongParameters)
  return { jobs, duplicates, idempotency, due: fetched, definitions, pages, deliveries, interactions, earlyRuns }
}

function earlyRunsOf({ tables }: MemoryDisk, after: Millis): readonly EarlyRun[] {
  return [...tables.schedule_runs.values()].flatMap(({ schedule_id, due_at, job_id }) =>
    due_at !== null && due_at > after && job_id !== null && tables.schedules.has(schedule_id)
      ? [{ schedule_id, due_at }]
      : []
  )
}

/** The pending deliveries of a webhook, in the order in which they are due. */
function pendingOf({ pending }: MemoryDisk, webhook: WebhookId): DeliveryRow[] {
  return [...pending.get(webhook)?.values() ?? []].sort(byDue)
}

function byDue(a: DeliveryRow, b: DeliveryRow): number {
  return (a.next_at ?? 0) - (b.next_at ?? 0) || a.seq - b.seq
}

/** The jobs of a turn with their parameters: a changed one may have only the size, and keeps what is stored. */
function wholeJobs({ tables }: MemoryDisk, jobs: ReadonlyMap<JobId, JobRow>): ReadonlyMap<JobId, JobRow> {
  return new Map([...jobs].map(([id, job]) => {
    const stored = typeof job.parameters === 'string' ? undefined : tables.jobs.get(id)
    return [id, stored === undefined ? job : { ...job, parameters: stored.parameters }]
  }))
}

function changesOf(
  { rows, history, logs, scheduleRuns, triggerEvents }: Effects,
  jobs: ReadonlyMap<JobId, JobRow>,
): readonly TableChange[] {
  const changes: TableChange[] = []
  change(changes, 'definitions', rows.definitions)
  change(changes, 'workflow_versions', rows.versions)
  change(changes, 'workflows', rows.workflows)
  change(changes, 'triggers', rows.triggers)
  change(changes, 'schedules', rows.schedules)
  change(changes, 'keys', rows.keys)
  change(changes, 'pools', rows.pools)
  change(changes, 'affinities', rows.affinities)
  change(changes, 'idempotency', rows.idempotency)
  change(changes, 'webhooks', rows.webhooks)
  change(changes, 'deliveries', rows.deliveries)
  change(changes, 'robots', rows.robots)
  change(changes, 'jobs', jobs)
  change(changes, 'job_history', history)
  change(changes, 'job_logs', logs)
  change(changes, 'schedule_runs', scheduleRuns)
  change(changes, 'trigger_events', triggerEvents)
  return changes
}

/** Collects the change of one table. Throws when a row violates a unique key. Most turns touch few tables. */
function change<T extends TableName>(
  changes: TableChange[],
  table: T,
  changed: ReadonlyMap<string, RowOf[T]> | readonly RowOf[T][],
): void {
  if (('size' in changed ? changed.size : changed.length) === 0) return
  const { conflict } = TABLES[table]
  const rows = new Map<string, RowOf[T]>()
  for (const row of changed.values()) {
    const key = rowKey(table, row)
    if (conflict === 'fail' && rows.has(key)) throw new Error(`${table} has ${key} twice`)
    if (conflict !== 'keep' || !rows.has(key)) rows.set(key, row)
  }
  // The compiler cannot relate table and rows once different tables are in one list.
  changes.push({ table, rows } as unknown as TableChange)
}

/** The same as `moves` in `writes.ts`. */
function move(disk: MemoryDisk, { by, since }: ClockChange): void {
  const { tables } = disk
  const at = (instant: Millis | null): Millis | null => (instant === null ? null : instant + by)
  const idempotency = new Map(
    [...tables.idempotency].map(([key, row]) => [key, { ...row, created_at: row.created_at + by }]),
  )
  put(disk, { table: 'idempotency', rows: idempotency })
  const due = [...tables.deliveries].filter(([, row]) => row.next_at !== null)
  put(disk, { table: 'deliveries', rows: new Map(due.map(([id, row]) => [id, { ...row, next_at: at(row.next_at) }])) })
  const made = [...tables.jobs].filter(([, job]) => job.completed_at === null || job.created_at > since)
  const jobs = made.map(([id, job]) =>
    [id, {
      ...job,
      created_at: job.created_at + by,
      queued_at: at(job.queued_at),
      started_at: at(job.started_at),
      completed_at: at(job.completed_at),
    }] as const
  )
  put(disk, { table: 'jobs', rows: new Map(jobs) })
}

function forget({ tables, pending }: MemoryDisk, { forgetBefore, forgetDeliveriesBefore }: Effects): void {
  if (forgetBefore !== null) {
    for (const [key, row] of tables.idempotency) if (row.created_at < forgetBefore) tables.idempotency.delete(key)
  }
  if (forgetDeliveriesBefore === null) return
  for (const [id, row] of tables.deliveries) {
    const owed = row.next_at !== null && tables.webhooks.get(row.webhook_id)?.enabled === true
    if (row.created_at >= forgetDeliveriesBefore || owed) continue
    tables.deliveries.delete(id)
    pending.get(row.webhook_id)?.delete(id)
  }
}

function remove({ tables, pending }: MemoryDisk, deletions: Deletions): void {
  for (const webhook of deletions.webhooks) pending.delete(webhook)
  for (const [deleted, ids] of Object.entries(deletions) as [keyof Deletions, ReadonlySet<string>][]) {
    if (ids.size === 0) continue
    for (const [table, column] of CASCADES[deleted]) {
      for (const [key, row] of tables[table]) if (ids.has(String(fieldsOf(row)[column]))) tables[table].delete(key)
    }
  }
}

function put(disk: MemoryDisk, { table, rows }: TableChange): void {
  // The compiler cannot relate table and rows for a union.
  const kept = disk.tables[table] as Map<string, RowOf[TableName]>
  for (const [key, row] of rows) {
    if (TABLES[table].conflict === 'keep' && kept.has(key)) continue
    kept.set(key, disk.freezes ? frozen(row, table) : row)
    const unique = uniqueKey(table, row)
    if (unique !== null) disk.unique.set(unique, key)
  }
  if (table === 'deliveries') { for (const row of rows.values() as Iterable<DeliveryRow>) putPending(disk, row) }
  if (table !== 'jobs') return
  for (const job of rows.values() as Iterable<JobRow>) {
    if (job.completed_at === null || job.stop_until !== null) disk.live.set(job.id, job)
    else disk.live.delete(job.id)
  }
}

function putPending({ pending }: MemoryDisk, row: DeliveryRow): void {
  const rows = pending.get(row.webhook_id)
  if (row.next_at === null) rows?.delete(row.id)
  else if (rows === undefined) pending.set(row.webhook_id, new Map([[row.id, row]]))
  else rows.set(row.id, row)
}
