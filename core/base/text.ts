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

/** Text that came from others, for where people and programs read lines: it is to be seen, and not to be obeyed. */

/** What ends a line somewhere, and what terminals obey. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu

/**
 * What nobody sees, and what changes the order in which the rest is seen: an id with one of these looks like another id, and a
 * line like another line. Selectors and joiners of emoji are among them, which look less well without.
 */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu

/** One line of plain text: breaks are spaces, other control characters are to be seen, and what nobody sees is gone. */
export function oneLine(text: string): string {
  const line = text.toWellFormed().replace(/\s+/g, (space) => /[\t\n\v\f\r\u2028\u2029]/.test(space) ? ' ' : space)
  return line.replace(CONTROL, '\ufffd').replace(UNSEEN, '')
}

/** The same with nothing lost: line breaks and other control characters but tabs are written as JSON has them. */
export function escapedLine(text: string): string {
  return text.replace(CONTROL, (one) => one === '\t' ? one : escapeOf(one))
}

/**
 * JSON that means the same, in which nothing hides: control characters and what nobody sees are escapes. Line breaks in
 * JSON stand between its values, and stay.
 */
export function shownJson(json: string): string {
  return json.replace(CONTROL, (one) => one === '\n' ? one : escapeOf(one)).replace(UNSEEN, escapeOf)
}

function escapeOf(text: string): string {
  if (text === '\n') return '\\n'
  if (text === '\r') return '\\r'
  return Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join(
    '',
  )
}

/** Whether the text, as UTF-8, is longer than `bytesMax`; it is measured only where its length leaves a doubt. */
export function exceedsBytes(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return true
  return text.length * 3 > bytesMax && utf8Bytes(text) > bytesMax
}

/** How long the text is as UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // Each half of a surrogate pair counts two, and the pair is four bytes long.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3
  }
  return bytes
}

/** A secret in the query of a URL, whatever that is called; and a key of ours, wherever it stands. */
const IN_QUERY = /([?&](?:[\w-]*(?:key|token|secret|password|signature)|sig|done)=)[^&#\s"'\\]+/gi

const OURS = /\bcrpa_[\w-]{8,}/g

/** A text as it may be logged: without the keys and secrets that are in it. */
export function withoutSecrets(text: string): string {
  return text.replace(IN_QUERY, '$1***').replace(OURS, 'crpa_***')
}
