import type { Millis } from './ids.ts'

/**
 * An instant as ISO 8601 in UTC with milliseconds and `Z`, for the years 1970 to 9999. Does not use the platform's
 * `Date`.
 */
export function instantText(at: Millis): string {
  const day = Math.floor(at / 86_400_000)
  const ms = at - day * 86_400_000
  // Years begin in March here, so that a leap day is the last day of its year. Eras of 400 years all have the same
  // length.
  const shifted = day + 719_468
  const era = Math.floor(shifted / 146_097)
  const ofEra = shifted - era * 146_097
  const years = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  )
  const ofYear = ofEra - (365 * years + Math.floor(years / 4) - Math.floor(years / 100))
  const fromMarch = Math.floor((5 * ofYear + 2) / 153)
  const date = ofYear - Math.floor((153 * fromMarch + 2) / 5) + 1
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  const year = years + era * 400 + (month <= 2 ? 1 : 0)
  const clock = `${two(ms / 3_600_000)}:${two(ms / 60_000 % 60)}:${two(ms / 1000 % 60)}`
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(date)}T${clock}.${String(ms % 1000).padStart(3, '0')}Z`
}

function two(value: number): string {
  return String(Math.floor(value)).padStart(2, '0')
}

/** The format of RFC 3339, with optional seconds. */
const WRITTEN =
  /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,9}))?)?(?:Z|([+-])(\d\d):([0-5]\d))$/

/** No time zone has a larger offset from UTC, except historical local mean times. */
const OFFSET_MINUTES_MAX = 14 * 60

/**
 * Parses a date and time with `Z` or an offset; null if the calendar or the clock does not have it: 30 February, 24:00,
 * a leap second, an offset of 25 hours. This is the only parser of instants. Digits beyond milliseconds are cut off.
 */
export function parseInstant(text: string): Millis | null {
  const [matched, date = '', hour, minute, second = '0', fraction = '', sign, hours = '0', minutes = '0'] =
    WRITTEN.exec(text) ?? []
  const day = parseDate(date)
  const offset = (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes))
  if (matched === undefined || day === null || Math.abs(offset) > OFFSET_MINUTES_MAX) return null
  const seconds = (Number(hour) * 60 + Number(minute) - offset) * 60 + Number(second)
  return day + seconds * 1_000 + Number(fraction.slice(0, 3).padEnd(3, '0'))
}

/** The start in UTC of a day such as 2026-11-23; null if the calendar does not have it. */
export function parseDate(text: string): Millis | null {
  const [, year = 0, month = 0, day = 0] = (/^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []).map(Number)
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0
  const lengths = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  if (year < 1 || day < 1 || day > (lengths[month - 1] ?? 0)) return null
  const past = year - 1
  const days = past * 365 + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400)
  const ofYear = lengths.slice(0, month - 1).reduce((sum, length) => sum + length, 0) + day - 1
  return (days + ofYear - 719_162) * 86_400_000
}
