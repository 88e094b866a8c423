import * as fc from 'fast-check'
import { COLUMNS, type Kind, type RowOf, type TableName, TABLES } from '../../adapters/store/rows.ts'
import { type Effects, newEffects } from '../../core/turn.ts'
import type { JsonText } from '../../core/base/ids.ts'
import { fromText, toText } from '../../core/base/json.ts'
import { checkJob, isLive, JOB_STATUSES, type JobRow, type JobStatus } from '../../core/records/job.ts'

/** Rows to write, by table. */
export type Sample = { readonly [T in TableName]?: readonly RowOf[T][] }

/** A turn that writes these rows, of jobs all columns. */
export function turn(number: number, sample: Sample): Effects {
  const out = newEffects(number, 0)
  for (const one of sample.jobs ?? []) {
    out.rows.jobs.set(one.id, one)
    out.created.add(one.id)
  }
  for (const one of sample.robots ?? []) out.rows.robots.set(one.id, one)
  for (const one of sample.workflows ?? []) out.rows.workflows.set(one.id, one)
  for (const one of sample.workflow_versions ?? []) out.rows.versions.set(`${one.workflow_id}/${one.version}`, one)
  for (const one of sample.definitions ?? []) out.rows.definitions.set(one.hash, one)
  for (const one of sample.triggers ?? []) out.rows.triggers.set(one.id, one)
  for (const one of sample.schedules ?? []) out.rows.schedules.set(one.id, one)
  for (const one of sample.keys ?? []) out.rows.keys.set(one.id, one)
  for (const one of sample.pools ?? []) out.rows.pools.set(one.name, one)
  for (const one of sample.affinities ?? []) out.rows.affinities.set(`${one.workflow_id}/${one.robot_id}`, one)
  for (const one of sample.idempotency ?? []) out.rows.idempotency.set(one.key, one)
  for (const one of sample.webhooks ?? []) out.rows.webhooks.set(one.id, one)
  for (const one of sample.deliveries ?? []) out.rows.deliveries.set(one.id, one)
  out.history.push(...(sample.job_history ?? []))
  out.logs.push(...(sample.job_logs ?? []))
  out.scheduleRuns.push(...(sample.schedule_runs ?? []))
  out.triggerEvents.push(...(sample.trigger_events ?? []))
  return out
}

/** A turn that changes jobs which are there. */
export function changing(number: number, jobs: readonly JobRow[]): Effects {
  const out = newEffects(number, 0)
  for (const one of jobs) out.rows.jobs.set(one.id, one)
  return out
}

const PLAIN: { readonly [K in Kind]: unknown } = { text: '', int: 0, real: 0, flag: false, json: [] }

/** The plainest row of a table, with some columns set. Casts, because tests may make what they like. */
export function row<T extends TableName>(table: T, over: Record<string, unknown>): RowOf[T] {
  const plain = COLUMNS[table].map(({ name, kind, nullable }) => [name, nullable ? null : PLAIN[kind]])
  return { ...Object.fromEntries(plain), ...over } as RowOf[T]
}

let lastSeq = 0

/** A job that `check` has nothing against, with some columns set, and the next number unless one is given. */
export function job(id: string, over: Record<string, unknown> = {}): JobRow {
  const plain = row('jobs', { id, seq: ++lastSeq, retry_safety: 'never', status: 'queued', ...over })
  return inStatus(plain, plain.status)
}

/** The nearest job that may be in this status. */
function inStatus(one: JobRow, status: JobStatus): JobRow {
  const stopping = !isLive(status) && one.stop_until !== null
  const held = status === 'running' || (status === 'queued' && one.offer_until !== null) || stopping
  return checkJob({
    ...one,
    status,
    ready_at: status === 'pending' ? one.ready_at : null,
    stop_until: isLive(status) ? null : one.stop_until,
    attempt: Math.min(one.attempt, held ? Math.max(1, one.offer) : one.offer),
    offer_until: status === 'queued' ? one.offer_until : null,
    offered_at: status === 'queued' && one.offer_until !== null
      ? one.offered_at ?? 1
      : status === 'queued' || status === 'pending'
      ? one.offered_at
      : null,
    robot_id: held ? one.robot_id ?? 'robot' as NonNullable<JobRow['robot_id']> : one.robot_id,
    offer: held ? Math.max(1, one.offer) : one.offer,
    started_at: status === 'running' ? one.started_at ?? 1 : isLive(status) ? null : one.started_at,
    completed_at: isLive(status) ? null : one.completed_at ?? 1,
    progress: status === 'completed' ? 100 : Math.abs(one.progress) % 101,
    result: status === 'completed' ? one.result ?? '{}' as NonNullable<JobRow['result']> : one.result,
    error_message: status === 'failed' ? one.error_message || 'why' : one.error_message,
  })
}

/** Texts at which something between here and the disk may stumble. */
const HARD = [
  '',
  ' ',
  `'";--\\/`,
  '\\u0041\\n',
  '\u0001\b\f\n\r\t\u001f\u007f',
  '\u2028\u2029\ufeff\ufffd\uffff',
  '🤖👩‍👩‍👧 e\u0301 ﷽ ‮',
  'null',
  'true',
  '1e3',
  '9007199254740993',
  '0123',
  '[1]',
  '{"a":"\\"\\\\","b":[1.0,1e400,-0]}',
  '[123456789012345678901234567890,0.12345678901234567890]',
  'x'.repeat(70_000),
]

/** Numbers that no double has, or writes so: a column of JSON has them as they were written. */
const NUMBERS = fromText('{"a":[1.0,1e400,-0,123456789012345678901234567890],"b":0.12345678901234567890}' as JsonText)

/** U+0000 and lone surrogates are refused or mended when they come in, so no row has them. */
const text = fc.oneof(
  fc.constantFrom(...HARD),
  fc.string({ unit: 'binary' }).map((drawn) => drawn.replaceAll('\0', '0')),
)
const int = fc.oneof(
  fc.constantFrom(0, 1, -1, 2 ** 31, 2 ** 32 + 1, 1.7e12, Number.MAX_SAFE_INTEGER),
  fc.maxSafeInteger(),
)

const ARBITRARY: { readonly [K in Kind]: fc.Arbitrary<unknown> } = {
  text,
  int,
  real: fc.double({ noNaN: true, noDefaultInfinity: true }).map((drawn) => drawn + 0),
  flag: fc.boolean(),
  // There and back once, because JSON has neither -0 nor undefined.
  json: fc.oneof(fc.constantFrom([], {}, NUMBERS), fc.array(text), fc.dictionary(text, fc.jsonValue()))
    .map((drawn) => fromText(toText(drawn))),
}

/** Rows of one table with arbitrary valid values. */
function rowsOf<T extends TableName>(table: T): fc.Arbitrary<RowOf[T][]> {
  const columns = COLUMNS[table].map(({ name, kind, nullable }) =>
    [name, nullable ? fc.option(ARBITRARY[kind]) : ARBITRARY[kind]] as const
  )
  const drawn = fc.array(fc.record(Object.fromEntries(columns)), { minLength: 1, maxLength: 4 })
  return drawn as unknown as fc.Arbitrary<RowOf[T][]> // Each column is of the kind that the type says.
}

/** A turn's worth of rows for every table, whose keys may be the same. */
export function samples(): fc.Arbitrary<Required<Sample>> {
  const jobs = fc.array(fc.tuple(rowsOf('jobs'), fc.constantFrom(...JOB_STATUSES)), { minLength: 1, maxLength: 4 })
  return fc.record({
    jobs: jobs.map((drawn) => drawn.flatMap(([rows, status]) => rows.map((one) => inStatus(one, status)))),
    robots: rowsOf('robots'),
    workflows: rowsOf('workflows'),
    workflow_versions: rowsOf('workflow_versions'),
    definitions: rowsOf('definitions'),
    triggers: rowsOf('triggers'),
    schedules: rowsOf('schedules'),
    keys: rowsOf('keys'),
    pools: rowsOf('pools'),
    affinities: rowsOf('affinities'),
    idempotency: rowsOf('idempotency'),
    webhooks: rowsOf('webhooks'),
    deliveries: rowsOf('deliveries'),
    job_history: rowsOf('job_history'),
    job_logs: rowsOf('job_logs'),
    schedule_runs: rowsOf('schedule_runs'),
    trigger_events: rowsOf('trigger_events'),
  })
}

/** The same rows with keys and numbers of their own, counted from `next`. */
export function distinct(sample: Required<Sample>, next: () => number): Required<Sample> {
  const one = (table: TableName, fields: object) => {
    const { key, unique = [] } = TABLES[table] as { key: readonly string[]; unique?: readonly string[] }
    const keys = [...key, ...unique.filter((name) => name !== 'due_at'), 'seq']
    const own = Object.entries(fields).filter(([name]) => keys.includes(name))
      .map(([name, value]) => [name, value === null ? null : typeof value === 'string' ? `${next()} ${value}` : next()])
    return { ...fields, ...Object.fromEntries(own) }
  }
  const tables = Object.entries(sample).map((
    [table, rows],
  ) => [table, rows.map((fields) => one(table as TableName, fields))])
  const own = Object.fromEntries(tables) as Required<Sample>
  // An entry of a history belongs to a job.
  const job_id = own.jobs[0]?.id
  return job_id === undefined ? own : { ...own, job_history: own.job_history.map((entry) => ({ ...entry, job_id })) }
}
