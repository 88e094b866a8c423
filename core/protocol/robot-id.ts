import * as v from 'valibot'
import type { RobotId } from '../base/ids.ts'

/** Ids of robots stand in paths. A path cannot carry `.` and `..`, whatever is done to write them otherwise. */
const UNADDRESSABLE = /^\.{1,2}$/

/** Letters that nobody sees, and that end lines in logs. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u

const ID_CHARS_MAX = 256

/** An id that a robot may have: of whatever letters, as long as `/api/v1/robots/{id}` can name it. */
export const newRobotId = v.pipe(
  v.string(),
  v.nonEmpty('must not be empty'),
  v.maxLength(ID_CHARS_MAX, `must have at most ${ID_CHARS_MAX} characters`),
  v.check((id) => !UNADDRESSABLE.test(id), 'must not be . or .., which a URL cannot carry'),
  v.check((id) => !CONTROL.test(id), 'must not contain control characters'),
  v.transform((id) => id as RobotId),
)
