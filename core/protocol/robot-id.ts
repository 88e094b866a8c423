import * as v from 'valibot'
import type { RobotId } from '../base/ids.ts'

/** Robots' ids occur in paths, which cannot contain `.` and `..`, even percent-encoded. */
const UNADDRESSABLE = /^\.{1,2}$/

/** Invisible characters, and those that end lines in logs. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u

const ID_CHARS_MAX = 256

/** A valid id of a robot: any characters that `/api/v1/robots/{id}` can contain. */
export const newRobotId = v.pipe(
  v.string(),
  v.nonEmpty('must not be empty'),
  v.maxLength(ID_CHARS_MAX, `must have at most ${ID_CHARS_MAX} characters`),
  v.check((id) => !UNADDRESSABLE.test(id), 'must not be . or .., which a URL cannot carry'),
  v.check((id) => !CONTROL.test(id), 'must not contain control characters'),
  v.transform((id) => id as RobotId),
)
