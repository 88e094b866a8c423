import { instantText, parseInstant } from '../../core/base/instant.ts'
import type { Millis } from '../../core/base/ids.ts'
import type { JobRow } from '../../core/records/job.ts'
import { LOG_COUNT_MAX, type Queries } from '../store/contract.ts'
import { escapedLine } from '../../core/base/text.ts'
import type { LogRow } from '../../core/records/job-history.ts'

/** The number of log lines shown with a job. */
const LOG_TAIL = 100

/** The tolerance of a robot's clock within which its times are adjusted. */
const CLOCK_MS: Millis = 300_000

/** The end of a job's log as text, one line for each entry. The first line says how many are left out. */
export async function logText(queries: Queries, job: JobRow, whole: string): Promise<string> {
  const lines = await queries.logTail(job.id, LOG_TAIL)
  const shown = lines.map((line) => `${instantText(writtenAt(line, job))} ${line.level} ${escapedLine(line.message)}`)
  const count = lines.length < LOG_TAIL ? lines.length : await queries.logCount(job.id)
  const left = count - lines.length
  if (left > 0) {
    const least = count === LOG_COUNT_MAX ? 'at least ' : ''
    shown.unshift(
      `… ${least}${left} earlier ${left === 1 ? 'line is' : 'lines are'} left out: ${whole} has all of them`,
    )
  }
  return shown.join('\n')
}

/**
 * The instant at which a line was written, by its robot's clock if plausible: between the creation of the job and the
 * arrival of the line. A small deviation is adjusted; otherwise the arrival counts.
 */
export function writtenAt({ timestamp: at, robot_timestamp }: LogRow, job: Pick<JobRow, 'created_at'>): Millis {
  const robotAt = robot_timestamp === null ? NaN : instantIn(robot_timestamp)
  if (!(robotAt >= job.created_at - CLOCK_MS && robotAt <= at + CLOCK_MS)) return at
  return Math.min(at, Math.max(robotAt, job.created_at))
}

/** The instant that a robot's text names, or NaN. Python writes no zone, and means UTC; a number counts since 1970. */
function instantIn(text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Math.round(Number(text) * (Number(text) < 1e11 ? 1000 : 1))
  const parts = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?) ?(Z|[+-]\d\d:?\d\d)?$/i.exec(text)
  if (parts === null) return NaN
  const [, day, clock = '', zone = 'Z'] = parts
  const offset = /^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase()
  return parseInstant(`${day}T${clock.replace(',', '.').replace(/(\.\d{9})\d+/, '$1')}${offset}`) ?? NaN
}
