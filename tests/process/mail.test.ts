import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import unlimited from '../unlimited.json' with { type: 'json' }
import { type ErrorBody, until } from '../wire/api.ts'
import { Dovecot } from './dovecot.ts'
import { Orchestrator } from './orchestrator.ts'
import { cleanUp, newFolder } from './program.ts'

/** Triggers that fire for mail, with a real IMAP server. */

const PASSWORD = 'only on loopback'
/** A server needs half a second to announce mail. */
const QUIET_MS = 1_500

afterAll(cleanUp)

let dovecot: Dovecot
let server: Orchestrator
// It may have to be installed.
beforeAll(async () => {
  dovecot = await Dovecot.start(PASSWORD)
  // An operator with an own mail server adds its authority in the runtime's way.
  const env = { NODE_EXTRA_CA_CERTS: dovecot.authority, DENO_CERT: dovecot.authority }
  const settings = join(newFolder(), 'settings.json')
  writeFileSync(
    settings,
    JSON.stringify({ ...unlimited, mailbox_hosts: ['127.0.0.1:*', 'localhost:*', 'mail.example.com'] }),
  )
  server = await Orchestrator.start({ env, fixedPorts: true, args: ['--settings', settings] })
}, 300_000)

interface Trigger {
  readonly id: string
  readonly source: { readonly state: string; readonly detail: string } | null
  readonly [field: string]: unknown
}
interface Event {
  readonly outcome: string
  readonly reason: string
  readonly job_id: string | null
  readonly payload: Readonly<Record<string, unknown>>
  readonly metadata: Readonly<Record<string, unknown>>
}

const mailbox = (more: object = {}) => ({
  server: '127.0.0.1',
  port: dovecot.port,
  tls: 'none',
  username: 'robot',
  poll_seconds: 10,
  ...more,
})

const trigger = (id: string, more: object = {}) => ({
  id,
  name: id,
  trigger_type: 'email',
  workflow_id: 'greeting',
  config: mailbox(),
  secret: PASSWORD,
  ...more,
})

/** Sets up a trigger and waits until it listens. */
async function create(id: string, more: object = {}): Promise<void> {
  await server.api('POST', '/triggers', trigger(id, more))
  await listens(id)
}

const listens = (id: string): Promise<Trigger> => sourceIs(id, 'active', /Waits for mail in INBOX/)

function sourceIs(id: string, state: string, detail: RegExp): Promise<Trigger> {
  return until(`${id} is ${state}: ${detail}`, async () => {
    const view = await server.api<Trigger>('GET', `/triggers/${id}`)
    return view.source?.state === state && detail.test(view.source.detail) ? view : undefined
  })
}

/** The events of a trigger, the first one first. */
async function events(id: string): Promise<readonly Event[]> {
  return (await server.api<{ readonly items: readonly Event[] }>('GET', `/triggers/${id}/events`)).items.toReversed()
}

/** Resolves once these have fired, in this order, and no more have after a while. */
async function fired(id: string, ...subjects: readonly string[]): Promise<readonly Event[]> {
  const eventsFired = async () => (await events(id)).filter(({ outcome }) => outcome === 'fired')
  await until(`${id} has fired`, async () => (await eventsFired()).length >= subjects.length || undefined)
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
  const all = await eventsFired()
  expect(all.map(({ payload }) => payload['subject'])).toEqual(subjects)
  return all
}

let sent = 0
function mail(subject: string, from = 'Billing <billing@example.com>', body = '\nPlease pay.\n'): string {
  const id = `<${++sent}.${process.pid}@example.com>`
  return `From: ${from}\nTo: robot@example.com\nSubject: ${subject}\nMessage-ID: ${id}\n${body}`
}

const INVOICE = `MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=edge

--edge
Content-Type: text/plain

Please pay.
--edge
Content-Type: application/pdf
Content-Disposition: attachment; filename="42.pdf"
Content-Transfer-Encoding: base64

aGVsbG8=
--edge--
`

describe.sequential('a trigger of type email', () => {
  test('makes one job of each mail that comes, and of none that was there', async () => {
    dovecot.deliver(mail('long ago'))
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    await create('all', { mapping: { name: '$.payload.from_name', invoice: '$.payload.attachments[0].filename' } })
    dovecot.deliver(mail('Invoice 42', undefined, INVOICE))
    const [event] = await fired('all', 'Invoice 42')
    expect(event).toMatchObject({
      outcome: 'fired',
      payload: {
        from_address: 'billing@example.com',
        to_address: 'robot@example.com',
        body: 'Please pay.\n',
        attachments: [{ filename: '42.pdf', mime_type: 'application/pdf', size_bytes: 5, inline: false }],
      },
      metadata: { source: 'imap', server: '127.0.0.1', folder: 'INBOX' },
    })
    const job = await server.job(String(event?.job_id))
    expect(job).toMatchObject({ workflow_id: 'greeting', parameters: { name: 'Billing', invoice: '42.pdf' } })
  })

  test('fires once for each mail though the process is killed between and the server goes', async () => {
    await create('steady')
    dovecot.deliver(mail('one'))
    await until('it has fired', async () => (await events('steady')).length === 1 || undefined)
    await server.kill()
    dovecot.deliver(mail('two'))
    await server.restart()
    await until('it has fired', async () => (await events('steady')).length === 2 || undefined)
    await dovecot.stop()
    await sourceIs('steady', 'error', /closed the connection|ECONNREFUSED|refused/)
    dovecot.deliver(mail('three'))
    await dovecot.start()
    await fired('steady', 'one', 'two', 'three')
    await listens('steady')
    await server.kill()
    await server.restart()
    await listens('steady')
    await fired('steady', 'one', 'two', 'three')
  })

  test('reads what is in windows-1252 by whatever name', async () => {
    await create('western')
    const type = 'Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: quoted-printable'
    dovecot.deliver(mail('=?iso-8859-1?Q?12_=80?=', undefined, `${type}\n\n=80 =96 don=92t\n`))
    const [event] = await fired('western', '12 €')
    expect(event?.payload).toMatchObject({ body: '€ – don’t\n' })
  })

  test('takes only what its filters let pass', async () => {
    await create('bills', { config: mailbox({ from_filter: '@EXAMPLE.com>', subject_filter: 'invoice*due' }) })
    dovecot.deliver(mail('Invoice 7 is due', 'Mallory <mallory@example.net>'))
    dovecot.deliver(mail('Offer'))
    dovecot.deliver(mail('Invoice 8 is due'))
    await fired('bills', 'Invoice 8 is due')
    const skipped = (await events('bills')).filter(({ outcome }) => outcome === 'skipped')
    expect(skipped.map(({ reason, payload }) => [reason, payload['subject'], payload['body']])).toEqual([
      ['from_filter', 'Invoice 7 is due', ''],
      ['subject_filter', 'Offer', ''],
    ])
    expect(await server.api('GET', '/triggers/bills')).toMatchObject({ trigger_count: 1, skipped_count: 2 })
  })

  test('says that the password is wrong, and goes on from the beginning when it is put right', async () => {
    await server.api('POST', '/triggers', trigger('locked', { secret: 'no' }))
    const { source } = await sourceIs('locked', 'error', /refuses the user name and password/)
    expect(JSON.stringify(source)).not.toContain(PASSWORD)
    dovecot.deliver(mail('while it was locked out'))
    await server.api('PUT', '/triggers/locked', trigger('locked'))
    await listens('locked')
    await fired('locked', 'while it was locked out')
  })

  test('takes what came while it was disabled once it is enabled', async () => {
    await create('resting')
    await server.api('POST', '/triggers/resting/disable')
    dovecot.deliver(mail('at rest'))
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS))
    expect(await events('resting')).toEqual([])
    await server.api('POST', '/triggers/resting/enable')
    await fired('resting', 'at rest')
  })

  test('wants the certificate of the name, though the connection goes to an address', async () => {
    for (const [tls, port] of [['implicit', dovecot.securePort], ['starttls', dovecot.port]] as const) {
      const config = mailbox({ server: 'localhost', port, tls })
      await server.api('POST', '/triggers', trigger(`named-${tls}`, { config }))
      // With the permissions of `deno task start` Deno does not even look the name up.
      await sourceIs(`named-${tls}`, 'error', /does not match certificate's altnames|getaddrinfo EPERM/)
    }
  })

  test.each([
    ['implicit', () => dovecot.securePort],
    ['starttls', () => dovecot.port],
  ])('reaches a server whose certificate is trusted: %s', async (tls, port) => {
    await create(tls, { config: mailbox({ port: port(), tls }) })
    dovecot.deliver(mail(`over ${tls}`, undefined, `\n${`${'large '.repeat(12)}\n`.repeat(20_000)}`))
    await fired(tls, `over ${tls}`)
  })

  test('keeps the password, for this user on this server', async () => {
    const { secret: _, ...kept } = trigger('all', { name: 'Renamed' })
    const { body } = await server.call('PUT', '/api/v1/triggers/all', { body: kept })
    expect(body).toMatchObject({ name: 'Renamed', has_secret: true, secret: null })
    expect(JSON.stringify(body)).not.toContain(PASSWORD)
    await listens('all')
    const moved = { ...kept, config: mailbox({ server: 'localhost' }) }
    const refused = await server.call<ErrorBody>('PUT', '/api/v1/triggers/all', { body: moved })
    expect([refused.status, refused.body.payload.details]).toEqual([
      400,
      expect.objectContaining({ fields: ['secret'] }),
    ])
  })

  test.each([
    [{ config: {} }, 'config.server'],
    [{ config: { server: 'mail.example.com' } }, 'config.username'],
    [{ config: { server: 'mail.example.com', username: 'robot', tls: 'none' } }, 'config.tls'],
    [{ config: { server: 'mail.example.com', username: 'robot', poll_seconds: 5 } }, 'config.poll_seconds'],
    [{ config: { server: 'mail example', username: 'robot' } }, 'config.server'],
    [{ config: { address: 'bills@example.com' }, secret: null }, 'config.address'],
    [{ secret: null }, 'secret'],
    [{ auth: 'hmac' }, 'auth'],
  ])('is refused where it is set up as %j', async (more, field) => {
    const { status, body } = await server.call<ErrorBody>('POST', '/api/v1/triggers', { body: trigger('no', more) })
    const { details, error_message } = body.payload
    expect(status, error_message).toBe(400)
    expect(details['fields']).toContain(field)
  })
})
