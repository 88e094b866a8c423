/** The longest time honoured; a server that asks for more is tried again after this. */
const RETRY_AFTER_SECONDS_MAX = 86_400

/** The formats of HTTP dates: `Sun, 06 Nov 1994 08:49:37 GMT`, and two obsolete ones. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /

/**
 * Seconds until a server wants to be asked again, by its `Retry-After`: a number, or a date. At most a day; null
 * without a valid header. `parse` converts a date to milliseconds, like `Date.parse`.
 */
export function retryAfterSeconds(
  header: string | null,
  now: number,
  parse: (date: string) => number,
): number | null {
  const text = header?.trim() ?? ''
  const seconds = /^\d+$/.test(text) ? Number(text) : HTTP_DATE.test(text) ? (parse(withZone(text)) - now) / 1_000 : NaN
  return Number.isNaN(seconds) ? null : Math.min(Math.max(0, seconds), RETRY_AFTER_SECONDS_MAX)
}

/** All of them are in GMT; the oldest format does not say so. */
function withZone(date: string): string {
  return / (?:GMT|UTC|[+-]\d{4})$/.test(date) ? date : `${date} GMT`
}
