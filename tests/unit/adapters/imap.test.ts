import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mailReach } from '../../../adapters/sources/imap-client.ts'
import { fetchMail } from '../../../adapters/sources/imap.ts'
import { MAIL_BYTES_MAX } from '../../../adapters/sources/mail.ts'
import type { Source, SourceContext } from '../../../adapters/sources/sources.ts'
import type { Millis } from '../../../core/base/ids.ts'
import type { Json, JsonObject } from '../../../core/base/json.ts'
import { Dovecot } from '../../process/dovecot.ts'
import { cleanUp } from '../../process/program.ts'
import { mailTrigger } from '../sources/mail-trigger.ts'
import { until } from '../../wire/api.ts'

/** Taking mail from a real server. What the orchestrator makes of it, tests/process/mail.test.ts shows. */

const PASSWORD = 'only on loopback'
/** A server needs half a second to announce mail. */
const QUIET_MS = 1_500

afterAll(cleanUp)

let server: Dovecot
// It may have to be installed.
beforeAll(async () => void (server = await Dovecot.start(PASSWORD)), 300_000)

const open = new Set<Source>()
afterEach(async () => {
  for (const source of open) await source.stop()
  open.clear()
})

describe('a source of mail', () => {
  test('fires for what comes after it was made, and for nothing that was there', async () => {
    server.deliver(mail('old'))
    await nextSecond()
    const taken = start({ created_at: Date.now() })
    await taken.waiting()
    server.deliver(mail('new'))
    await taken.subjects('new')
  })

  test('fires for what came after it was made though it could not connect yet', async () => {
    server.deliver(mail('before'))
    await nextSecond()
    const created_at = Date.now()
    server.deliver(mail('while nobody looked'))
    await nextSecond()
    const taken = start({ created_at })
    await taken.subjects('while nobody looked')
  })

  test('goes on from its place after a restart, over mail that it did not want too', async () => {
    const created_at = Date.now()
    const first = start({ created_at, subject_filter: 'order' })
    await first.waiting()
    server.deliver(mail('order 1'))
    server.deliver(mail('offer 1'))
    await first.subjects('order 1')
    await first.stop()
    server.deliver(mail('offer 2'))
    server.deliver(mail('order 2'))
    const second = start({ created_at, subject_filter: 'order', cursor: first.cursor })
    await second.subjects('order 2')
    expect([first.skips, second.skips]).toEqual([
      [['offer 1', 'subject_filter', '']],
      [['offer 2', 'subject_filter', '']],
    ])
  })

  test('gives what the filters pass over again until it is taken, and nothing that was there before', async () => {
    server.deliver(mail('offer long ago'))
    await nextSecond()
    const taken = start({ created_at: Date.now(), subject_filter: 'order' }, ['later', 'later'])
    await taken.waiting()
    for (const subject of ['offer 1', 'order 1']) server.deliver(mail(subject))
    await taken.subjects('order 1')
    expect(taken.skips.map(([subject]) => subject)).toEqual(['offer 1', 'offer 1', 'offer 1'])
  })

  test('gives the same mail again until it is taken, and the next ones after it', async () => {
    const taken = start({ created_at: Date.now() }, ['later', 'later'])
    await taken.waiting()
    server.deliver(mail('first'))
    server.deliver(mail('second'))
    await taken.subjects('first', 'first', 'first', 'second')
  })

  test('knows by dates what is new in a folder that the server has numbered anew', async () => {
    const taken = start({ created_at: Date.now() })
    await taken.waiting()
    server.deliver(mail('numbered'))
    await taken.subjects('numbered')
    await server.stop()
    server.renumber()
    await nextSecond()
    server.deliver(mail('after that'))
    await server.start()
    await taken.subjects('numbered', 'after that')
  })

  test('looks only at what is new where the folder is another one', async () => {
    server.deliver(mail('long there'))
    await nextSecond()
    const cursor = `1:1:${Date.now() - 86_400_000}:1:0:robot@127.0.0.1/Elsewhere`
    const taken = start({ created_at: 0, updated_at: Date.now(), cursor })
    await taken.waiting()
    server.deliver(mail('just come'))
    await taken.subjects('just come')
  })

  test('connects again when the server has gone', async () => {
    const taken = start({ created_at: Date.now() })
    await taken.waiting()
    await server.stop()
    await taken.said('error', /closed the connection|ECONNREFUSED/)
    server.deliver(mail('while it was down'))
    await server.start()
    await taken.subjects('while it was down')
    await taken.said('active', /INBOX/)
  })

  test('reads the headers only of what is too large, and goes on behind what cannot be taken apart', async () => {
    const taken = start({ created_at: Date.now() })
    await taken.waiting()
    server.deliver(`${mail('large')}${'a line of a large mail\n'.repeat(MAIL_BYTES_MAX / 20)}`)
    server.deliver(new Uint8Array([0, 255, 10, 10, 0]))
    server.deliver(
      `${mail('nearly')}${'a line of 70 characters, as mails have them, which is not long at all.\n'.repeat(140_000)}`,
    )
    server.deliver(mail('small'))
    await taken.subjects('large', '', 'nearly', 'small')
    expect(taken.payloads.map(({ notes }) => String(notes))).toEqual([
      expect.stringContaining('only its headers were read'),
      '',
      expect.stringContaining('Field body is cut'),
      '',
    ])
  })

  test('goes on behind a mail that the server does not give out', async () => {
    const taken = start({ created_at: Date.now() })
    await taken.waiting()
    server.deliver(mail('spoilt'))
    const mend = server.spoil('spoilt')
    server.deliver(mail('sound'))
    await until('the one behind it has fired', () => taken.payloads.length === 2 || undefined)
    mend()
    expect(taken.payloads.map(({ subject, notes }) => [subject, ...notes as string[]])).toEqual([
      ['', 'The server did not give this mail out in 4 tries'],
      ['sound'],
    ])
  })

  test('takes nothing that is old for new where the server fails in the middle of that', async () => {
    for (const subject of ['old', 'old and spoilt', 'old too']) server.deliver(mail(subject))
    const mend = server.spoil('old and spoilt')
    await nextSecond()
    const created_at = Date.now()
    server.deliver(mail('fresh'))
    const taken = start({ created_at })
    await until('the new one has fired', () => taken.payloads.length > 0 || undefined)
    mend()
    await taken.subjects('fresh')
  })

  test('marks as seen what has fired, where it is asked to', async () => {
    const taken = start({ created_at: Date.now(), mark_seen: true })
    await taken.waiting()
    server.deliver(mail('to be marked'))
    await taken.subjects('to be marked')
    await until('it is marked', async () => server.flags('to be marked').includes('S') ? true : undefined)
  })

  test.each(
    [
      ['the password is wrong', { password: 'wrong' }, /refuses the user name and password: .*Authentication failed/],
      ['there is no such folder', { folder: 'Nowhere' }, /Mailbox doesn't exist: Nowhere/],
      ['nobody listens', { port: 1 }, /ECONNREFUSED/],
      ['the certificate is nobody’s', { tls: 'implicit' }, /certificate/],
      ['it is so after STARTTLS too', { tls: 'starttls' }, /certificate/],
    ] as const,
  )('says so when %s', async (_, over, words) => {
    const taken = start({ created_at: Date.now(), ...over })
    await taken.said('error', words)
    expect(taken.statuses.join()).not.toContain(PASSWORD)
  })
})

interface Given {
  readonly created_at: Millis
  readonly updated_at?: Millis
  readonly cursor?: string
  readonly password?: string
  readonly [setting: string]: Json
}

/** A source, and the events that it has emitted. */
function start(given: Given, answers: ('later' | 'done')[] = []) {
  const { created_at, updated_at = created_at, cursor = '', password = PASSWORD, ...over } = given
  const port = over['tls'] === 'implicit' ? server.securePort : server.port
  const config: JsonObject = {
    server: '127.0.0.1',
    port,
    tls: 'none',
    username: 'robot',
    folder: 'INBOX',
    poll_seconds: 10,
    mark_seen: false,
    ...over,
  }
  const payloads: JsonObject[] = []
  const skips: string[][] = []
  const statuses: string[] = []
  const kept = { cursor }
  const tell: SourceContext = {
    emit(fired) {
      const reason = fired.screening?.reason ?? null
      if (reason === null) payloads.push(fired.payload)
      else skips.push([String(fired.payload['subject']), reason, String(fired.payload['body'])])
      const answer = answers.shift() ?? 'done'
      if (answer === 'done') kept.cursor = fired.cursor ?? kept.cursor
      return Promise.resolve(answer)
    },
    saveCursor(place) {
      kept.cursor = place
      return Promise.resolve('done')
    },
    setStatus: (state, detail) => void statuses.push(`${state}: ${detail}`),
    log: () => {},
  }
  const row = mailTrigger(config, password, { created_at, updated_at, cursor })
  const source = fetchMail(mailReach(['127.0.0.1:*']))(row, tell)
  open.add(source)
  const reported = (state: 'active' | 'error', words: RegExp): Promise<true> =>
    until(`it says ${state} ${words}`, async () => {
      const last = statuses.at(-1) ?? ''
      return last.startsWith(state) && words.test(last) ? true : undefined
    })
  return {
    payloads,
    skips,
    statuses,
    said: reported,
    get cursor() {
      return kept.cursor
    },
    waiting: () => reported('active', /INBOX/),
    /** These mails, in this order, and then no more. */
    async subjects(...expected: readonly string[]) {
      const subjects = () => payloads.map(({ subject }) => subject)
      await until(`${expected} have fired`, async () => payloads.length >= expected.length ? true : undefined)
      expect(subjects()).toEqual(expected)
      await pause(QUIET_MS)
      expect(subjects()).toEqual(expected)
    },
    async stop() {
      open.delete(source)
      await source.stop()
    },
  }
}

function mail(subject: string): string {
  return `From: a@example.com\nTo: robot@example.com\nSubject: ${subject}\nDate: ${new Date().toUTCString()}\n\nhello\n`
}

/** Servers keep the time at which a mail came in in whole seconds. */
async function nextSecond(): Promise<void> {
  await pause(1_010 - Date.now() % 1_000)
}
