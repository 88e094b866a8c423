import * as v from 'valibot'
import { parseInstant } from '../base/instant.ts'

const WRITTEN = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

/** An instant in a request: ISO 8601 with `Z` or an offset, and valid in the calendar. The text is kept as it is. */
export const moment = v.pipe(
  v.string(),
  v.regex(WRITTEN, 'must be ISO 8601 with Z or an offset'),
  // A wrong format has been reported already.
  v.check((text) => !WRITTEN.test(text) || parseInstant(text) !== null, 'must be a valid date and time'),
)
