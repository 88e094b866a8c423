import type { Millis } from '../../core/base/ids.ts'
import type { KeyView, Time } from '../../core/api/view.ts'
import type { KeyRow } from '../../core/records/key.ts'

/** Rows as the API shows them: the data models of the reference, and beside them what we know besides. */

/** An instant as the API writes it: ISO 8601 in UTC, with milliseconds and `Z`. */
export function iso(at: Millis): Time
export function iso(at: Millis | null): Time | null
export function iso(at: Millis | null): Time | null {
  return at === null ? null : new Date(at).toISOString()
}

/** A key, without the key itself. */
export function keyView(key: KeyRow): KeyView {
  return {
    id: key.id,
    name: key.name,
    scopes: key.scopes,
    robot_id: key.robot_id,
    created_at: iso(key.created_at),
    revoked_at: iso(key.revoked_at),
  }
}
