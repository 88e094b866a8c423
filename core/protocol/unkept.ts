import { JSON_DEPTH_MAX, JSON_KEYS_MAX, NUMBER_CHARS_MAX } from '../base/json.ts'

/** Why a result cannot be kept. A job that was completed with one fails, with this error type. */
export interface ResultProblem {
  readonly error_type: 'RESULT_TOO_LARGE' | 'RESULT_TOO_DEEP' | 'RESULT_INVALID'
  /** What it says of the result, or of any other value that is as it is. */
  readonly why: string
}

/** Every reason. */
export const RESULT_PROBLEMS = {
  /** It is in a message that is, or would not fit into a row with the job's parameters. */
  large: { error_type: 'RESULT_TOO_LARGE', why: 'is too large' },
  many: { error_type: 'RESULT_TOO_LARGE', why: `has more than ${JSON_KEYS_MAX} members` },
  long: { error_type: 'RESULT_TOO_LARGE', why: `has a number of more than ${NUMBER_CHARS_MAX} characters` },
  deep: { error_type: 'RESULT_TOO_DEEP', why: `is nested deeper than ${JSON_DEPTH_MAX} levels` },
  /** It is in a message that is not. */
  invalid: { error_type: 'RESULT_INVALID', why: 'is not JSON' },
} as const satisfies Record<string, ResultProblem>
