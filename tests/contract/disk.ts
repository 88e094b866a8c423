import { deepStrictEqual as same } from 'node:assert/strict'
import type { Store } from '../../adapters/store/contract.ts'
import type { JobId } from '../../core/base/ids.ts'
import { isLive, isStopping, type JobRow } from '../../core/records/job.ts'
import { withoutLongParameters } from '../../core/records/parameters.ts'
import type { StoredRows } from '../../core/state.ts'
import { job, row, type Sample } from './rows.ts'
import { prefetchOf } from '../../core/prefetch.ts'

/** Something that outlives stores: each `open` gives another store on the same rows. */
export interface Disk {
  open(): Promise<Store>
  /** The number of samples drawn; 25 unless it is slow. */
  readonly samples?: number
}

/** Later than the time of every pending job, unless a test makes one that is not. */
export const SOON = Number.MAX_SAFE_INTEGER

/** A store that may commit. */
export async function loaded(disk: Disk): Promise<Store> {
  const store = await disk.open()
  await store.load(SOON)
  return store
}

/** One row for every table, with five numbers from `seq` on. */
export function everything(name: string, seq: number): Sample {
  return {
    jobs: [job(name, { seq, definition: name })],
    robots: [row('robots', { id: name })],
    workflows: [row('workflows', { id: name })],
    workflow_versions: [row('workflow_versions', { workflow_id: name, version: 1 })],
    definitions: [row('definitions', { hash: name, json: '{}' })],
    triggers: [row('triggers', { id: name })],
    schedules: [row('schedules', { id: name })],
    keys: [row('keys', { id: name })],
    pools: [row('pools', { name })],
    affinities: [row('affinities', { workflow_id: name, robot_id: name })],
    idempotency: [row('idempotency', { key: name })],
    webhooks: [row('webhooks', { id: name, enabled: true })],
    deliveries: [row('deliveries', { id: name, webhook_id: name, next_at: 1 })],
    job_history: [row('job_history', { seq: seq + 1, job_id: name })],
    job_logs: [row('job_logs', { seq: seq + 2, job_id: name })],
    schedule_runs: [row('schedule_runs', { seq: seq + 3, schedule_id: name, due_at: 1 })],
    trigger_events: [row('trigger_events', { seq: seq + 4, trigger_id: name })],
  }
}

/** A job's id, made up. */
export function id(text: string): JobId {
  return text as JobId
}

export function ids(...texts: readonly string[]): JobId[] {
  return texts.map(id)
}

/** Asserts that each row is what a store answers when asked for it. */
export async function sameRows({ prefetch: find, queries }: Store, sample: Sample): Promise<void> {
  const { jobs = [], robots = [], workflows = [], workflow_versions = [], definitions = [], triggers = [] } = sample
  const { keys = [], pools = [], idempotency = [], job_history = [], job_logs = [] } = sample
  const { schedules = [], schedule_runs = [], trigger_events = [] } = sample
  const { webhooks = [], deliveries = [] } = sample
  const found = await find(
    prefetchOf({
      jobs: jobs.map((one) => one.id),
      idempotency: idempotency.map((one) => one.key),
      deliveries: deliveries.map((one) => one.id),
    }),
  )
  for (const one of idempotency) same(found.idempotency.get(one.key), one)
  for (const one of jobs) same([found.jobs.get(one.id), await queries.job(one.id)], [one, one])
  for (const one of robots) same(await queries.robot(one.id), one)
  for (const one of workflows) same(await queries.workflow(one.id), one)
  for (const one of workflow_versions) same(await queries.versions(one.workflow_id), [one])
  for (const one of definitions) same(await queries.definition(one.hash), one.json)
  for (const one of triggers) same(await queries.trigger(one.id), one)
  for (const one of schedules) same(await queries.schedule(one.id), one)
  for (const one of schedule_runs) {
    const [entry] = await queries.scheduleRuns(one.schedule_id, { before: one.seq + 1, limit: 1 })
    same(entry, one)
  }
  for (const one of trigger_events) {
    const [entry] = await queries.triggerEvents(one.trigger_id, { before: one.seq + 1, limit: 1 })
    same(entry, one)
  }
  const { items } = await queries.keys({ limit: 10_000 })
  for (const one of keys) same(items.find((key) => key.id === one.id), one)
  for (const one of webhooks) same(await queries.webhook(one.id), one)
  for (const one of deliveries) same([found.deliveries.get(one.id), await queries.delivery(one.id)], [one, one])
  for (const one of pools) same((await queries.pools()).find((pool) => pool.name === one.name), one)
  // Two rows may belong to one job, and to one of an earlier sample.
  for (const one of job_history) same((await queries.history(one.job_id)).find((other) => other.seq === one.seq), one)
  for (const one of job_logs) {
    const [line] = await queries.logs(one.job_id, { after: one.seq - 1, limit: 1 })
    same(line, one)
  }
}

/** Asserts that the rows of a sample that belong in memory are loaded, as they are. Loads the store. */
export async function sameStored(store: Store, sample: Sample): Promise<void> {
  const stored = await store.load(SOON)
  const expect = <T>(all: readonly T[], some: readonly T[] | undefined, key: (row: T) => string) => {
    const byKey = new Map(all.map((one) => [key(one), one]))
    for (const one of some ?? []) same(byKey.get(key(one)), one)
  }
  expect(stored.jobs, sample.jobs?.filter(isInMemory).map(withoutLongParameters), (one) => one.id)
  same(stored.jobs.filter((one) => !isInMemory(one)), [])
  expect(stored.robots, sample.robots, (one) => one.id)
  expect(stored.workflows, sample.workflows, (one) => one.id)
  expect(stored.triggers, sample.triggers, (one) => one.id)
  expect(stored.schedules, sample.schedules, (one) => one.id)
  expect(stored.keys, sample.keys, (one) => one.id)
  expect(stored.pools, sample.pools, (one) => one.name)
  expect(stored.webhooks, sample.webhooks, (one) => one.id)
  expect(stored.affinities, sample.affinities, (one) => `${one.workflow_id} ${one.robot_id}`)
}

/** The result of `load`, by way of the queries, to verify that nothing has changed. For few rows only. */
export async function listed(
  { queries }: Store,
): Promise<
  Pick<StoredRows, 'jobs' | 'robots' | 'workflows' | 'triggers' | 'schedules' | 'keys' | 'pools' | 'webhooks'>
> {
  const all = { limit: 1_000 }
  const jobs = (await queries.jobs(all)).items.filter(isInMemory)
  return {
    jobs: jobs.map(withoutLongParameters).toSorted((a, b) => a.seq - b.seq),
    robots: (await queries.robots(all)).items,
    workflows: (await queries.workflows(all)).items,
    triggers: (await queries.triggers(all)).items,
    schedules: (await queries.schedules(all)).items,
    keys: (await queries.keys(all)).items,
    pools: await queries.pools(),
    webhooks: (await queries.webhooks(all)).items,
  }
}

function isInMemory(one: JobRow): boolean {
  return isLive(one.status) || isStopping(one)
}
