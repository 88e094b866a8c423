import PostalMime, { type Email, type RawEmail } from 'postal-mime'
import { asWindows1252, utf8Text } from '../net/charset.ts'

/** Converts HTML to text. The mail parser does it, after what a reader does not see has been removed. */

/** The most HTML that is converted. */
export const HTML_CHARS_MAX = 256 << 10

/** The parts of one place in a mail, by what kind of text they are, as the parser has collected them. */
interface Entry {
  plain?: readonly Piece[]
  readonly html?: readonly Piece[]
}
type Piece = { readonly type: 'text'; readonly value: string } | { readonly type: 'subMessage' }

interface Line {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly done: boolean
}

/** How the parser comes to its lines. Its types do not say so. */
const { readLine } = PostalMime.prototype as unknown as { readonly readLine: (this: PostalMime) => Line }

/**
 * The parser, with its own text for HTML parts that stand beside text parts: the library's has the style sheet in it; and with
 * headers that senders write in windows-1252 without saying so, which it reads as UTF-8.
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

/** The bytes of a line as UTF-8: what is not valid in it is windows-1252. */
function asUtf8(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (utf8Text(bytes) !== null) return bytes
  return new Uint8Array(new TextEncoder().encode(asWindows1252(LATIN_1.decode(bytes))))
}

const LATIN_1 = new TextDecoder('windows-1252')

/** The text in HTML: no style sheet, script, title or comment, a line for each row of a table, links with where they lead. */
export async function textOfHtml(html: string): Promise<string> {
  return (await textsOfHtml([html]))[0] ?? ''
}

/** The text of each. They are converted together: a mail may have ten thousand of them. */
async function textsOfHtml(sources: readonly string[]): Promise<readonly string[]> {
  const shown = sources.map((html) => shownOf(html).replaceAll(BETWEEN, ' ')).join(`<div>${BETWEEN}<div>`)
  if (shown.trim() === '') return []
  // The parser makes text of HTML only where there is other text beside it.
  const before = '--x\r\nContent-Type: text/plain\r\n\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n'
  const { text = '' } = await PostalMime.parse(`Content-Type: multipart/mixed; boundary=x\r\n\r\n${before}${shown}`)
  return text.split(BETWEEN).map((one) => one.trim())
}

/** Stands between two sources. The parser uses the one before it itself. */
const BETWEEN = '\u0002'

/** The HTML without what a reader does not see, and with line breaks where a reader sees them. */
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

/** Lines of the source are those of the text only in `<pre>`, which stands between two of the pieces that it splits into. */
function onLines(piece: string, at: number, pieces: readonly string[]): string {
  return /^<pre/i.test(pieces[at - 1] ?? '') ? piece.replace(/\r?\n/g, '<br>') : piece.replace(/[ \t\r\n]+/g, ' ')
}

const PRE = /(<\/?pre\b[^<>]*>)/i

const BLOCKS =
  /<\/?(?:h[1-6]|ul|ol|dl|dt|dd|blockquote|section|article|header|footer|aside|main|nav|address|center|pre|figure|caption|fieldset|form)\b[^<>]*>/gi
/** The cells of a row go on one line. */
const CELLS = /<\/?t[dh]\b[^<>]*>/gi
/** The references that HTML reads as windows-1252. */
const NUMBERED = /&#(?:(1[2-5]\d)|x([89][0-9a-f]));/gi

const HIDDEN = /<!--|<(style|script|title|template|svg)\b/gi

/** Removes hidden elements and comments in one pass. One without an end hides the rest, as in a browser. */
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
    // A tag that does not end is looked through once, and not once for each that begins in it.
    const end = closing.exec(html) === null ? -1 : html.indexOf('>', closing.lastIndex)
    if (end === -1) return shown.join('')
    at = end + 1
  }
}
