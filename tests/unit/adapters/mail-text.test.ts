import { describe, expect, test } from 'vitest'
import { type Mail, readMail } from '../../../adapters/sources/mail.ts'
import { workOf } from '../../work.ts'

/** The text of a mail in every encoding. */

const MIB = 1 << 20

describe('the text of a mail', () => {
  test.each([
    ['a style sheet', '<style type="text/css">p { color: red }</style><p>Hi</p>', 'Hi'],
    [
      'a page with a head',
      '<!doctype html>\n<html><head>\n<title>T</title>\n<style>\na{}\n</style></head><body>\nHi</body></html>',
      'Hi',
    ],
    [
      'a style sheet of Outlook',
      '<!--[if gte mso 9]><xml>x</xml><![endif]--><style><!--\n@font-face {}\n--></style>Hi',
      'Hi',
    ],
    ['a script over several lines', 'A<script>\nif (a < b) x()\n</script>B', 'AB'],
    ['a comment over several lines', 'A<!-- x\n> y -->B', 'AB'],
    ['a style sheet without an end', 'A<style>p {}', 'A'],
    ['a style sheet in the middle', '<p>A</p><STYLE media=print>\nx\n</STYLE ><p>B</p>', 'A\n\nB'],
    [
      'a table',
      '<table><tr><th>Item</th><th>Sum</th></tr>\n<tr><td>Pen</td><td>2</td></tr></table>',
      'Item Sum\n\nPen 2',
    ],
    ['headings and lists', '<h1>Bill</h1><ul><li>a</li><li>b</li></ul>', 'Bill\n\n* a\n* b'],
    ['a link', 'See <a href="https://example.com/a?b=1">here</a>.', 'See (https://example.com/a?b=1) here.'],
    [
      'references',
      '5 &lt; 6 &amp; 12&nbsp;&euro; &#8364; &#x20ac; &#128; &#x96; &copy;',
      '5 < 6 & 12\u00a0€ € € € – ©',
    ],
    ['lines of the source', '<p>one\ntwo   three</p>', 'one two three'],
    ['lines that are to stay', '<pre>one\ntwo</pre>', 'one\ntwo'],
    ['nothing that is seen', '<style>x</style>', ''],
    ['a tag that does not end', 'A <b', 'A <b'],
  ])('makes text of %s', async (_, html, text) => {
    const lines = (made: unknown): string => String(made).replace(/ *\n */g, '\n')
    const { payload } = await read(`Content-Type: text/html; charset=utf-8\n\n${html}`)
    expect(lines(payload['body'])).toBe(text)
    // The same where it stands beside other text.
    const mixed = await read(
      `Content-Type: multipart/mixed; boundary=x\n\n--x\n\nFirst\n--x\nContent-Type: text/html; charset=utf-8\n\n${html}\n--x--\n`,
    )
    expect(lines(mixed.payload['body']).trim()).toBe(`First\n\n${text}`.trim())
    expect(mixed.payload['html']).toContain(html.trim())
  })

  test.each([
    ['comments', '<!--'],
    ['style sheets', '<style>x</style>'],
    ['scripts without an end', '<script>'],
    ['brackets', '<'],
    ['headings', '<h1 '],
    ['cells', '<td>x'],
    ['links', '<a href=x>'],
    ['blocks', '<div>x'],
    ['lines that are to stay', '<pre>'],
    ['references', '&#128;'],
  ])('is not kept busy by HTML of nothing but %s', async (_, piece) => {
    const work = await workOf(() => readTwice(piece.repeat(MIB / piece.length)))
    expect(work).toBeLessThan(5 * await ordinary())
  })

  test('is not kept busy by thousands of HTML parts, and keeps their order', async () => {
    const part = (n: number): string => `--x\nContent-Type: text/html\n\n<style>x</style><p>part ${n}</p>\n`
    const parts = Array.from({ length: 9_000 }, (_, n) => part(n)).join('')
    let payload: Mail['payload'] = {}
    const work = await workOf(async () => {
      ;({ payload } = await read(`Content-Type: multipart/mixed; boundary=x\n\n--x\n\nFirst\n${parts}--x--\n`))
    })
    expect(work).toBeLessThan(5 * await ordinary())
    expect(String(payload['body']).split(/\s*\n\s*/).slice(0, 4)).toEqual(['First', 'part 0', 'part 1', 'part 2'])
  })

  // As the Encoding Standard has it: all of these are windows-1252.
  test.each([
    'windows-1252',
    'iso-8859-1',
    'us-ascii',
    'csisolatin1',
    'latin1',
    'cp1252',
    'x-cp1252',
    'ansi_x3.4-1968',
  ])(
    'reads %s as windows-1252: headers, bodies and names of files',
    async (label) => {
      const word = (q: string): string => `=?${label}?Q?${q}?=`
      const raw = [
        `From: ${word('O=92Brien')} <ob@example.com>`,
        `Subject: ${word('100_=80_=96_=85')} =?${label}?B?gIA=?=`,
        'Content-Type: multipart/mixed; boundary=x',
        '',
        '--x',
        `Content-Type: text/plain; charset=${label}`,
        'Content-Transfer-Encoding: quoted-printable',
        '',
        '=80 12 =96 don=92t =9F',
        '--x',
        `Content-Type: a/b; name="${word('=80.pdf')}"`,
        '',
        'x',
        '--x',
        `Content-Type: a/b`,
        `Content-Disposition: attachment; filename*=${label}''%80%96.pdf`,
        '',
        'x',
        '--x',
        `Content-Type: text/html; charset="${label}"`,
        '',
        '<p>\x80</p>',
        '--x--',
        '',
      ].join('\n')
      const { payload } = await readMail(Uint8Array.from(Buffer.from(raw, 'latin1')), {
        id: null,
        at: 0,
        size: raw.length,
      })
      expect(payload).toMatchObject({
        from_name: 'O’Brien',
        subject: '100 € – …€€',
        body: expect.stringMatching(/^€ 12 – don’t Ÿ\s+€/),
        html: expect.stringContaining('<p>€</p>'),
        attachments: [{ filename: '€.pdf' }, { filename: '€–.pdf' }],
      })
    },
  )
})

async function readTwice(html: string): Promise<void> {
  await read(`Content-Type: text/html\n\n${html}`)
  await read(
    `Content-Type: multipart/mixed; boundary=x\n\n--x\n\nFirst\n--x\nContent-Type: text/html\n\n${html}\n--x--\n`,
  )
}

let ordinaryWork: Promise<number> | undefined

/** The work for ordinary HTML of the same length. */
function ordinary(): Promise<number> {
  return ordinaryWork ??= workOf(() => readTwice('<p>some words</p>\n'.repeat(MIB / 18)))
}

function read(text: string): Promise<Mail> {
  const raw = new TextEncoder().encode(text.replaceAll('\n', '\r\n'))
  return readMail(raw, { id: '1:1', at: 0, size: raw.length })
}
