import { RE2JS } from 're2js'
import { type Refusal, refuse } from './protocol/refusal.ts'

/**
 * Regular expressions that people write, to be matched against what strangers send. Those of the platform can be made to
 * run for minutes by a few dozen characters; these take time in proportion to the text, for which they know no
 * back-references and no look-around.
 */
export interface Pattern {
  /** Whether it occurs anywhere in the text. */
  find(text: string): boolean
  /** Whether it is the whole text. */
  matches(text: string): boolean
}

/** A pattern is refused when it is longer: no honest one is. */
const CHARS_MAX = 1_000

/** Reads a pattern in the syntax of RE2. INVALID_PAYLOAD, with `field`, says what is wrong with it. */
export function patternOf(text: string, field: string, flags: 'i' | '' = ''): Pattern | Refusal {
  const wrong = (why: string): Refusal => refuse('INVALID_PAYLOAD', `${field} ${why}`, { field })
  if (text.length > CHARS_MAX) return wrong(`must not exceed ${CHARS_MAX} characters`)
  try {
    const read = RE2JS.compile(text, flags === 'i' ? RE2JS.CASE_INSENSITIVE : 0)
    return { find: (given) => read.matcher(given).find(), matches: (given) => read.matches(given) }
  } catch (error) {
    return wrong(`is no regular expression: ${error instanceof Error ? error.message : String(error)}`)
  }
}
