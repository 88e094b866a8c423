import { assert } from '../../core/assert.ts'
import { type Effects, type Found, isEmpty, type Need, Receipt } from '../../core/effects.ts'
import type { JobId, Millis } from '../../core/ids.ts'
import { check, type JobRow } from '../../core/job.ts'
import type { Hot } from '../../core/state.ts'
import { type PageQuery, type Queries, StaleEpoch, type Store } from './contract.ts'
import { newestFirst, pageOf } from './queries.ts'
import { COLUMNS, type Kind, type RowOf, type TableName, TABLES } from './tables.ts'
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
    keys: new Map(),
    pools: new Map(),
    affinities: new Map(),
    idempotency: new Map(),
    job_history: new Map(),
    job_logs: new Map(),
  }
  /** The jobs that belong in memory, and those whose time is far off, so that loading costs what is live. */
  readonly live = new Map<JobId, JobRow>()
}

/** A store in memory, for tests and the simulator: deterministic, and a commit costs what it writes. */
export function memoryStore(disk: MemoryDisk = new MemoryDisk()): Store {
  let epoch: number | null = null
  return {
    async load(dueUntil) {
      epoch = ++disk.epoch
      return readHot(disk, dueUntil)
    },
    find: (need) => readFound(disk, need),
    commit(out) {
      if (isEmpty(out)) return new Receipt(out.turn)
      assert(epoch !== null, 'a store is loaded before it commits')
      if (epoch !== disk.epoch) throw new StaleEpoch()
      const changes = changesOf(out)
      for (const change of changes) verify(disk, change)
      forget(disk, out.forgetBefore)
      for (const change of changes) put(disk, change)
      disk.seq = Math.max(disk.seq, seqMax(out))
      disk.clock = Math.max(disk.clock, out.at)
      return new Receipt(out.turn)
    },
    queries: memoryQueries(disk),
    async close() {},
  }
}

function readHot({ tables, live, seq, clock, epoch }: MemoryDisk, dueUntil: Millis): Hot {
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
    keys: byKey(tables.keys),
    pools: byKey(tables.pools),
    affinities: byKey(tables.affinities),
    definitions: byKey(tables.definitions).filter((definition) => hashes.has(definition.hash)),
    seq,
    clock,
    epoch,
  }
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
  return { jobs, duplicates, idempotency, due: soon.map(check), definitions }
}

function byKey<Row>(table: ReadonlyMap<string, Row>): Row[] {
  return [...table].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
}

/** The rows of a turn for one table, by key. */
interface Change<T extends TableName = TableName> {
  readonly table: T
  readonly rows: ReadonlyMap<string, RowOf[T]>
}

function changesOf({ rows, history, logs }: Effects): readonly Change[] {
  return [
    change('definitions', rows.definitions.values()),
    change('workflow_versions', rows.versions.values()),
    change('workflows', rows.workflows.values()),
    change('triggers', rows.triggers.values()),
    change('keys', rows.keys.values()),
    change('pools', rows.pools.values()),
    change('affinities', rows.affinities.values()),
    change('idempotency', rows.idempotency.values()),
    change('robots', rows.robots.values()),
    change('jobs', rows.jobs.values()),
    change('job_history', history),
    change('job_logs', logs),
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
  for (const [key, row] of rows) {
    if (TABLES[table].conflict === 'fail' && disk.tables[table].has(key)) throw new Error(`${table} has ${key} already`)
    const fields = fieldsOf(row)
    for (const { name, kind, nullable } of COLUMNS[table]) {
      const value = fields[name]
      const fits = value === null ? nullable : FITS[kind](value)
      if (!fits) throw new Error(`${table}.${name} cannot hold ${String(value)}`)
    }
  }
}

const FITS: { readonly [K in Kind]: (value: unknown) => boolean } = {
  text: (value) => typeof value === 'string',
  int: (value) => Number.isSafeInteger(value),
  real: (value) => Number.isFinite(value),
  flag: (value) => typeof value === 'boolean',
  json: (value) => typeof value === 'object' && value !== null,
}

function forget({ tables }: MemoryDisk, before: Millis | null): void {
  if (before === null) return
  for (const [key, row] of tables.idempotency) if (row.created_at < before) tables.idempotency.delete(key)
}

function put(disk: MemoryDisk, { table, rows }: Change): void {
  // That the rows are those of the table is lost on the compiler here: it cannot relate the two for a union.
  const kept = disk.tables[table] as Map<string, RowOf[TableName]>
  for (const [key, row] of rows) {
    if (TABLES[table].conflict === 'keep' && kept.has(key)) continue
    kept.set(key, frozen(row))
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

function memoryQueries({ tables }: MemoryDisk): Queries {
  const logOf = (id: JobId) => ofJob(tables.job_logs, id)
  return {
    job: async (id) => tables.jobs.get(id),
    jobs: async (query) => {
      const { status, workflow_id, robot_id, trigger_id, dead_lettered } = query
      return page(
        [...tables.jobs.values()].filter((job) =>
          (dead_lettered === true ? job.dead_lettered : status === undefined || status.includes(job.status)) &&
          (workflow_id === undefined || job.workflow_id === workflow_id) &&
          (robot_id === undefined || job.robot_id === robot_id) &&
          (trigger_id === undefined || job.trigger_id === trigger_id)
        ),
        query,
      )
    },
    logs: async (id, { after, limit }) => logOf(id).filter((line) => line.seq > after).slice(0, limit),
    logTail: async (id, lines) => logOf(id).slice(-lines),
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
    keys: async (query) => page([...tables.keys.values()], query),
    pools: async () => byKey(tables.pools),
  }
}

function page<T extends { readonly created_at: number; readonly id: string }>(rows: readonly T[], query: PageQuery) {
  assert(Number.isSafeInteger(query.limit) && query.limit > 0, 'a page has room for a row')
  const { after } = query
  const start = after && { created_at: after.at, id: after.id }
  return pageOf((start ? rows.filter((row) => newestFirst(row, start) > 0) : rows).toSorted(newestFirst), query)
}

/** The rows of one job, in their order. */
function ofJob<Row extends { readonly job_id: JobId; readonly seq: number }>(
  table: ReadonlyMap<string, Row>,
  id: JobId,
) {
  return [...table.values()].filter((row) => row.job_id === id).sort((a, b) => a.seq - b.seq)
}
