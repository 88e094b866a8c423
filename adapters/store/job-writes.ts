import { assert } from '../../core/base/assert.ts'
import type { JobRow } from '../../core/records/job.ts'
import type { Effects } from '../../core/turn.ts'
import { type Batch, batches, insertAloneSql, insertSql, ROWS, storedSql } from './batches.ts'
import { COLUMN_NAMES, rowValues, STATE_NAMES, stateValues } from './rows.ts'
import type { SqlValue } from './row-of.ts'
import type { Statement } from './sqlite.ts'

/**
 * The jobs of a turn as SQL: those that it creates without the columns that are null in all of them, and of the others the
 * columns that change. Columns that change or are used together are a group, and a statement has whole groups, so that
 * there are few different statements. A column that is not written costs nothing, and no index of it is touched.
 */
export function* jobWrites({ rows, created, before, clockChange }: Effects): Generator<Statement> {
  const [newOnes, others] = [[] as JobRow[], [] as JobRow[]]
  for (const job of rows.jobs.values()) {
    const isNew = created.has(job.id)
    assert(!isNew || typeof job.parameters === 'string', 'a job is created with its parameters')
    ;(isNew ? newOnes : others).push(job)
  }
  if (newOnes.length > 0) yield* inserts(newOnes)
  if (others.length === 0) return
  // The statement that moves the clock has changed rows, too.
  const shape = clockChange === null ? changed(others, before) : ALL_CHANGES
  for (const statement of updates(others, shape)) {
    yield statement
    yield { sql: ALL_FOUND, args: [statement.rows] }
  }
}

type Column = keyof JobRow & string

/** Columns that most updates write: no index has any of them but that of statuses. */
const ALWAYS: readonly Column[] = ['status', 'attempt', 'progress', 'offer_until', 'offered_at', 'started_at']
/** Columns that only some updates write. The last group is all the others. */
const SOMETIMES: readonly (readonly Column[])[] = [
  ['offer', 'robot_id', 'robot_name', 'offer_memory'],
  ['completed_at', 'result', 'robot_duration_ms'],
  ['current_node', 'progress_message'],
]
const CHANGES = [...SOMETIMES, othersOf(STATE_NAMES, [...ALWAYS, ...SOMETIMES.flat(), 'state_checksum'])]
const ALL_CHANGES = 2 ** CHANGES.length - 1

/** Columns that are null in most new jobs: how and where a job runs, its origin, and its past. The last group is all the others. */
const RARE: readonly (readonly Column[])[] = [
  [
    'pinned_robot_id',
    'pool',
    'priority',
    'environment',
    'required_tags',
    'required_capabilities',
    'timeout_ms',
    'retry_safety',
    'max_attempts',
    'retry_on',
    'concurrency_key',
    'concurrency_limit',
    'duplicate_key',
  ],
  ['retry_of', 'trigger_id', 'schedule_id', 'due_at', 'parent_job_id', 'root_job_id', 'depth'],
]
const COMMON: readonly string[] = [
  'id',
  'workflow_id',
  'workflow_name',
  'workflow_version',
  'definition',
  'parameters',
  'created_by',
  'seq',
  'created_at',
  'status',
  'queued_at',
  'offer',
  'robot_id',
  'robot_name',
  'offer_until',
  'offered_at',
  'offer_memory',
  'checksum',
  'state_checksum',
]
const EXTRAS = [...RARE, othersOf(COLUMN_NAMES.jobs, [...COMMON, ...RARE.flat()])]

function othersOf(all: readonly string[], named: readonly string[]): readonly string[] {
  return all.filter((name) => !named.includes(name))
}

/** A statement, its form for a single row, and the places of its parameters among the values of a row. */
interface Shape {
  readonly sql: string
  readonly alone: string
  readonly places: readonly number[]
}

/** Makes each shape once. A shape is the sum of 2 to the power of the numbers of its groups. */
function shapes(make: (groups: number) => Shape): (groups: number) => Shape {
  const made: Shape[] = []
  return (groups) => made[groups] ??= make(groups)
}

/** The names in these groups. */
function namesIn(all: readonly (readonly string[])[], groups: number): readonly string[] {
  return all.flatMap((names, i) => (groups & 1 << i) === 0 ? [] : names)
}

const EXTRA_PLACES = EXTRAS.map((names) => names.map((name) => COLUMN_NAMES.jobs.indexOf(name)))

const insertShape = shapes((groups) => {
  const names = [...COMMON, ...namesIn(EXTRAS, groups)]
  return {
    sql: insertSql('jobs', names),
    alone: insertAloneSql('jobs', names),
    places: names.map((name) => COLUMN_NAMES.jobs.indexOf(name)),
  }
})

function inserts(jobs: readonly JobRow[]): Generator<Batch> {
  const all = jobs.map((job) => rowValues('jobs', job))
  let groups = 0
  for (const [i, places] of EXTRA_PLACES.entries()) {
    if (all.some((values) => places.some((place) => values[place] !== null))) groups |= 1 << i
  }
  return shaped(all, insertShape(groups))
}

/**
 * The groups of which a column of any job has changed: all if it is not known how one was before, or if the instant has
 * changed from which others are counted.
 */
function changed(jobs: readonly JobRow[], before: Effects['before']): number {
  let groups = 0
  for (const job of jobs) {
    const former = before.get(job.id)
    if (former === undefined || job.created_at !== former.created_at) return ALL_CHANGES
    for (let i = 0; i < CHANGES.length; i++) {
      if ((groups & 1 << i) === 0 && differ(job, former, CHANGES[i] as readonly Column[])) groups |= 1 << i
    }
  }
  return groups
}

function differ(job: JobRow, former: JobRow, names: readonly Column[]): boolean {
  return names.some((name) => job[name] !== former[name])
}

/** The values of an update: those of `STATE_NAMES`, and the number of the job. */
const UPDATED = [...STATE_NAMES, 'seq']

const updateShape = shapes((groups) => {
  const set = [...ALWAYS, ...namesIn(CHANGES, groups), 'state_checksum']
  // Some instants are counted from `created_at`.
  const names = [...new Set([...set, 'created_at', 'seq'])]
  const assign = (parameter: (i: number) => string): string =>
    set.map((name) => `${name} = ${storedSql('jobs', names, name, parameter)}`).join()
  const last = names.indexOf('seq')
  return {
    sql: `${ROWS} update jobs set ${assign((i) => `v ->> ${i}`)} from r where jobs.seq = v ->> ${last}`,
    alone: `update jobs set ${assign((i) => `?${i + 1}`)} where seq = ?${last + 1}`,
    places: names.map((name) => UPDATED.indexOf(name)),
  }
})

function updates(jobs: readonly JobRow[], groups: number): Generator<Batch> {
  return shaped(jobs.map((job) => [...stateValues(job), job.seq]), updateShape(groups))
}

function shaped(all: readonly (readonly SqlValue[])[], { sql, alone, places }: Shape): Generator<Batch> {
  return batches(all, (values) => places.map((place) => values[place] as SqlValue), sql, alone)
}

/** Fails if the statement before has not changed as many rows: a job that is not on disk cannot be updated. */
const ALL_FOUND = 'update meta set seq = case changes() when ? then seq end'
