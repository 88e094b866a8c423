import { RE2JS } from 're2js'
import { type Refusal, refuse } from './refusal.ts'

/**
 * Regular expressions that people write, to be matched against what strangers send. Those of the platform can be made to
 * run for minutes by a few dozen characters; these take time in proportion to the text, for which they know no
 * back-references and no look-around.
 */
export interface SafeRegExp {
  /** Of how many instructions it is made: what a character of the text costs at worst grows with it. */
  readonly size: number
  /** Whether it occurs anywhere in the text. */
  find(text: string): boolean
  /** Whether it is the whole text. */
  matches(text: string): boolean
}

/** A pattern is refused when it is longer: no honest one is. */
const CHARS_MAX = 1_000

/** Nor when it is longer with everything written out that it repeats. */
const SIZE_MAX = 1_000

const known = new Map<string, SafeRegExp | Refusal>()
const KNOWN_MAX = 2_000

/** Reads a pattern in the syntax of RE2. INVALID_PAYLOAD, with `field`, says what is wrong with it. */
export function safeRegExp(text: string, field: string, flags: 'i' | '' = ''): SafeRegExp | Refusal {
  const key = `${field} ${flags} ${text}`
  let pattern = known.get(key)
  if (pattern === undefined) {
    // Reading takes longer than matching does.
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
    // Not by a matcher, which looks for where the match begins and ends, and takes a hundred times as long.
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

/** About how long a pattern is with everything written out that it repeats: reading it takes that long. */
function sizeOf(pattern: string): number {
  const outer: number[] = []
  let sum = 0
  /** Of what a count would repeat. */
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
