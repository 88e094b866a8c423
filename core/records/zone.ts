import type { Millis } from '../base/ids.ts'

/**
 * Wall clocks of IANA time zones. A wall time is written as the instant at which a clock in UTC shows it: the same
 * arithmetic serves for both. The rules come from the platform's time zone database.
 */
export type WallClock = Millis

const HOUR: Millis = 3_600_000
const DAY: Millis = 24 * HOUR

/** No clock on earth is further from UTC than this, with an hour to spare. */
const OFFSET_MAX: Millis = 15 * HOUR

/**
 * Since then every change of every zone's clock was at a full minute, so an offset is certain to hold until the next
 * one. A quarter of an hour would not do: Antarctica/Casey has changed its clock at one minute past midnight.
 */
const MINUTES_SINCE: Millis = 946_684_800_000
const MINUTE: Millis = 60_000

/** Asking the platform costs some ten microseconds, and many schedules ask the same. Forgotten when it is full. */
const offsets = new Map<string, Millis>()
const OFFSETS_MAX = 10_000

const clocks = new Map<string, Intl.DateTimeFormat>()

/**
 * True if the platform knows the zone, which suffices for saved ones. Only names of zones are valid: `+01:00` is an
 * offset, without summer time.
 */
export function isZone(zone: string): boolean {
  if (!/^[A-Za-z][\w+-]*(\/[\w+-]+)*$/.test(zone)) return false
  try {
    clockOf(zone)
    return true
  } catch {
    return false
  }
}

/** The areas of the IANA database. What else has a slash in it, some platforms know and others do not. */
const AREAS =
  /^(Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Brazil|Canada|Chile|Etc|Europe|Indian|Mexico|Pacific|US)\//i

/**
 * The zones that people mean by these abbreviations, which name several places, or which platforms interpret
 * differently: to them BST is Dhaka.
 */
const MEANT: Readonly<Record<string, string>> = {
  BST: 'Europe/London',
  CET: 'Europe/Berlin',
  CEST: 'Europe/Berlin',
  WET: 'Europe/Lisbon',
  EET: 'Europe/Helsinki',
  MSK: 'Europe/Moscow',
  IST: 'Asia/Kolkata',
  JST: 'Asia/Tokyo',
  EST: 'America/New_York',
  EDT: 'America/New_York',
  EST5EDT: 'America/New_York',
  CST: 'America/Chicago',
  CDT: 'America/Chicago',
  CST6CDT: 'America/Chicago',
  MST: 'America/Denver',
  MDT: 'America/Denver',
  MST7MDT: 'America/Denver',
  PST: 'America/Los_Angeles',
  PDT: 'America/Los_Angeles',
  PST8PDT: 'America/Los_Angeles',
  AEST: 'Australia/Sydney',
  GB: 'Europe/London',
  GMT: 'UTC',
  UCT: 'UTC',
  Z: 'UTC',
  ZULU: 'UTC',
}

/**
 * The problem with a name for a zone; null if there is none. Only `UTC` and names of the form Area/City, `Etc/*` among
 * them, name one place everywhere, in any case of letters. For other names, a likely zone is suggested.
 */
export function zoneProblem(zone: string): string | null {
  if (zone.toUpperCase() === 'UTC' || (AREAS.test(zone) && isZone(zone))) return null
  const meant = MEANT[zone.toUpperCase()] ?? cityZone(zone)
  const likely = meant === null ? '' : `; did you mean ${meant}?`
  return `must be an IANA time zone of the form Area/City, such as Europe/Berlin, or UTC${likely}`
}

/** The zone of a city that was named alone. */
function cityZone(city: string): string | null {
  const end = `/${city.trim().replaceAll(' ', '_').toLowerCase()}`
  return Intl.supportedValuesOf('timeZone').find((zone) => zone.toLowerCase().endsWith(end)) ?? null
}

/** The wall-clock time of the zone at an instant. Throws a `RangeError` for a zone that the platform does not know. */
export function wallClockAt(zone: string, at: Millis): WallClock {
  return at + offsetAt(zone, at)
}

/**
 * The first instant at which the clock of the zone shows this wall time or a later one: for a wall time in the gap of
 * spring the end of the gap, for one in the overlap of autumn its first occurrence. DESIGN.md 5.3.
 */
export function instantOf(zone: string, wall: WallClock): Millis {
  let from = wall - OFFSET_MAX
  for (;;) {
    const offset = offsetAt(zone, from)
    const reached = wall - offset
    const change = changeIn(zone, from, reached)
    if (change === null) return reached
    if (wallClockAt(zone, change) >= wall) return change
    from = change
  }
}

/** The latest wall time that the clock has shown up to this instant: more than it shows, in the second pass of an overlap. */
export function latestWallClock(zone: string, at: Millis): WallClock {
  const change = changeIn(zone, at - DAY, at)
  const wall = wallClockAt(zone, at)
  return change === null ? wall : Math.max(wall, wallClockAt(zone, change - 1))
}

/** The first instant in (from, until] at which the offset is another than at `from`; null when it is the same throughout. */
export function changeIn(zone: string, from: Millis, until: Millis): Millis | null {
  const before = offsetAt(zone, from)
  // Zones change their clocks months apart, but for mistakes that were put right: an hour is close enough to see each.
  let low = from
  let high = from
  while (high < until) {
    high = Math.min(low + 6 * HOUR, until)
    if (offsetAt(zone, high) !== before) break
    low = high
  }
  if (low === high) return null
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (offsetAt(zone, middle) === before) low = middle
    else high = middle
  }
  return high
}

function offsetAt(zone: string, at: Millis): Millis {
  if (at < MINUTES_SINCE) return offsetOf(zone, at)
  const minute = Math.floor(at / MINUTE) * MINUTE
  const key = `${zone} ${minute}`
  let offset = offsets.get(key)
  if (offset === undefined) {
    offset = offsetOf(zone, minute)
    if (offsets.size >= OFFSETS_MAX) offsets.clear()
    offsets.set(key, offset)
  }
  return offset
}

function offsetOf(zone: string, at: Millis): Millis {
  const second = Math.floor(at / 1000) * 1000
  const fields: Record<string, number> = {}
  for (const { type, value } of clockOf(zone).formatToParts(second)) fields[type] = Number(value)
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = fields
  return daysBefore(year, month, day) * DAY + hour * HOUR + minute * MINUTE + (fields['second'] ?? 0) * 1000 - second
}

function clockOf(zone: string): Intl.DateTimeFormat {
  let clock = clocks.get(zone)
  if (clock === undefined) {
    const two = '2-digit'
    clock = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: two,
      day: two,
      hour: two,
      minute: two,
      second: two,
    })
    clocks.set(zone, clock)
  }
  return clock
}

/** Days from 1970-01-01 to a day of the Gregorian calendar. */
function daysBefore(year: number, month: number, day: number): number {
  // Years from March on, so that the day that some years have more is the last of one.
  const years = month > 2 ? year : year - 1
  const era = Math.floor(years / 400)
  const yearOfEra = years - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}
