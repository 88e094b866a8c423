import type { Millis } from '../../core/base/ids.ts'
import type { JobRow } from '../../core/records/job.ts'
import { PARAMETERS_IN_MEMORY_BYTES } from '../../core/settings.ts'
import { checksumOf } from './checksum.ts'
import { IN_MEMORY } from './excerpts.ts'
import type { SqlValue } from './row-of.ts'
import {
  BLANK,
  blobText,
  checkedJob,
  type Column,
  COLUMNS,
  fieldOf,
  joinColumns,
  plainColumn,
  type SqlRow,
  summedOf,
  throwDamaged,
  valueOf,
} from './rows.ts'
import type { Statement } from './writes.ts'

/**
 * Reads the jobs that belong in memory, without long parameters, in portions: each statement answers with one value that has the rows of many
 * jobs, since 100,000 values take longer to hand over than to read. Yields statements, takes their rows, and returns the
 * jobs in the order of their numbers. If an error of the database is thrown into it, it tries again with a single job,
 * because a Durable Object limits the size of a value.
 */
export function* liveJobs(dueUntil: Millis): Generator<Statement, readonly JobRow[], readonly SqlRow[]> {
  const decoder = new JobDecoder()
  const jobs: JobRow[] = []
  for (const isBlocked of [true, false]) {
    let last: JobRow | undefined
    let most = JOBS_AT_FIRST
    for (;;) {
      const statement = isBlocked
        ? { sql: BLOCKED, args: [last?.seq ?? Number.MIN_SAFE_INTEGER - 1] }
        : { sql: READY, args: [dueUntil, last?.ready_at ?? Number.MIN_SAFE_INTEGER - 1, last?.seq ?? 0] }
      const { record, limit } = yield* portion(statement, most)
      if (record?.['packed'] === null) break
      const text = blobText(record?.['packed'])
      const read = text.split('\0\0').map((row) => decoder.decode(row))
      for (const job of read) jobs.push(job)
      last = read.at(-1)
      if (read.length < limit) break
      most = Math.min(JOBS_MAX, Math.max(1, Math.floor(limit * CHARS_WANTED / text.length)))
    }
  }
  return jobs.sort((a, b) => a.seq - b.seq)
}

/** Jobs in the first portion: each may have almost two megabytes. */
const JOBS_AT_FIRST = 16
const JOBS_MAX = 2_000
/** The size of a portion that its number of jobs is chosen for. */
const CHARS_WANTED = 1_000_000

function* portion(
  { sql, args }: Statement,
  most: number,
): Generator<Statement, { readonly record: SqlRow | undefined; readonly limit: number }, readonly SqlRow[]> {
  try {
    return { record: (yield { sql, args: [...args, most] })[0], limit: most }
  } catch (error) {
    if (most === 1) throw error
    return { record: (yield { sql, args: [...args, 1] })[0], limit: 1 }
  }
}

/** Columns whose values differ from job to job. Those of all others together are the same for many jobs. */
const OWN_NAMES: readonly string[] = [
  'id',
  'seq',
  'result',
  'duplicate_key',
  'concurrency_key',
  'retry_of',
  'parent_job_id',
  'root_job_id',
  'scheduled_time',
  'due_at',
  'created_at',
  'queued_at',
  'ready_at',
  'offered_at',
  'offer_until',
  'started_at',
] satisfies readonly (keyof JobRow)[]
const OWN = COLUMNS.jobs.filter(({ name }) => OWN_NAMES.includes(name))
const COMMON = COLUMNS.jobs.filter(({ name }) => name !== 'parameters' && !OWN_NAMES.includes(name))

/** The parameters, or the size of long ones, which SQLite knows without reading them. */
const PARAMETERS = plainColumn(
  `case when octet_length(parameters) > ${PARAMETERS_IN_MEMORY_BYTES} then octet_length(parameters) else '+' || parameters end`,
  'int',
)
const PARAMETERS_SUMMED = summedOf(COLUMNS.jobs.filter(({ name }) => name === 'parameters'))

const SUM = plainColumn('', 'int', true)
/** A job's row: its own values, its checksums, its parameters, and then those that it has in common with others. */
const ROW = joinColumns([
  ...OWN,
  { ...SUM, name: 'checksum' },
  { ...SUM, name: 'state_checksum' },
  PARAMETERS,
  ...COMMON,
])

/** The statement for jobs that belong in memory, without long parameters, one to a row. */
export function selectLiveJobs(rest: string): string {
  return `select cast(${ROW} as blob) as packed from jobs ${rest}`
}

/** The jobs in the rows of such a statement. Throws `StoreDamaged` when one is not as it was written. */
export function liveJobsIn(records: readonly SqlRow[]): readonly JobRow[] {
  const decoder = new JobDecoder()
  return records.map(({ packed }) => decoder.decode(blobText(packed)))
}

function portionSql(condition: string): string {
  const rows = `select ${ROW} as job from jobs ${IN_MEMORY} and ${condition} limit ?`
  return `select cast(group_concat(job, char(0, 0)) as blob) as packed from (${rows})`
}

// A job that is ready, or waits for no instant, has no `ready_at`.
const BLOCKED = portionSql('ready_at is null and seq > ? order by seq')
const READY = portionSql('ready_at <= ? and (ready_at, seq) > (?, ?) order by ready_at, seq')

// Fixed columns come first, in the order of all columns.
const OWN_FIXED = OWN.filter(({ checksum }) => checksum === 'checksum').length
const OWN_SUMMED = summedOf(OWN)
const COMMON_FIXED = COMMON.filter(({ checksum }) => checksum === 'checksum').length
const COMMON_SUMMED = summedOf(COMMON)

/** The values that many jobs have in common. */
interface Common {
  /** A row whose own fields are null. */
  readonly row: Readonly<Record<string, unknown>>
  /** The contributions to the checksums. */
  readonly fixed: number
  readonly state: number
}

/** Decodes the rows of jobs. Jobs share the texts and lists that they have in common. */
class JobDecoder {
  readonly #commons = new Map<string, Common>()

  /** Throws `StoreDamaged` when the row is not as it was written. */
  decode(row: string): JobRow {
    const own: SqlValue[] = []
    let at = 0
    const part = (): string => {
      const end = row.indexOf('\0', at)
      if (end < 0) return throwDamaged('a row has lost a value')
      const text = row.slice(at, end)
      at = end + 1
      return text
    }
    for (const column of OWN) own.push(valueOf(column, part()))
    const [fixed, state] = [valueOf(SUM, part()), valueOf(SUM, part())]
    const given = part()
    const parameters = given.startsWith('+') ? given.slice(1) : Number(given)
    const common = this.#common(row.slice(at))
    // Without the parameters the fixed columns cannot be verified. They are when the whole row is read for an offer.
    if (typeof parameters === 'string') {
      const ownFixed = checksumOf(OWN_SUMMED, own, 0, OWN_FIXED)
      verify(fixed, common.fixed + ownFixed + checksumOf(PARAMETERS_SUMMED, [parameters]))
    }
    verify(state, common.state + checksumOf(OWN_SUMMED, own, OWN_FIXED))
    const job: Record<string, unknown> = { ...common.row }
    job['parameters'] = typeof parameters === 'string' ? copied(parameters) : parameters
    for (let i = 0; i < OWN.length; i++) {
      const value = own[i]
      job[(OWN[i] as Column).name] = typeof value === 'string' ? copied(value) : value
    }
    return checkedJob(job as unknown as JobRow)
  }

  #common(text: string): Common {
    const known = this.#commons.get(text)
    if (known !== undefined) return known
    const kept = copied(text)
    const parts = kept.split('\0')
    if (parts.length !== COMMON.length) return throwDamaged('a row has lost a value')
    const values = COMMON.map((column, i) => valueOf(column, parts[i] as string))
    const row = { ...BLANK.jobs }
    for (const [i, column] of COMMON.entries()) row[column.name] = fieldOf('jobs', column, values[i] ?? null)
    const common = {
      row,
      fixed: checksumOf(COMMON_SUMMED, values, 0, COMMON_FIXED),
      state: checksumOf(COMMON_SUMMED, values, COMMON_FIXED),
    }
    this.#commons.set(kept, common)
    return common
  }
}

function verify(stored: SqlValue, sum: number): void {
  if (stored !== null && stored !== sum >>> 0) throwDamaged('a row of jobs does not match its checksum')
}

/** The text without the longer one that it is a part of, which V8 would keep in memory with it. */
function copied(text: string): string {
  return text.length < SLICED_FROM ? text : ` ${text}`.slice(1)
}

/** V8 copies shorter parts of a text. */
const SLICED_FROM = 13
