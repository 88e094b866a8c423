import type { JobId, JsonText, RobotId } from '../../core/base/ids.ts'
import { fromText } from '../../core/base/json.ts'
import type { JobRow } from '../../core/records/job.ts'
import type { HistoryRow } from '../../core/records/job-history.ts'
import { checksumOf } from './checksum.ts'
import type { SqlValue } from './row-of.ts'
import { bytesParameter, bytesSql } from './bytes.ts'
import { blobText, partSql, plainColumn, type SqlRow, summedOf, throwDamaged, valueOf } from './rows.ts'

/**
 * The history of a job in the database: one row for each turn in which something happened to it, with all entries of
 * the turn. Four entries in rows of their own take five times the room. Words that most entries have are one letter,
 * and what follows from the rest is left out.
 */

/** The columns of a page as it is read: a job is known by its number in the table, and by its id outside. */
const COLUMNS = [
  plainColumn('seq', 'int'),
  plainColumn('at', 'int'),
  plainColumn('entries', 'text'),
  { ...plainColumn('job_id', 'text'), isBytes: true },
] as const
const SUMMED = summedOf(COLUMNS)

const JOB_ID = `(select ${partSql({ ...COLUMNS[3], name: 'id' })} from jobs where jobs.seq = job_history.job)`
const PARTS = [...COLUMNS.slice(0, 3).map(partSql), JOB_ID]

/** The selected expressions that read whole pages. */
export const PAGE_COLUMNS = `cast(concat_ws(char(0), ${PARTS.join()}) as blob) as packed, checksum`

const INTO = 'insert into job_history (seq, at, entries, job, checksum)'
/** Inserts pages: each has its number, instant, entries, the number or the id of its job, which must be there, and a checksum. */
export const INSERT_PAGES = `with r as materialized (select jsonb(value) as v from json_each(?)) ${INTO}
  select v ->> 0, v ->> 1, v ->> 2, ${jobSql('v ->> 3')}, v ->> 4 from r`
/** The same for one page, with a parameter for each value. */
export const INSERT_PAGE = `${INTO} values (?1, ?2, ?3, ${jobSql('?4')}, ?5)`

function jobSql(parameter: string): string {
  const found = `(select seq from jobs where id = ${bytesSql(parameter)})`
  return `case typeof(${parameter}) when 'text' then ${found} else ${parameter} end`
}

/** The size from which a page gets no more entries, since a server and a Durable Object limit what one value may have. */
const PAGE_CHARS = 100_000

/**
 * Collects the entries of a turn into pages. Each page has the values that the statements above insert. Of `jobs`, those
 * that the turn writes, the numbers are known, so no statement looks for them.
 */
export function historyPages(
  history: readonly HistoryRow[],
  jobs: ReadonlyMap<JobId, Pick<JobRow, 'seq'>> = new Map(),
): readonly (readonly SqlValue[])[] {
  const pages: Page[] = []
  const open = new Map<JobId, Page>()
  for (const entry of history) {
    let page = open.get(entry.job_id)
    if (page === undefined || page.first.at !== entry.at || page.chars >= PAGE_CHARS) {
      page = { first: entry, entries: [], chars: 0, robot: null }
      pages.push(page)
      open.set(entry.job_id, page)
    }
    const text = JSON.stringify(pack(entry, page.robot, page.first.seq + page.entries.length))
    page.entries.push(text)
    page.chars += text.length
    page.robot = entry.robot_id
  }
  return pages.map(({ first: { seq, at, job_id }, entries }) => {
    const values = [seq, at, `[${entries.join()}]`, job_id]
    return [seq, at, values[2] as string, jobs.get(job_id)?.seq ?? bytesParameter(job_id), checksumOf(SUMMED, values)]
  })
}

interface Page {
  readonly first: HistoryRow
  readonly entries: string[]
  chars: number
  /** The robot of the last entry. */
  robot: RobotId | null
}

/** The entries of a page that was selected. Throws `StoreDamaged` when they are not as they were written. */
export function entriesOf(record: SqlRow): readonly HistoryRow[] {
  const parts = blobText(record['packed']).split('\0')
  if (parts.length !== COLUMNS.length) return throwDamaged('a row has lost a value')
  const values = COLUMNS.map((column, i) => valueOf(column, parts[i] as string))
  const { checksum } = record
  if (typeof checksum === 'number' && checksum !== checksumOf(SUMMED, values)) {
    throwDamaged('a row of job_history does not match its checksum')
  }
  const [seq, at, entries, job_id] = values as [number, number, JsonText, JobId]
  try {
    let robot_id: RobotId | null = null
    return (fromText(entries) as unknown as Packed[]).map((packed, i) => {
      const entry = unpack(packed, { seq: seq + i, at, job_id, robot_id })
      robot_id = entry.robot_id
      return entry
    })
  } catch {
    return throwDamaged('a row of job_history has JSON that cannot be read')
  }
}

/**
 * event, robot_id, actor, detail, attempt, offer, from_status, to_status, and how far its number is from the expected one.
 * 0 stands for the usual: the robot of the entry before, the text or the status that the event usually has. Of numbers the
 * difference from the usual one is kept. Zeros at the end are left out.
 */
type Packed = readonly (string | number | null)[]

function pack(entry: HistoryRow, lastRobot: RobotId | null, expectedSeq: number): Packed {
  const { event, robot_id, from_status, to_status } = entry
  const usual = usualOf(event)
  const packed: (string | number | null)[] = [
    letterOf(event),
    robot_id === lastRobot ? 0 : robot_id,
    entry.actor === usualActor(entry) ? 0 : entry.actor,
    entry.detail === usualDetail(entry) ? 0 : entry.detail,
    entry.attempt - usual.attempt,
    entry.offer - usual.offer,
    from_status === usual.from_status ? 0 : from_status === null ? null : letterOf(from_status),
    to_status === usual.to_status ? 0 : letterOf(to_status),
    entry.seq - expectedSeq,
  ]
  while (packed.at(-1) === 0) packed.pop()
  return packed
}

/** Restores an entry. `known.robot_id` is the robot of the entry before. */
function unpack(packed: Packed, known: Pick<HistoryRow, 'seq' | 'at' | 'job_id' | 'robot_id'>): HistoryRow {
  const [letter = '', robot = 0, actor = 0, detail = 0, attempt = 0, offer = 0, from = 0, to = 0, more = 0] = packed
  const event = wordOf(letter)
  const usual = usualOf(event)
  const entry = {
    seq: known.seq + Number(more),
    job_id: known.job_id,
    at: known.at,
    event,
    from_status: from === 0 ? usual.from_status : from === null ? null : wordOf(from),
    to_status: to === 0 ? usual.to_status : wordOf(to),
    attempt: usual.attempt + Number(attempt),
    offer: usual.offer + Number(offer),
    robot_id: robot === 0 ? known.robot_id : robot,
    actor: '',
    detail: '',
  } as HistoryRow
  const withActor = { ...entry, actor: actor === 0 ? usualActor(entry) : String(actor) }
  return { ...withActor, detail: detail === 0 ? usualDetail(withActor) : String(detail) }
}

type Usual = Pick<HistoryRow, 'from_status' | 'to_status' | 'attempt' | 'offer'>

/** The usual statuses and numbers of an entry. They are on disk, by their absence: none is ever changed. */
const USUAL: Readonly<Record<string, Usual>> = {
  submit: { from_status: null, to_status: 'queued', attempt: 0, offer: 0 },
  offer: { from_status: 'queued', to_status: 'queued', attempt: 0, offer: 1 },
  accept: { from_status: 'queued', to_status: 'running', attempt: 1, offer: 1 },
  complete: { from_status: 'running', to_status: 'completed', attempt: 1, offer: 1 },
}
const OTHERS: Usual = { from_status: 'running', to_status: 'failed', attempt: 1, offer: 1 }

function usualOf(event: string): Usual {
  return Object.hasOwn(USUAL, event) ? USUAL[event] as Usual : OTHERS
}

function usualActor({ event, robot_id }: Pick<HistoryRow, 'event' | 'robot_id'>): string {
  return event === 'offer' ? 'orchestrator' : `robot:${robot_id}`
}

function usualDetail({ event, robot_id, actor }: Pick<HistoryRow, 'event' | 'robot_id' | 'actor'>): string {
  switch (event) {
    case 'submit':
      return `submitted by ${actor}`
    case 'offer':
      return `offered to ${robot_id}`
    case 'accept':
      return `accepted by ${robot_id}`
    case 'complete':
      return `completed by ${robot_id}`
    default:
      return ''
  }
}

/** The letters of frequent events and statuses. They are on disk: a letter never gets another meaning. */
const LETTERS: Readonly<Record<string, string>> = {
  submit: 's',
  offer: 'o',
  accept: 'a',
  complete: 'c',
  fail: 'f',
  cancel: 'x',
  back_off: 'b',
  ready: 'y',
  pending: 'p',
  queued: 'q',
  running: 'r',
  completed: 'd',
  failed: 'e',
  cancelled: 'k',
}
const WORDS = new Map(Object.entries(LETTERS).map(([word, letter]) => [letter, word]))

/** Words without a letter have a sign before them. */
function letterOf(word: string): string {
  return Object.hasOwn(LETTERS, word) ? LETTERS[word] as string : `=${word}`
}

function wordOf(letter: string | number | null): string {
  const text = String(letter)
  return text.startsWith('=')
    ? text.slice(1)
    : WORDS.get(text) ?? throwDamaged(`the history has an unknown letter ${text}`)
}
