import PostalMime, { type Email, type RawEmail } from 'postal-mime'
import { asWindows1252, utf8Text } from '../net/charset.ts'

/** Converts HTML to text with the mail parser, after removing what a reader does not see. */

/** The longest HTML that is converted, in characters. */
export const HTML_CHARS_MAX = 256 << 10

/** The parts at one place in a mail, by type of text, as the parser collects them. */
interface Entry {
  plain?: readonly Piece[]
  readonly html?: readonly Piece[]
}
type Piece = { readonly type: 'text'; readonly value: string } | { readonly type: 'subMessage' }

interface Line {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly done: boolean
}

/** The parser's method that reads lines, which its types do not declare. */
const { readLine } = PostalMime.prototype as unknown as { readonly readLine: (this: PostalMime) => Line }

/**
 * The parser with two changes: HTML parts beside text parts are converted by the functions below, because the library
 * would include style sheets; and undeclared windows-1252 in headers is decoded, which the library reads as UTF-8.
 */
export class MailParser extends PostalMime {
  declare readonly currentNode: { readonly state: string }
  declare readonly textMap: ReadonlyMap<object, Entry>
  declare readonly textContent: { readonly plain?: string }
  declare readonly renderTextContent: () => void

  readLine(): Line {
    const line = readLine.call(this)
    return this.currentNode.state === 'header' ? { ...line, bytes: asUtf8(line.bytes) } : line
  }

  override async parse(raw: RawEmail): Promise<Email> {
    const mail = await super.parse(raw)
    const bare = [...this.textMap.values()].filter(({ plain }) => plain === undefined)
    if (mail.text === undefined || bare.length === 0) return mail
    let left = HTML_CHARS_MAX
    const sources = bare.flatMap(({ html = [] }) => html).filter((piece) => piece.type === 'text').map(({ value }) => {
      const html = value.slice(0, left)
      left -= html.length
      return html
    })
    const texts = (await textsOfHtml(sources)).values()
    for (const entry of bare) {
      entry.plain = (entry.html ?? []).map((piece) =>
        piece.type === 'text' ? { type: 'text', value: texts.next().value ?? '' } : piece
      )
    }
    this.renderTextContent()
    return { ...mail, text: this.textContent.plain ?? '' }
  }
}

/** The bytes of a line as UTF-8: invalid UTF-8 is taken for windows-1252. */
function asUtf8(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (utf8Text(bytes) !== null) return bytes
  return new Uint8Array(new TextEncoder().encode(asWindows1252(LATIN_1.decode(bytes))))
}

const LATIN_1 = new TextDecoder('windows-1252')

/**
 * The text of HTML: without style sheets, scripts, title and comments, one line per table row, links followed by their
 * targets.
 */
export async function textOfHtml(html: string): Promise<string> {
  return (await textsOfHtml([html]))[0] ?? ''
}

/** The text of each source. They are converted together, since a mail may have ten thousand of them. */
async function textsOfHtml(sources: readonly string[]): Promise<readonly string[]> {
  const shown = sources.map((html) => shownOf(html).replaceAll(BETWEEN, ' ')).join(`<div>${BETWEEN}<div>`)
  if (shown.trim() === '') return []
  // The parser converts HTML only where it stands beside other text.
  const before = '--x\r\nContent-Type: text/plain\r\n\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n'
  const { text = '' } = await PostalMime.parse(`Content-Type: multipart/mixed; boundary=x\r\n\r\n${before}${shown}`)
  return text.split(BETWEEN).map((one) => one.trim())
}

/** Separates two sources. The parser itself uses the preceding character. */
const BETWEEN = '\u0002'

/** The HTML without invisible parts, and with line breaks where a reader sees them. */
function shownOf(html: string): string {
  return withoutHidden(html).split(PRE).map(onLines).join('')
    .replace(BLOCKS, '<div>')
    .replace(CELLS, ' ')
    .replace(/<li\b/gi, '<br><li')
    .replace(NUMBERED, (whole, decimal?: string, hex?: string) => {
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal)
      return code >= 0x80 && code <= 0x9f ? asWindows1252(String.fromCharCode(code)) : whole
    })
}

/** Replaces line breaks of the source by spaces, except in `<pre>`, whose tags are the odd pieces of the split. */
function onLines(piece: string, at: number, pieces: readonly string[]): string {
  return /^<pre/i.test(pieces[at - 1] ?? '') ? piece.replace(/\r?\n/g, '<br>') : piece.replace(/[ \t\r\n]+/g, ' ')
}

const PRE = /(<\/?pre\b[^<>]*>)/i

const BLOCKS =
  /<\/?(?:h[1-6]|ul|ol|dl|dt|dd|blockquote|section|article|header|footer|aside|main|nav|address|center|pre|figure|caption|fieldset|form)\b[^<>]*>/gi
/** The cells of a row go on one line. */
const CELLS = /<\/?t[dh]\b[^<>]*>/gi
/** Character references that HTML interprets as windows-1252. */
const NUMBERED = /&#(?:(1[2-5]\d)|x([89][0-9a-f]));/gi

const HIDDEN = /<!--|<(style|script|title|template|svg)\b/gi

/** Removes hidden elements and comments in one pass. An unclosed one hides the rest, as in a browser. */
function withoutHidden(html: string): string {
  const shown: string[] = []
  let at = 0
  for (;;) {
    HIDDEN.lastIndex = at
    const opens = HIDDEN.exec(html)
    if (opens === null) return shown.join('') + html.slice(at)
    shown.push(html.slice(at, opens.index))
    const tag = opens[1]
    const closing = tag === undefined ? /--(?=>)/g : new RegExp(`</${tag}\\b`, 'gi')
    closing.lastIndex = HIDDEN.lastIndex
    // An unclosed tag is scanned once, not once for each tag that begins in it.
    const end = closing.exec(html) === null ? -1 : html.indexOf('>', closing.lastIndex)
    if (end === -1) return shown.join('')
    at = end + 1
  }
}
