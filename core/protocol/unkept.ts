import type { Room } from './fit.ts'
import { JSON_DEPTH_MAX, JSON_KEYS_MAX, NUMBER_CHARS_MAX } from '../base/json.ts'

/** The reason why a result cannot be stored. A job completed with such a result fails with this error type. */
export interface ResultProblem {
  readonly error_type: 'RESULT_TOO_LARGE' | 'RESULT_TOO_DEEP' | 'RESULT_INVALID'
  /** Describes the result, or any other value with the problem. */
  readonly why: string
}

/** Every such problem. */
export const RESULT_PROBLEMS = {
  /** The message is too large, or the result would not fit into a row with the job's parameters. */
  large: { error_type: 'RESULT_TOO_LARGE', why: 'is too large' },
  many: { error_type: 'RESULT_TOO_LARGE', why: `has more than ${JSON_KEYS_MAX} members` },
  long: { error_type: 'RESULT_TOO_LARGE', why: `has a number of more than ${NUMBER_CHARS_MAX} characters` },
  deep: { error_type: 'RESULT_TOO_DEEP', why: `is nested deeper than ${JSON_DEPTH_MAX} levels` },
  /** The message is not JSON. */
  invalid: { error_type: 'RESULT_INVALID', why: 'is not JSON' },
} as const satisfies Record<string, ResultProblem>

/** The problem with a value that was fitted into a room; null if nothing was left out. */
export function resultProblemOf({ deep, many, long }: Pick<Room, 'deep' | 'many' | 'long'>): ResultProblem | null {
  if (deep) return RESULT_PROBLEMS.deep
  if (many) return RESULT_PROBLEMS.many
  return long ? RESULT_PROBLEMS.long : null
}
