import { RE2JS } from 're2js'
import { type Refusal, refuse } from './refusal.ts'

/**
 * Regular expressions written by users, applied to text from outside. A few dozen characters can make the platform's
 * run for minutes; these take linear time, and therefore have no back-references and no look-around.
 */
export interface SafeRegExp {
  /** The number of instructions, to which the worst cost per character is proportional. */
  readonly size: number
  /** True if it matches anywhere in the text. */
  find(text: string): boolean
  /** True if it matches the whole text. */
  matches(text: string): boolean
}

/** The longest pattern that is accepted, in characters. */
const CHARS_MAX = 1_000

/** The largest size with repetitions expanded. */
const SIZE_MAX = 1_000

const known = new Map<string, SafeRegExp | Refusal>()
const KNOWN_MAX = 2_000

/** Compiles a pattern in the syntax of RE2. INVALID_PAYLOAD, with `field`, says what is wrong with it. */
export function safeRegExp(text: string, field: string, flags: 'i' | '' = ''): SafeRegExp | Refusal {
  const key = `${field} ${flags} ${text}`
  let pattern = known.get(key)
  if (pattern === undefined) {
    // Compiling takes longer than matching.
    if (known.size >= KNOWN_MAX) known.clear()
    known.set(key, pattern = read(text, field, flags))
  }
  return pattern
}

function read(text: string, field: string, flags: 'i' | ''): SafeRegExp | Refusal {
  const wrong = (why: string): Refusal => refuse('INVALID_PAYLOAD', `${field} ${why}`, { fields: [field] })
  if (text.length > CHARS_MAX) return wrong(`must not exceed ${CHARS_MAX} characters`)
  if (sizeOf(text) > SIZE_MAX) return wrong(`must not exceed ${SIZE_MAX} characters with what it repeats written out`)
  try {
    const compiled = RE2JS.compile(text, flags === 'i' ? RE2JS.CASE_INSENSITIVE : 0)
    // Without a matcher object, which finds the bounds of the match and takes a hundred times as long.
    return {
      size: compiled.programSize(),
      find: (given) => compiled.test(given),
      matches: (given) => compiled.testExact(given),
    }
  } catch (error) {
    return wrong(`is not a regular expression: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** An escape, a count, or any other character. */
const PARTS = /\\[pPx]\{[^{}]*\}|\\.|\{(\d+)(?:,(\d*))?\}|./gs

/** The approximate size of a pattern with repetitions expanded, to which the time for compiling it is proportional. */
function sizeOf(pattern: string): number {
  const outer: number[] = []
  let sum = 0
  /** The size of the part that a count would repeat. */
  let last = 0
  let inClass = false
  for (const [part, least, most = least] of pattern.matchAll(PARTS)) {
    if (inClass) inClass = part !== ']'
    else if (least !== undefined) {
      const repeated = last * Math.max(1, Number(most === '' ? least : most))
      sum += repeated - last
      last = repeated
    } else if (part === '(') {
      outer.push(sum)
      sum = 0
    } else if (part === ')') {
      last = sum
      sum += outer.pop() ?? 0
    } else {
      inClass = part === '['
      last = 1
      sum++
    }
  }
  return outer.reduce((all, one) => all + one, sum)
}
