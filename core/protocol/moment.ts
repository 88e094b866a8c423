import * as v from 'valibot'
import { parseInstant } from '../base/instant.ts'

const WRITTEN = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

/** An instant in a request: ISO 8601 with `Z` or an offset, and one that the calendar has. Stays as it is written. */
export const moment = v.pipe(
  v.string(),
  v.regex(WRITTEN, 'must be ISO 8601 with Z or an offset'),
  // What is written in another way has been named already.
  v.check((text) => !WRITTEN.test(text) || parseInstant(text) !== null, 'must be a valid date and time'),
)
