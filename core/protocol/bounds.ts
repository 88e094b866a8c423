import * as v from 'valibot'
import { clip } from '../base/text.ts'
import { toText } from '../base/json.ts'
import { writtenObject } from './written.ts'

/**
 * Limits for the texts and lists in robots' messages. A robot may send a megabyte in any field, a hundred times a
 * minute, and its values are kept in memory, in rows and in copies of rows: so each has a limit. P74.
 */

/** The name of a robot; people may give it as many. */
export const NAME_CHARS_MAX = 200
/** A single word, such as the status of a robot. */
export const WORD_CHARS_MAX = 64
/** The name of a node. */
export const NODE_CHARS_MAX = 256
export const ERROR_TYPE_CHARS_MAX = 200
/** A reason, which is stored in histories, and with the robot. */
export const REASON_CHARS_MAX = 1_000
/** The progress message of a job, which is shown in every list of jobs, and rewritten with each report. */
export const PROGRESS_CHARS_MAX = 2_000
/** A log line, and its extra data. */
export const LOG_CHARS_MAX = 16_384
/** An error message, and a stack trace. */
export const ERROR_CHARS_MAX = 65_536
/** The description of a robot's machine, as JSON. */
export const SYSTEM_INFO_CHARS_MAX = 16_384
/** The capabilities of a robot, as JSON. */
const CAPABILITIES_CHARS_MAX = 65_536
/** Twice as many jobs as a robot can have from us; the rest of a longer list is ignored. */
export const ACTIVE_JOBS_MAX = 2_000
/** Offers that a robot remembers, likewise. */
export const MEMORY_OFFERS_MAX = 10_000

/** A text of any length, clipped to the limit. */
export function textOf(charsMax: number) {
  return v.pipe(v.string(), v.transform((text) => clip(text, charsMax)))
}

/**
 * A value of any size that is only passed on. If its JSON is longer than the limit, a note that it was dropped replaces
 * it.
 */
export function passedOn<T>(charsMax: number): v.TransformAction<T, T | Anything> {
  return v.transform((value) => {
    const { length } = toText(value)
    return length <= charsMax ? value : { dropped: `${length} characters are too many` }
  })
}

type Anything = Readonly<Record<string, unknown>>

/**
 * The capabilities of a robot. Too large ones are refused: without them, or cut, the robot would get jobs that it
 * cannot run.
 */
export const capabilities = v.pipe(
  writtenObject as v.GenericSchema<Anything>,
  v.check(
    (value) => toText(value).length <= CAPABILITIES_CHARS_MAX,
    `must have at most ${CAPABILITIES_CHARS_MAX} characters as JSON`,
  ),
)
