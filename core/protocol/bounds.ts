import * as v from 'valibot'
import { clip } from '../base/text.ts'
import { toText } from '../base/json.ts'
import { writtenObject } from './written.ts'

/**
 * How much of what robots say is kept. A robot may say a megabyte in any field, a hundred times a minute, and what it says is
 * kept in memory, in rows, and in copies of rows: so every text and every list of a message has its bound here. P74.
 */

/** Of the name of a robot: as many as people may give it. */
export const NAME_CHARS_MAX = 200
/** Of a word, such as the status of a robot. */
export const WORD_CHARS_MAX = 64
/** Of the name of a node. */
export const NODE_CHARS_MAX = 256
export const ERROR_TYPE_CHARS_MAX = 200
/** Of a reason: it stands in histories, and with the robot. */
export const REASON_CHARS_MAX = 1_000
/** Of what a job is doing: it stands in every list of jobs, and is written anew with each message. */
export const PROGRESS_CHARS_MAX = 2_000
/** Of a line of a log, and of what it has beside its text. */
export const LOG_CHARS_MAX = 16_384
/** Of an error's message, and of its stack trace. */
export const ERROR_CHARS_MAX = 65_536
/** Of what a robot says of its machine, as JSON. */
export const SYSTEM_INFO_CHARS_MAX = 16_384
/** Of what a robot can do, as JSON. */
const CAPABILITIES_CHARS_MAX = 65_536
/** Twice as many jobs as a robot can have of us: a longer list is not read. */
export const ACTIVE_JOBS_MAX = 2_000
/** Offers that a robot remembers, likewise. */
export const MEMORY_OFFERS_MAX = 10_000

/** A text of any length, of which so much is read. */
export function textOf(charsMax: number) {
  return v.pipe(v.string(), v.transform((text) => clip(text, charsMax)))
}

/** A value of any size, to be passed on where it is not longer than this as JSON; where it is, that it was dropped. */
export function passedOn<T>(charsMax: number): v.TransformAction<T, T | Anything> {
  return v.transform((value) => {
    const { length } = toText(value)
    return length <= charsMax ? value : { dropped: `${length} characters are too many` }
  })
}

type Anything = Readonly<Record<string, unknown>>

/** What a robot can do. It may not be cut, and the robot would be given work that is not for it if it were left out. */
export const capabilities = v.pipe(
  writtenObject as v.GenericSchema<Anything>,
  v.check(
    (value) => toText(value).length <= CAPABILITIES_CHARS_MAX,
    `must have at most ${CAPABILITIES_CHARS_MAX} characters as JSON`,
  ),
)
