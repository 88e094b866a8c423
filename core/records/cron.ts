import { Cron } from 'croner'
import type { Millis } from '../base/ids.ts'
import { type Refusal, refuse } from '../base/refusal.ts'
import { changeIn, instantOf, latestWallClock, type WallClock, wallClockAt } from './zone.ts'

/**
 * Cron patterns: five fields, or six with seconds first; names, ranges, lists, steps, `L`, `W` and `#`. Sunday is 0 and 7,
 * as in every cron. croner reads the fields and finds the next wall time; when that is, is ours to say.
 *
 * DESIGN.md 5.3: a wall time in a gap runs once, at the end of the gap; one in an overlap runs once, at its first
 * occurrence; and a pattern whose hour field begins with `*` follows elapsed time, through both.
 */
export interface CronPattern {
  readonly text: string
  readonly zone: string
  readonly followsElapsed: boolean
  /** The next wall time after this one that the fields match; null when there is none. */
  next(after: WallClock): WallClock | null
}

/** A pattern is refused when it is longer: no honest one is. */
const CHARS_MAX = 200

/** The fields by their number, with seconds. */
const FIELDS = ['second', 'minute', 'hour', 'day of month', 'month', 'day of week'] as const

/** Reads a pattern. INVALID_PAYLOAD names the field that is wrong, or says that no day will ever match. */
export function readCron(text: string, zone: string): CronPattern | Refusal {
  const fields = text.trim().split(/\s+/)
  const wrong = (message: string): Refusal => refuse('INVALID_PAYLOAD', message, { fields: ['cron_expression'] })
  if (text.length > CHARS_MAX) return wrong(`cron_expression must not exceed ${CHARS_MAX} characters`)
  if (fields.length !== 5 && fields.length !== 6) {
    return wrong(`cron_expression must have 5 fields, or 6 with seconds first; "${text.trim()}" has ${fields.length}`)
  }
  const parsed = parse(fields)
  if (typeof parsed === 'string') return wrong(`cron_expression ${parsed}`)
  const first = parsed.nextRun(new Date(ANY_TIME))?.getTime() ?? null
  if (first === null) return wrong(`cron_expression "${text.trim()}" matches no day of any year`)
  const next = fields.slice(-4).every((field) => field === '*')
    ? withinHour(parsed, first)
    : (after: WallClock): WallClock | null => parsed.nextRun(new Date(after))?.getTime() ?? null
  const hour = fields.at(-4) ?? ''
  return { text: fields.join(' '), zone, followsElapsed: hour.startsWith('*'), next }
}

/**
 * For a pattern without hours and days, which matches the same minutes and seconds of every hour. croner finds these
 * once, and the rest is arithmetic: walking the calendar costs some fifty microseconds for each instant, and these
 * patterns are due most often. `first` is any wall time that matches.
 */
function withinHour(cron: Cron, first: WallClock): (after: WallClock) => WallClock | null {
  const hour = Math.floor(first / HOUR) * HOUR
  const [minute, second] = [Math.floor((first - hour) / MINUTE), (first % MINUTE) / SECOND]
  const matches = (minutes: number, seconds: number): boolean =>
    matchesAt(cron, hour + minutes * MINUTE + seconds * SECOND)
  const minutes = SIXTY.map((each) => matches(each, second))
  const seconds = SIXTY.filter((each) => matches(minute, each))
  return (after) => {
    const from = Math.floor(after / SECOND) + 1
    const start = Math.floor(from / 60)
    for (let ahead = 0; ahead <= 60; ahead++) {
      if (minutes[((start + ahead) % 60 + 60) % 60] !== true) continue
      const least = ahead === 0 ? from - start * 60 : 0
      const found = seconds.find((each) => each >= least)
      if (found !== undefined) return ((start + ahead) * 60 + found) * SECOND
    }
    return null
  }
}

function matchesAt(cron: Cron, wall: WallClock): boolean {
  return cron.match(new Date(wall))
}

const SECOND: Millis = 1_000
const MINUTE: Millis = 60_000
const HOUR: Millis = 3_600_000
const SIXTY = Array.from({ length: 60 }, (_, index) => index)

/**
 * The start of the search for a pattern that never matches: a leap year follows within four years, and 2100 is not one.
 */
const ANY_TIME: WallClock = 1_767_225_600_000

function parse(fields: readonly string[]): Cron | string {
  try {
    return new Cron(fields.join(' '), { timezone: 'UTC', mode: fields.length === 5 ? '5-part' : '6-part' })
  } catch (error) {
    return `has a wrong field: ${wrongField(fields)}${error instanceof Error ? error.message : String(error)}`
  }
}

/** The name of the invalid field: the one that is rejected among fields that match everything. */
function wrongField(fields: readonly string[]): string {
  const names = FIELDS.slice(FIELDS.length - fields.length)
  for (const [index, field] of fields.entries()) {
    try {
      const alone = fields.map((_, i) => (i === index ? field : '*'))
      void new Cron(alone.join(' '), { timezone: 'UTC', mode: fields.length === 5 ? '5-part' : '6-part' })
    } catch {
      return `the ${names[index]} "${field}": `
    }
  }
  return ''
}

/** The first instant after this one at which the pattern is due; null when it never is again. */
export function nextDue(pattern: CronPattern, after: Millis): Millis | null {
  return pattern.followsElapsed ? nextElapsed(pattern, after) : nextFixed(pattern, after)
}

/** Fixed times: each wall time runs at the first instant at which the clock has reached it. */
function nextFixed({ zone, next }: CronPattern, after: Millis): Millis | null {
  const wall = next(latestWallClock(zone, after))
  return wall === null ? null : instantOf(zone, wall)
}

/** Every instant whose wall time matches, in both passes of an overlap; what a gap leaves out does not happen. */
function nextElapsed({ zone, next }: CronPattern, after: Millis): Millis | null {
  let from = after
  // Before the first wall time, so that the first instant after a change of the clock counts.
  let wall = next(wallClockAt(zone, from))
  while (wall !== null) {
    const offset = wallClockAt(zone, from) - from
    const due = wall - offset
    const change = changeIn(zone, from, due)
    if (change === null) return due
    from = change
    wall = next(wallClockAt(zone, change) - 1)
  }
  return null
}
