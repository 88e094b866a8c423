/**
 * Finds due instants the slow way: minute by minute, with the platform's calendar and a matcher of its own. It shares
 * no code with what it is compared with.
 */

const MINUTE = 60_000

interface Minute {
  readonly at: number
  /** The wall-clock time, in minutes since 1970 as if it were UTC. */
  readonly wall: number
}

/** A stretch of time in a zone, and what the clock had shown at the most before it. */
export interface Walk {
  readonly from: number
  readonly until: number
  readonly shown: number
  readonly minutes: readonly Minute[]
}

/** Walks from a full minute on, for the instants after it. */
export function oracleOf(zone: string, begin: number, until: number): Walk {
  const clock = new Intl.DateTimeFormat('en-US', {
    timeZone: zone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  })
  const wallAt = (at: number): number => {
    const part = Object.fromEntries(clock.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = part
    return Date.UTC(year, month - 1, day, hour, minute) / MINUTE
  }
  const from = Math.floor(begin / MINUTE) * MINUTE
  let shown = -Infinity
  // The day before counts too: the walk may begin in the second pass of an overlap.
  for (let at = from - 1_500 * MINUTE; at <= from; at += 10 * MINUTE) shown = Math.max(shown, wallAt(at))
  for (let at = from - 10 * MINUTE; at <= from; at += MINUTE) shown = Math.max(shown, wallAt(at))
  const minutes: Minute[] = []
  for (let at = from + MINUTE; at <= until; at += MINUTE) minutes.push({ at, wall: wallAt(at) })
  return { from, until: minutes.at(-1)?.at ?? from, shown, minutes }
}

/** DESIGN 5.3, a second time. */
export function dueByOracle(text: string, walk: Walk): readonly string[] {
  const fields = text.split(' ')
  const due: number[] = []
  let { shown } = walk
  for (const { at, wall } of walk.minutes) {
    let fires = false
    if (fields[1]?.startsWith('*') === true) fires = matches(fields, wall)
    else for (let each = shown + 1; each <= wall; each++) fires ||= matches(fields, each)
    shown = Math.max(shown, wall)
    if (fires) due.push(at)
  }
  return due.map((at) => new Date(at).toISOString().replace('.000Z', 'Z'))
}

const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']

function matches(fields: readonly string[], wall: number): boolean {
  const date = new Date(wall * MINUTE)
  const [minute = '*', hour = '*', day = '*', month = '*', weekday = '*'] = fields
  const days = weekday.replace(/[A-Z]{3}/g, (name) => String(DAYS.indexOf(name)))
  const onWeekday = within(days, date.getUTCDay(), 6) || (date.getUTCDay() === 0 && within(days, 7, 7) && days !== '*')
  // As in every cron: where both are given, either will do.
  const onDay = within(day, date.getUTCDate(), 31)
  const both = day !== '*' && weekday !== '*'
  return within(minute, date.getUTCMinutes(), 59) && within(hour, date.getUTCHours(), 23) &&
    within(month, date.getUTCMonth() + 1, 12) && (both ? onDay || onWeekday : onDay && onWeekday)
}

function within(field: string, value: number, max: number): boolean {
  return field.split(',').some((part) => {
    const [range = '', step = '1'] = part.split('/')
    const [low = 0, high = low] = range === '*' ? [0, max] : range.split('-').map(Number)
    // A star counts from the least value, which no field that is tested here with a step has but 0.
    return value >= low && value <= high && (value - low) % Number(step) === 0
  })
}
