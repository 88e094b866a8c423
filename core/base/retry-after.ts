/** A server that asks for more is asked again after this. */
const RETRY_AFTER_SECONDS_MAX = 86_400

/** As HTTP writes dates: `Sun, 06 Nov 1994 08:49:37 GMT`, and the two older ways. */
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /

/**
 * How long an answer asks to be left alone, by `Retry-After`: a number of seconds, or a date. At most a day. Null: it does
 * not say. `parse` reads a date as milliseconds, as the platform does.
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

/** All of them are of Greenwich; the oldest does not say so. */
function withZone(date: string): string {
  return / (?:GMT|UTC|[+-]\d{4})$/.test(date) ? date : `${date} GMT`
}
