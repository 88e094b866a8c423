import { readCron } from '../records/cron.ts'
import type { Millis } from '../base/ids.ts'
import { isRefusal, type Refusal, refuse } from '../base/refusal.ts'
import type { Frequency, Recurrence } from '../records/schedule.ts'
import { zoneProblem } from '../records/zone.ts'

/** The timing fields of a request; null if left out. */
export interface RecurrenceInput {
  readonly frequency: Frequency
  readonly cron_expression: string | null
  readonly run_at: Millis | null
  readonly timezone: string
  readonly start_at: Millis | null
  readonly end_at: Millis | null
  readonly time_hour: number | null
  readonly time_minute: number | null
  /** A name of three letters, or 0 to 7, where Sunday is 0 and 7. */
  readonly day_of_week: string | number | null
  /** `L` is the last day. A month without the day is skipped. */
  readonly day_of_month: number | 'L' | null
}

type Field = Exclude<keyof RecurrenceInput, 'frequency' | 'timezone'>

/** The fields of each frequency. A field of another one is refused, since it would have no effect. */
const FIELDS: { readonly [F in Frequency]: readonly Field[] } = {
  once: ['run_at'],
  hourly: ['time_minute', 'start_at', 'end_at'],
  daily: ['time_hour', 'time_minute', 'start_at', 'end_at'],
  weekly: ['day_of_week', 'time_hour', 'time_minute', 'start_at', 'end_at'],
  monthly: ['day_of_month', 'time_hour', 'time_minute', 'start_at', 'end_at'],
  cron: ['cron_expression', 'start_at', 'end_at'],
}

/** The recurrence of a request, or INVALID_PAYLOAD with the wrong field. */
export function recurrenceOf(input: RecurrenceInput): Recurrence | Refusal {
  const { frequency, timezone, run_at, start_at, end_at } = input
  const wrong = (field: string, message: string): Refusal =>
    refuse('INVALID_PAYLOAD', `${field} ${message}`, { fields: [field] })
  const fields = FIELDS[frequency]
  const { frequency: _, timezone: __, ...given } = input
  const astray = (Object.keys(given) as Field[]).find((name) => given[name] !== null && !fields.includes(name))
  if (astray !== undefined) return wrong(astray, `does not go with the frequency ${frequency}`)
  const problem = zoneProblem(timezone)
  if (problem !== null) return wrong('timezone', problem)
  if (frequency === 'once') {
    if (run_at === null) return wrong('run_at', 'is required for the frequency once')
    return { frequency, cron_expression: '', run_at, timezone, start_at, end_at }
  }
  if (start_at !== null && end_at !== null && end_at <= start_at) return wrong('end_at', 'must come after start_at')
  const text = patternText(input)
  if (text === null) return wrong('cron_expression', 'is required for the frequency cron')
  const pattern = readCron(text, timezone)
  if (isRefusal(pattern)) return pattern
  return { frequency, cron_expression: pattern.text, run_at, timezone, start_at, end_at }
}

/** The cron pattern of a frequency. Defaults: nine in the morning, on Mondays, on the first. */
function patternText(input: RecurrenceInput): string | null {
  const [minute, hour] = [input.time_minute ?? 0, input.time_hour ?? 9]
  switch (input.frequency) {
    case 'hourly':
      return `${minute} * * * *`
    case 'daily':
      return `${minute} ${hour} * * *`
    case 'weekly':
      return `${minute} ${hour} * * ${String(input.day_of_week ?? 'MON').toUpperCase()}`
    case 'monthly':
      return `${minute} ${hour} ${input.day_of_month ?? 1} * *`
    default:
      return input.cron_expression
  }
}
