import { instantText } from '../../core/base/instant.ts'
import type { Millis } from '../../core/base/ids.ts'
import type { Time } from '../../core/api/view.ts'

/** Rows as the API shows them: the data models of the reference, and beside them what we know besides. */

/** An instant as the API writes it: ISO 8601 in UTC, with milliseconds and `Z`. */
export function iso(at: Millis): Time
export function iso(at: Millis | null): Time | null
export function iso(at: Millis | null): Time | null {
  return at === null ? null : instantText(at)
}
