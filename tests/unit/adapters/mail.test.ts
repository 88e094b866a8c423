import { describe, expect, test } from 'vitest'
import { mailTrigger } from '../sources/mail-trigger.ts'
import { type Mail, MAIL_BYTES_MAX, readMail, screenMail } from '../../../adapters/sources/mail.ts'
import { cleanText } from '../../../adapters/sources/text.ts'
import { FRAME_BYTES_MAX } from '../../../core/protocol/decode.ts'
import { parseJson } from '../../../core/base/json.ts'
import { workOf } from '../../work.ts'

/** The payload of a mail, for any content. */

const MIB = 1 << 20

const INVOICE = `From: =?utf-8?Q?J=C3=BCrgen?= <juergen@example.com>
To: bills@example.org, Team: a@example.org, b@example.org;
Cc: Boss <boss@example.org>
Subject: =?utf-8?B?UmVjaG51bmcg4oKsIDQy?=
Date: Tue, 27 Aug 2024 17:50:20 +0200
Message-ID: <42@example.com>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=edge

--edge
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

F=FCr Sie
--edge
Content-Type: application/pdf; name="42.pdf"
Content-Disposition: attachment; filename="42.pdf"
Content-Transfer-Encoding: base64

aGVsbG8=
--edge
Content-Type: image/png
Content-Disposition: inline; filename=logo.png
Content-ID: <logo@example.com>
Content-Transfer-Encoding: base64

AAAA
--edge--
`

describe('reading a mail', () => {
  test('says who sent it to whom, what is in it, and what is attached', async () => {
    const { payload } = await read(INVOICE, { id: '7:1', at: Date.parse('2026-03-01T10:00:00Z') })
    expect(payload).toEqual({
      email_id: '7:1',
      message_id: '<42@example.com>',
      from_address: 'juergen@example.com',
      from_name: 'Jürgen',
      to_address: 'bills@example.org, a@example.org, b@example.org',
      cc: ['boss@example.org'],
      subject: 'Rechnung € 42',
      body: 'Für Sie\n',
      html: null,
      sent_at: '2024-08-27T15:50:20.000Z',
      received_at: '2026-03-01T10:00:00.000Z',
      size_bytes: bytes(INVOICE).length,
      attachments: [
        { filename: '42.pdf', mime_type: 'application/pdf', size_bytes: 5, content_id: null, inline: false },
        { filename: 'logo.png', mime_type: 'image/png', size_bytes: 3, content_id: '<logo@example.com>', inline: true },
      ],
      notes: [],
    })
  })

  test('makes text of a mail that is HTML only', async () => {
    const { payload } = await read(
      'Subject: x\nContent-Type: text/html\n\n<p>Total: <b>12 &euro;</b></p><script>1</script>',
    )
    expect(payload).toMatchObject({ body: 'Total: 12 €', html: expect.stringContaining('<b>12'), notes: [] })
  })

  test('cuts no character in two', async () => {
    const { payload } = await read(`Subject: ${'🤖'.repeat(700)}\n\n${`a${'👍🏽'.repeat(20_000)}`}`)
    expect(payload['subject']).toBe('🤖'.repeat(500))
    expect(String(payload['body'])).toMatch(/^a(👍🏽)+$/u)
  })

  test.each([
    ['nothing', ''],
    ['no headers', 'just words'],
    ['bytes of no alphabet', String.fromCharCode(0, 1, 10, 10, 0, 0xd800)],
    ['a date that is none', 'Date: soon\n\nhi'],
    ['U+0000 in a header', 'Subject: =?utf-8?Q?a=00b?=\n\n\0'],
  ])('reads %s, and nothing comes of it that JSON or a store would not take', async (_, raw) => {
    const { payload } = await read(raw)
    expect(parseJson(cleanText(payload))).toHaveProperty('json')
    expect(payload['notes']).toEqual([])
  })

  describe('headers with bytes that no encoded word stands for', () => {
    const latin = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))
    const HEADERS = 'From: J\xfcrgen <j@example.com>\r\nSubject: \x80 42 f\xfcr Zo\xeb\r\n'
    const WANTED = { from_name: 'Jürgen', subject: '€ 42 für Zoë' }

    test('are windows-1252', async () => {
      const { payload } = await readMail(latin(`${HEADERS}\r\nhello`), { id: '1', at: 0, size: 80 })
      expect(payload).toMatchObject({ ...WANTED, body: 'hello\n' })
    })

    test('or UTF-8, line by line, where they are that', async () => {
      const raw = Buffer.concat([latin(HEADERS), Buffer.from('Cc: Zoë <zoë@example.com>\r\n\r\nhello')])
      const { payload } = await readMail(raw, { id: '1', at: 0, size: raw.length })
      expect(payload).toMatchObject({ ...WANTED, cc: ['zoë@example.com'] })
    })

    test('also of a part, and its body stays as it is', async () => {
      const part =
        'Content-Type: text/plain; charset=koi8-r\r\nContent-Disposition: attachment; filename="J\xfcrgen.txt"'
      const head = `${HEADERS}Content-Type: multipart/mixed; boundary=x\r\n\r\n`
      const raw = latin(
        `${head}--x\r\nContent-Type: text/plain; charset=koi8-r\r\n\r\n\xc1\r\n--x\r\n${part}\r\n\r\n\xc1\r\n--x--`,
      )
      const { payload } = await readMail(raw, { id: '1', at: 0, size: raw.length })
      expect(payload).toMatchObject({
        ...WANTED,
        body: 'а\n',
        attachments: [{ filename: 'Jürgen.txt' }],
      })
    })

    test('also of a mail that is too large', async () => {
      const { payload } = await readMail(latin(`${HEADERS}\r\nhello`), { id: '1', at: 0, size: MAIL_BYTES_MAX + 1 })
      expect(payload).toMatchObject(WANTED)
    })
  })

  test('reads the headers of what cannot be taken apart', async () => {
    const parts = (n: number): string =>
      n === 0 ? '\n\nhi' : `\nContent-Type: multipart/mixed; boundary=b${n}\n\n--b${n}${parts(n - 1)}`
    const { payload } = await read(`Subject: deep${parts(60)}`)
    expect(payload).toMatchObject({ subject: 'deep', body: '', notes: [expect.stringContaining('nesting depth')] })
  })

  test('reads only the headers of what is too large, of which it is given the beginning only', async () => {
    const raw = 'Subject: large\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nbo'
    const { payload } = await read(raw, { size: MAIL_BYTES_MAX + 1 })
    expect(payload).toMatchObject({
      subject: 'large',
      body: '',
      attachments: [],
      notes: [`The mail has ${MAIL_BYTES_MAX + 1} bytes, more than ${MAIL_BYTES_MAX}: only its headers were read`],
    })
  })

  // Ten megabytes of empty lines end a process that lets the parser have them, and of parts keep it busy for a minute.
  test.each([
    ['lines', '\n', ''],
    ['parts', '--x\n\n\n', 'Content-Type: multipart/mixed; boundary=x\n'],
  ])('is not kept busy by millions of %s', async (_, piece, type) => {
    const ordinary = await workOf(() => read(`Subject: fine\n\n${'x'.repeat(4 * MIB)}`))
    const text = `Subject: fine\n${type}\n${piece.repeat((4 * MIB) / piece.length)}`
    const work = await workOf(async () => {
      const { payload } = await read(text)
      expect(payload).toMatchObject({ subject: 'fine', body: '', notes: [expect.stringContaining('lines')] })
    })
    expect(work).toBeLessThan(20 * ordinary)
  })

  test('cuts what is long, and says so', async () => {
    const part = '--x\nContent-Disposition: attachment; filename=a.txt\n\n\n'
    const { payload } = await read(`Content-Type: multipart/mixed; boundary=x\n
--x

${'word '.repeat(100_000)}
${part.repeat(101)}`)
    expect(payload['body']).toHaveLength(64 << 10)
    expect(payload['attachments']).toHaveLength(100)
    expect(payload['notes']).toEqual([
      'Only 100 of 101 attachments are listed',
      'Field body is cut to 65536 of 500001 characters',
    ])
  })

  test('stays below what a robot takes in one frame', async () => {
    const [text, name] = ['\u0001'.repeat(MIB), '\u0001\u20ac'.repeat(1_000)]
    const to = `${name}@example.com,`.repeat(100)
    const parts = ['plain', 'html'].map((kind) => `--x\nContent-Type: text/${kind}\n\n${text}\n`).join('')
    const file =
      `--x\nContent-Type: a/b\nContent-Disposition: attachment; filename="${name}"\nContent-ID: <${name}>\n\n\n`
    const { payload } = await read(
      `Subject: ${name}\nTo: ${to}\nCc: ${to}\nContent-Type: multipart/mixed; boundary=x\n\n${parts}${
        file.repeat(100)
      }`,
    )
    expect(payload['attachments']).toHaveLength(100)
    expect(new TextEncoder().encode(JSON.stringify(payload)).length).toBeLessThan(FRAME_BYTES_MAX)
  })
})

describe('the same mail', () => {
  test('is known by what it says, wherever it comes in', async () => {
    const first = await read(INVOICE, { id: '7:1', at: 1 })
    expect((await read(`Received: from there\n${INVOICE}`, { id: '8:2', at: 2 })).dedupeKey).toBe(first.dedupeKey)
    // Some senders give all their mail one Message-ID.
    expect((await read(INVOICE.replace('F=FCr', 'Von'))).dedupeKey).not.toBe(first.dedupeKey)
  })

  test('is not known without a Message-ID: two alarms may say the same', async () => {
    expect((await read('Subject: alarm\n\nhot')).dedupeKey).toBeNull()
  })
})

test.each([
  [{}, true],
  [{ from_filter: 'JUERGEN@example.com' }, true],
  [{ from_filter: 'jürgen' }, true],
  [{ from_filter: '*@example.com>' }, true],
  [{ from_filter: '@example.org' }, false],
  [{ subject_filter: 'rechnung' }, true],
  [{ subject_filter: 'rech*42' }, true],
  [{ subject_filter: '42*rech' }, false],
  [{ subject_filter: '.*' }, false],
  [{ from_filter: '@example.com', subject_filter: 'offer' }, false],
])('filters %j find it: %s', async (filters, found) => {
  const trigger = mailTrigger(filters, '')
  const { payload } = await read(INVOICE)
  const screened = screenMail(trigger, payload)
  expect(screened.screening.reason === null).toBe(found)
  // Of what is passed over the text is not kept.
  expect(screened.payload['subject']).toBe(payload['subject'])
  expect(screened.payload['body'] === payload['body']).toBe(found)
})

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text.replaceAll('\n', '\r\n'))
}

function read(text: string, over: { id?: string; at?: number; size?: number } = {}): Promise<Mail> {
  const raw = bytes(text)
  return readMail(raw, { id: '1:1', at: 0, size: raw.length, ...over })
}
