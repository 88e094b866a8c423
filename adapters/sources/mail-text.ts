import PostalMime, { type Email, type RawEmail } from 'postal-mime'
import { asWindows1252 } from '../charset.ts'

/** What there is to read in HTML, as text. The parser of mail makes it, of what we have tidied up for it. */

/** HTML of which text is made. */
export const HTML_CHARS_MAX = 256 << 10

/** The parts of one place in a mail, by what kind of text they are, as the parser has collected them. */
interface Entry {
  plain?: readonly Piece[]
  readonly html?: readonly Piece[]
}
type Piece = { readonly type: 'text'; readonly value: string } | { readonly type: 'subMessage' }

/** A mail whose text is also right where it is made of HTML parts beside others. The parser leaves a style sheet in it. */
export class WholeMail extends PostalMime {
  declare readonly textMap: ReadonlyMap<object, Entry>
  declare readonly textContent: { readonly plain?: string }
  declare readonly renderTextContent: () => void

  override async parse(raw: RawEmail): Promise<Email> {
    const mail = await super.parse(raw)
    const bare = [...this.textMap.values()].filter(({ plain }) => plain === undefined)
    if (mail.text === undefined || bare.length === 0) return mail
    let left = HTML_CHARS_MAX
    for (const entry of bare) {
      const pieces: Piece[] = []
      for (const piece of entry.html ?? []) {
        const html = piece.type === 'text' ? piece.value.slice(0, left) : ''
        left -= html.length
        pieces.push(piece.type === 'text' ? { type: 'text', value: await textOfHtml(html) } : piece)
      }
      entry.plain = pieces
    }
    this.renderTextContent()
    return { ...mail, text: this.textContent.plain ?? '' }
  }
}

/** The text in HTML: no style sheet, script, title or comment, a line for each row of a table, links with where they lead. */
export async function textOfHtml(html: string): Promise<string> {
  const shown = shownOf(html)
  if (shown.trim() === '') return ''
  // The parser makes text of HTML only where there is other text beside it.
  const before = '--x\r\nContent-Type: text/plain\r\n\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n'
  const { text = '' } = await PostalMime.parse(`Content-Type: multipart/mixed; boundary=x\r\n\r\n${before}${shown}`)
  return text.trim()
}

/** HTML with nothing in it that nobody sees, and with the breaks where a reader would see them. */
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
/** Cells of a row stand on one line. */
const CELLS = /<\/?t[dh]\b[^<>]*>/gi
/** The references that HTML reads as windows-1252. */
const NUMBERED = /&#(?:(1[2-5]\d)|x([89][0-9a-f]));/gi

const HIDDEN = /<!--|<(style|script|title|template|svg)\b/gi

/** Each is looked for from the end of the one before, and one that does not end hides the rest, as in a browser. */
function withoutHidden(html: string): string {
  const shown: string[] = []
  let at = 0
  for (;;) {
    HIDDEN.lastIndex = at
    const opens = HIDDEN.exec(html)
    if (opens === null) return shown.join('') + html.slice(at)
    shown.push(html.slice(at, opens.index))
    const tag = opens[1]
    const closing = tag === undefined ? /-->/g : new RegExp(`</${tag}\\b[^>]*>`, 'gi')
    closing.lastIndex = HIDDEN.lastIndex
    if (closing.exec(html) === null) return shown.join('')
    at = closing.lastIndex
  }
}
