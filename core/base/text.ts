/** The distance searched on both sides of a cut for the bounds of its character. */
const AROUND = 64

/** Characters below this one never combine with the one before them. */
const JOINING = 0x300

/** Created on first use, because some browsers that run the client lack it. */
let clusters: Intl.Segmenter | undefined

/**
 * The beginning of a text, at most `charsMax` UTF-16 units. Cuts at the end of a grapheme, so no emoji and no accented
 * letter is cut in two. The result is well-formed.
 */
export function cut(text: string, charsMax: number): string {
  if (text.length <= charsMax) return text
  return text.slice(0, endBefore(text, charsMax)).toWellFormed()
}

/** Cuts a text to the limit, and appends its original length if it was longer. */
export function clip(text: string, charsMax: number): string {
  return text.length <= charsMax ? text : `${cut(text, charsMax)}… (${text.length} characters)`
}

function endBefore(text: string, at: number): number {
  if (at <= 0) return 0
  if (text.charCodeAt(at - 1) < JOINING && text.charCodeAt(at) < JOINING) return at
  const from = Math.max(0, at - AROUND)
  clusters ??= new Intl.Segmenter()
  const whole = clusters.segment(text.slice(from, at + AROUND)).containing(at - from)?.index ?? 0
  // A cluster that is longer than real text has is cut between two code points.
  if (whole > 0) return from + whole
  return isLow(text.charCodeAt(at)) && isHigh(text.charCodeAt(at - 1)) ? at - 1 : at
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff
}

/** Text from outside, in a form that is safe to print: control characters are shown, not interpreted. */

/** Characters that end a line, or that terminals interpret. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/gu

/**
 * Invisible characters, and those that change the direction of text: an id that contains one looks like another id, a
 * line like another line. Emoji lose their variation selectors and joiners too, and look slightly worse.
 */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu

/**
 * One line of plain text: line breaks become spaces, other control characters are escaped, and invisible characters are
 * removed.
 */
export function oneLine(text: string): string {
  const line = text.toWellFormed().replace(/\s+/g, (space) => /[\t\n\v\f\r\u2028\u2029]/.test(space) ? ' ' : space)
  return line.replace(CONTROL, '\ufffd').replace(UNSEEN, '')
}

/** One line without loss: line breaks and other control characters, except tabs, are escaped as in JSON. */
export function escapedLine(text: string): string {
  return text.replace(CONTROL, (one) => one === '\t' ? one : escapeOf(one))
}

/**
 * Equivalent JSON in which nothing is hidden: control and invisible characters are escaped. Line breaks between values
 * stay.
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

/** True if the text has more than `bytesMax` bytes of UTF-8. Counts them only if the length alone does not decide. */
export function exceedsBytes(text: string, bytesMax: number): boolean {
  if (text.length > bytesMax) return true
  return text.length * 3 > bytesMax && utf8Bytes(text) > bytesMax
}

/** The length of the text in bytes of UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // Each half of a surrogate pair counts two, as the pair takes four bytes.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 2 : 3
  }
  return bytes
}

/** A secret in the query of a URL, under the usual names; and one of our keys anywhere. */
const IN_QUERY = /([?&](?:[\w-]*(?:key|token|secret|password|signature)|sig|done)=)[^&#\s"'\\]+/gi

const OURS = /\bcrpa_[\w-]{8,}/g

/** A text as it may be logged: without the keys and secrets in it. */
export function withoutSecrets(text: string): string {
  return text.replace(IN_QUERY, '$1***').replace(OURS, 'crpa_***')
}
