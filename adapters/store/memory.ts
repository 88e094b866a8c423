import { assert } from '../../core/assert.ts'
import {
  type Deletions,
  type Effects,
  type Found,
  isEmpty,
  type Need,
  Receipt,
  type RecentJob,
} from '../../core/effects.ts'
import type { JobId, Millis, WebhookId } from '../../core/ids.ts'
import { check, type JobRow } from '../../core/job.ts'
import { LANE_PAGE } from '../../core/limits.ts'
import type { Hot } from '../../core/state.ts'
import type { DeliveryRow } from '../../core/webhook.ts'
import { StaleEpoch, type Store } from './contract.ts'
import { byKey, memoryQueries } from './memory-queries.ts'
import { asRecent, newestFirst } from './queries.ts'
import { COLUMNS, GOES, type Kind, type RowOf, type TableName, TABLES } from './rows.ts'
import { seqMax } from './writes.ts'

/**
 * What a file is to other stores: it outlives them, and a store made on it reads what earlier ones committed.
 * Rows are shared, not copied, and frozen, so that nobody can change what is on the disk by changing what he holds.
 */
export class MemoryDisk {
  epoch = 0
  seq = 0
  clock = 0
  readonly tables: { readonly [T in TableName]: Map<string, RowOf[T]> } = {
    jobs: new Map(),
    robots: new Map(),
    workflows: new Map(),
    workflow_versions: new Map(),
    definitions: new Map(),
    triggers: new Map(),
    schedules: new Map(),
    keys: new Map(),
    pools: new Map(),
    affinities: new Map(),
    idempotency: new Map(),
    webhooks: new Map(),
    deliveries: new Map(),
    job_history: new Map(),
    job_logs: new Map(),
    occurrences: new Map(),
    trigger_events: new Map(),
  }
  /** By table and what must be unique: the key of the row that has it. */
  readonly unique = new Map<string, string>()
  /** The jobs that belong in memory, and those whose time is far off, so that loading costs what is live. */
  readonly live = new Map<JobId, JobRow>()
}

/** A store in memory, for tests and the simulator: deterministic, and a commit costs what it writes. */
export function memoryStore(disk: MemoryDisk = new MemoryDisk()): Store {
  let epoch: number | null = null
  return {
    async load(dueUntil, recentSince = null) {
      epoch = ++disk.epoch
      return readHot(disk, dueUntil, recentSince)
    },
    find: (need) => readFound(disk, need),
    commit(out) {
      if (isEmpty(out)) return new Receipt(out.turn)
      assert(epoch !== null, 'a store is loaded before it commits')
      if (epoch !== disk.epoch) throw new StaleEpoch()
      const changes = changesOf(out)
      for (const change of changes) verify(disk, change)
      forget(disk, out)
      remove(disk, out.deletions)
      for (const change of changes) put(disk, change)
      disk.seq = Math.max(disk.seq, seqMax(out))
      disk.clock = Math.max(disk.clock, out.at)
      return new Receipt(out.turn)
    },
    queries: memoryQueries(disk),
    async close() {},
  }
}

function readHot(
  { tables, live, seq, clock, epoch }: MemoryDisk,
  dueUntil: Millis,
  recentSince: Millis | null,
): Hot {
  const jobs = [...live.values()].filter((job) => job.ready_at === null || job.ready_at <= dueUntil)
  const hashes = new Set<string | null>(jobs.map((job) => job.definition))
  for (const workflow of tables.workflows.values()) {
    hashes.add(workflow.definition).add(workflow.published_definition)
  }
  return {
    jobs: jobs.sort((a, b) => a.seq - b.seq).map(check),
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
      .flatMap(({ id }) => pendingOf(tables.deliveries, id).slice(0, LANE_PAGE + 1)).sort(byDue),
    recent: recentSince === null ? [] : recentOf(tables.jobs.values(), recentSince),
    seq,
    clock,
    epoch,
  }
}

function recentOf(jobs: Iterable<JobRow>, since: Millis): readonly RecentJob[] {
  return [...jobs].filter((job) => job.created_at > since).sort((a, b) => newestFirst(b, a)).map(asRecent)
}

function readFound({ tables, live }: MemoryDisk, need: Need): Found {
  const idempotency = new Map(need.idempotency.flatMap((key) => {
    const row = tables.idempotency.get(key)
    return row === undefined ? [] : [[key, row]]
  }))
  const jobs = new Map<JobId, JobRow>()
  for (const id of [...need.jobs, ...[...idempotency.values()].map((row) => row.job_id)]) {
    const job = tables.jobs.get(id)
    if (job !== undefined) jobs.set(id, check(job))
  }
  const duplicates = new Map<string, JobRow>()
  if (need.duplicates.length > 0) {
    for (const job of tables.jobs.values()) {
      const recent = job.completed_at === null || job.created_at > need.duplicatesSince
      if (recent && job.duplicate_key !== null && need.duplicates.includes(job.duplicate_key)) {
        duplicates.set(job.duplicate_key, check(job))
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
    return [webhook, pendingOf(tables.deliveries, webhook).filter(behind).slice(0, LANE_PAGE + 1)]
  }))
  const deliveries = new Map(need.deliveries.flatMap((id) => {
    const row = tables.deliveries.get(id)
    return row === undefined ? [] : [[id, row]]
  }))
  return { jobs, duplicates, idempotency, due: soon.map(check), definitions, pages, deliveries }
}

/** What one webhook is still to be told, in the order in which it is due. */
function pendingOf(table: ReadonlyMap<string, DeliveryRow>, webhook: WebhookId): DeliveryRow[] {
  return [...table.values()].filter((row) => row.webhook_id === webhook && row.next_at !== null).sort(byDue)
}

function byDue(a: DeliveryRow, b: DeliveryRow): number {
  return (a.next_at ?? 0) - (b.next_at ?? 0) || a.seq - b.seq
}

/** The rows of a turn for one table, by key. */
interface Change<T extends TableName = TableName> {
  readonly table: T
  readonly rows: ReadonlyMap<string, RowOf[T]>
}

function changesOf({ rows, history, logs, occurrences, triggerEvents }: Effects): readonly Change[] {
  return [
    change('definitions', rows.definitions.values()),
    change('workflow_versions', rows.versions.values()),
    change('workflows', rows.workflows.values()),
    change('triggers', rows.triggers.values()),
    change('schedules', rows.schedules.values()),
    change('keys', rows.keys.values()),
    change('pools', rows.pools.values()),
    change('affinities', rows.affinities.values()),
    change('idempotency', rows.idempotency.values()),
    change('webhooks', rows.webhooks.values()),
    change('deliveries', rows.deliveries.values()),
    change('robots', rows.robots.values()),
    change('jobs', rows.jobs.values()),
    change('job_history', history),
    change('job_logs', logs),
    change('occurrences', occurrences),
    change('trigger_events', triggerEvents),
  ]
}

/** Throws when a row that must be the only one with its key is not. */
function change<T extends TableName>(table: T, changed: Iterable<RowOf[T]>): Change<T> {
  const rows = new Map<string, RowOf[T]>()
  for (const row of changed) {
    const key = keyOf(table, row)
    if (TABLES[table].conflict === 'fail' && rows.has(key)) throw new Error(`${table} has ${key} twice`)
    if (TABLES[table].conflict !== 'keep' || !rows.has(key)) rows.set(key, row)
  }
  return { table, rows }
}

function keyOf<T extends TableName>(table: T, row: RowOf[T]): string {
  const key = TABLES[table].key as readonly string[]
  const fields = fieldsOf(row)
  return key.length === 1 ? String(fields[key[0] as string]) : JSON.stringify(key.map((name) => fields[name]))
}

/** A row by column names. */
function fieldsOf(row: RowOf[TableName]): Readonly<Record<string, unknown>> {
  return row as unknown as Readonly<Record<string, unknown>>
}

/** Refuses, before anything is written, what a STRICT table would refuse. Throws an `Error` as a driver does. */
function verify(disk: MemoryDisk, { table, rows }: Change): void {
  const taken = new Map<string, string>()
  for (const [key, row] of rows) {
    if (TABLES[table].conflict === 'fail' && disk.tables[table].has(key)) throw new Error(`${table} has ${key} already`)
    const fields = fieldsOf(row)
    for (const { name, kind, nullable } of COLUMNS[table]) {
      const value = fields[name]
      const fits = value === null ? nullable : FITS[kind](value)
      if (!fits) throw new Error(`${table}.${name} cannot hold ${String(value)}`)
    }
    const unique = uniqueOf(table, row)
    if (unique === null) continue
    const owner = taken.get(unique) ?? disk.unique.get(unique) ?? key
    if (owner !== key) throw new Error(`${table} has ${unique} already, in ${owner}`)
    taken.set(unique, key)
  }
}

/** What no other row of the table may have; null where there is nothing of the kind. */
function uniqueOf<T extends TableName>(table: T, row: RowOf[T]): string | null {
  const { unique = [] } = TABLES[table] as { readonly unique?: readonly string[] }
  const fields = fieldsOf(row)
  if (unique.length === 0 || unique.some((name) => fields[name] === null)) return null
  return JSON.stringify([table, ...unique.map((name) => fields[name])])
}

const FITS: { readonly [K in Kind]: (value: unknown) => boolean } = {
  text: (value) => typeof value === 'string',
  int: (value) => Number.isSafeInteger(value),
  real: (value) => Number.isFinite(value),
  flag: (value) => typeof value === 'boolean',
  json: (value) => typeof value === 'object' && value !== null,
}

function forget({ tables }: MemoryDisk, { forgetBefore, forgetDeliveriesBefore }: Effects): void {
  if (forgetBefore !== null) {
    for (const [key, row] of tables.idempotency) if (row.created_at < forgetBefore) tables.idempotency.delete(key)
  }
  if (forgetDeliveriesBefore === null) return
  for (const [id, row] of tables.deliveries) {
    const owed = row.next_at !== null && tables.webhooks.get(row.webhook_id)?.enabled === true
    if (row.created_at < forgetDeliveriesBefore && !owed) tables.deliveries.delete(id)
  }
}

function remove({ tables }: MemoryDisk, deletions: Deletions): void {
  for (const [deleted, ids] of Object.entries(deletions) as [keyof Deletions, ReadonlySet<string>][]) {
    if (ids.size === 0) continue
    for (const [table, column] of GOES[deleted]) {
      for (const [key, row] of tables[table]) if (ids.has(String(fieldsOf(row)[column]))) tables[table].delete(key)
    }
  }
}

function put(disk: MemoryDisk, { table, rows }: Change): void {
  // That the rows are those of the table is lost on the compiler here: it cannot relate the two for a union.
  const kept = disk.tables[table] as Map<string, RowOf[TableName]>
  for (const [key, row] of rows) {
    if (TABLES[table].conflict === 'keep' && kept.has(key)) continue
    kept.set(key, frozen(row))
    const unique = uniqueOf(table, row)
    if (unique !== null) disk.unique.set(unique, key)
  }
  if (table !== 'jobs') return
  for (const job of rows.values() as Iterable<JobRow>) {
    if (job.completed_at === null || job.stop_until !== null) disk.live.set(job.id, job)
    else disk.live.delete(job.id)
  }
}

/** The same value, unchangeable from now on all the way down. */
function frozen<V>(value: V): V {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}
