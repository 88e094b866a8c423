import type { Millis } from './ids.ts'

/** An instant as ISO 8601 in UTC with milliseconds and `Z`. For the years 1970 to 9999, and without the platform. */
export function instantText(at: Millis): string {
  const day = Math.floor(at / 86_400_000)
  const ms = at - day * 86_400_000
  // Years begin in March here, so that the day that is added every four years is their last one. In 400 years they are
  // as many days as they ever are.
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
