/** How far back and on it is looked for the ends of the character at which a text is cut. */
const AROUND = 64

/** Characters below this one are never joined to the one before them. */
const JOINING = 0x300

/** Made when it is first needed: not every browser that has the client has it. */
let clusters: Intl.Segmenter | undefined

/**
 * The beginning of a text, of at most so many UTF-16 units. It ends where a character ends as people see it: no emoji, and
 * no letter with its accents, is cut in two. It is well-formed too.
 */
export function cut(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  return text.slice(0, endBefore(text, charsMax)).toWellFormed()
}

/** Text that is not longer than it may be; what was cut says how long it was. */
export function clip(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${cut(text, charsMax)}… (${text.length} characters)`
}

function endBefore(text: string, at: number): number {
  if (at <= 0) return 0
  if (text.charCodeAt(at - 1) < JOINING && text.charCodeAt(at) < JOINING) return at
  const from = Math.max(0, at - AROUND)
  clusters ??= new Intl.Segmenter()
  const whole = clusters.segment(text.slice(from, at + AROUND)).containing(at - from)?.index ?? 0
  // What is joined for longer than anybody writes is cut between two code points.
  if (whole > 0) return from + whole
  return isLow(text.charCodeAt(at)) && isHigh(text.charCodeAt(at - 1)) ? at - 1 : at
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}
