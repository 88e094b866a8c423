import type { JobId, JsonText } from '../../core/base/ids.ts'
import { fromText } from '../../core/base/json.ts'
import type { HistoryRow } from '../../core/records/job-history.ts'
import { checksumOf } from './checksum.ts'
import type { SqlValue } from './row-of.ts'
import { blobText, packColumns, type SqlRow, summedOf, throwDamaged, valueOf } from './rows.ts'

/**
 * The history of a job in the database: one row for each turn in which something happened to it, with all entries of
 * the turn. Four entries in rows of their own take five times the room. Words that most entries have are one letter,
 * and what follows from the rest is left out.
 */

/** The columns of a page as it is read: a job is known by its number in the table, and by its id outside. */
const COLUMNS = [
  { name: 'seq', kind: 'int', nullable: false, checksum: 'checksum' },
  { name: 'at', kind: 'int', nullable: false, checksum: 'checksum' },
  { name: 'entries', kind: 'text', nullable: false, checksum: 'checksum' },
  { name: 'job_id', kind: 'text', nullable: false, checksum: 'checksum' },
] as const
const SUMMED = summedOf(COLUMNS)
const JOB_ID = { ...COLUMNS[3], name: '(select id from jobs where jobs.seq = job_history.job)' }

/** The selected expressions that read whole pages. */
export const PAGE_COLUMNS = `${packColumns([COLUMNS[0], COLUMNS[1], COLUMNS[2], JOB_ID])}, checksum`

const INTO = 'insert into job_history (seq, at, entries, job, checksum)'
/** Inserts pages: each has its number, instant, entries, the id of its job, which must be there, and a checksum. */
export const INSERT_PAGES = `with r as materialized (select jsonb(value) as v from json_each(?)) ${INTO}
  select v ->> 0, v ->> 1, v ->> 2, (select seq from jobs where id = v ->> 3), v ->> 4 from r`
/** The same for one page, with a parameter for each value. */
export const INSERT_PAGE = `${INTO} values (?, ?, ?, (select seq from jobs where id = ?), ?)`

/** The size from which a page gets no more entries, since a server and a Durable Object limit what one value may have. */
const PAGE_CHARS = 100_000

/** Collects the entries of a turn into pages. Each page has the values that the statements above insert. */
export function historyPages(history: readonly HistoryRow[]): readonly (readonly SqlValue[])[] {
  const pages: Page[] = []
  const open = new Map<string, Page>()
  for (const entry of history) {
    const key = `${entry.at} ${entry.job_id}`
    let page = open.get(key)
    if (page === undefined || page.chars >= PAGE_CHARS) {
      page = { first: entry, entries: [], chars: 0 }
      pages.push(page)
      open.set(key, page)
    }
    const text = JSON.stringify(pack(entry, page.first.seq + page.entries.length))
    page.entries.push(text)
    page.chars += text.length
  }
  return pages.map(({ first: { seq, at, job_id }, entries }) => {
    const values = [seq, at, `[${entries.join()}]`, job_id]
    return [...values, checksumOf(SUMMED, values)]
  })
}

interface Page {
  readonly first: HistoryRow
  readonly entries: string[]
  chars: number
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
    return (fromText(entries) as Packed[]).map((entry, i) => unpack(entry, { seq: seq + i, at, job_id }))
  } catch {
    return throwDamaged('a row of job_history has JSON that cannot be read')
  }
}

/**
 * event, attempt, offer, from_status, to_status, robot_id, actor, detail, and how far its number is from the expected
 * one. 0 stands for null, and in `actor` and `detail` for the usual text. Zeros at the end are left out.
 */
type Packed = readonly (string | number)[]

function pack(entry: HistoryRow, expectedSeq: number): Packed {
  const { from_status, robot_id } = entry
  const packed: (string | number)[] = [
    letterOf(entry.event),
    entry.attempt,
    entry.offer,
    from_status === null ? 0 : letterOf(from_status),
    letterOf(entry.to_status),
    robot_id ?? 0,
    entry.actor === usualActor(entry) ? 0 : entry.actor,
    entry.detail === usualDetail(entry) ? 0 : entry.detail,
    entry.seq - expectedSeq,
  ]
  while (packed.at(-1) === 0) packed.pop()
  return packed
}

function unpack(packed: Packed, known: Pick<HistoryRow, 'seq' | 'at' | 'job_id'>): HistoryRow {
  const [event = '', attempt = 0, offer = 0, from = 0, to = '', robot = 0, actor = 0, detail = 0, more = 0] = packed
  const entry = {
    seq: known.seq + Number(more),
    job_id: known.job_id,
    at: known.at,
    event: wordOf(event),
    from_status: from === 0 ? null : wordOf(from),
    to_status: wordOf(to),
    attempt: Number(attempt),
    offer: Number(offer),
    robot_id: robot === 0 ? null : String(robot),
    actor: '',
    detail: '',
  } as HistoryRow
  const withActor = { ...entry, actor: actor === 0 ? usualActor(entry) : String(actor) }
  return { ...withActor, detail: detail === 0 ? usualDetail(withActor) : String(detail) }
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

function wordOf(letter: string | number): string {
  const text = String(letter)
  return text.startsWith('=')
    ? text.slice(1)
    : WORDS.get(text) ?? throwDamaged(`the history has an unknown letter ${text}`)
}
