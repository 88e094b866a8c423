import { readdirSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Api, type ErrorBody, until } from '../wire/api.ts'
import { cleanUp, freePort, newFolder, type Program } from '../process/program.ts'
import { Wire } from '../wire/wire.ts'
import { wranglerDev } from './wrangler.ts'

/** Mail that is delivered to a Worker, in workerd. `wrangler dev` takes it over HTTP, as the platform would over SMTP. */

const KEY = 'an-admin-key-for-a-worker-of-the-tests'
const READY_MS = 120_000

class Worker extends Api {
  override readonly admin = KEY
  /** The admin key of the other fleet. */
  fleetKey = ''
  readonly #port: number
  readonly #data = newFolder()
  #program: Program | null = null

  constructor(port: number) {
    super()
    this.#port = port
  }

  override get http(): string {
    return `http://127.0.0.1:${this.#port}`
  }
  override get robots(): string {
    return `${this.http}/ws`
  }

  async start(settings: object = {}): Promise<void> {
    const vars = ['--var', `CASARE_ADMIN_KEY:${KEY}`, '--var', `CASARE_SETTINGS:${JSON.stringify(settings)}`]
    const args = ['--port', String(this.#port), '--persist-to', this.#data, ...vars]
    this.#program = await wranglerDev(args, `${this.http}/healthz`)
  }

  async kill(): Promise<void> {
    await this.#program?.killTree()
  }

  /** The databases of the objects that there are. */
  get objects(): readonly string[] {
    const files = readdirSync(this.#data, { recursive: true, encoding: 'utf8' })
    return files.filter((file) => file.endsWith('.sqlite') && file.includes('FleetObject')).toSorted()
  }

  /** The answer to the sender's server: 200 accepted, 400 rejected for good, 500 to be tried again. */
  async receive(to: string, raw: string): Promise<{ readonly status: number; readonly text: string }> {
    const query = new URLSearchParams({ from: 'billing@example.com', to })
    const body = raw.replaceAll('\n', '\r\n')
    const response = await fetch(`${this.http}/cdn-cgi/handler/email?${query}`, { method: 'POST', body })
    return { status: response.status, text: await response.text() }
  }

  /** The events of a trigger, the first one first. */
  async eventsOf(trigger: string, base = ''): Promise<readonly { readonly payload: Record<string, unknown> }[]> {
    const { body } = await this.call<{ items: { payload: Record<string, unknown> }[] }>(
      'GET',
      `${base}/api/v1/triggers/${trigger}/events`,
      base === '' ? {} : { key: this.fleetKey },
    )
    return body.items.toReversed()
  }
}

let worker: Worker

beforeAll(async () => {
  worker = new Worker(await freePort())
  await worker.start()
}, READY_MS)
afterAll(cleanUp)

let sent = 0
const mail = (subject: string, more = '\nPlease pay.\n'): string =>
  `From: Billing <billing@example.com>\nTo: robot@example.com\nSubject: ${subject}\nMessage-ID: <${++sent}@example.com>\n${more}`

const trigger = (id: string, config: object) => ({
  id,
  name: id,
  trigger_type: 'email',
  workflow_id: 'greeting',
  config,
})

test('fires once for a mail that is delivered to its address, however often it comes', async () => {
  await worker.api('POST', '/triggers', trigger('bills', { address: 'Bills@Example.com' }))
  const parts = ['text/plain\n\nPlease pay.', 'application/pdf; name=42.pdf\n\nhello'].map((part) =>
    `--x\nContent-Type: ${part}\n`
  )
  const raw = mail(
    'Invoice',
    `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n${parts.join('')}--x--\n`,
  )
  expect(await worker.receive('BILLS@example.com', raw)).toMatchObject({ status: 200 })
  // The platform's answer was lost, and the sender's server comes again.
  expect(await worker.receive('bills@example.com', `Received: again\n${raw}`)).toMatchObject({ status: 200 })
  const [event, ...more] = await worker.eventsOf('bills')
  expect(more).toEqual([])
  expect(event).toMatchObject({
    outcome: 'fired',
    payload: {
      email_id: '<1@example.com>',
      from_address: 'billing@example.com',
      subject: 'Invoice',
      body: 'Please pay.\n',
      attachments: [{ filename: '42.pdf', mime_type: 'application/pdf', inline: false }],
    },
    metadata: {
      source: 'address',
      address: 'bills@example.com',
      sender: 'billing@example.com',
      recipient: 'BILLS@example.com',
    },
  })
})

test('reads what is in windows-1252 by whatever name', async () => {
  await worker.api('POST', '/triggers', trigger('western', { address: 'western@example.com' }))
  const body =
    'Content-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: quoted-printable\n\n=80 =96 don=92t\n'
  const raw = mail('=?iso-8859-1?Q?12_=80?=', body)
  expect(await worker.receive('western@example.com', raw)).toMatchObject({ status: 200 })
  expect(await worker.eventsOf('western')).toMatchObject([{ payload: { subject: '12 €', body: '€ – don’t\n' } }])
})

test('makes no object for a name that somebody has thought of', async () => {
  const before = worker.objects
  for (const name of ['one', 'two', 'three']) {
    expect((await worker.call('GET', `/fleets/${name}/api/v1/jobs`)).status).toBe(401)
    expect((await worker.call('POST', `/fleets/${name}/webhook/x`, { body: {} })).status).toBe(404)
    const robots = `${worker.robots.replace('/ws', '')}/fleets/${name}/ws`
    await expect(Wire.register(robots, KEY, { robot_id: 'r' })).rejects.toThrow('Unknown API key')
    expect(await worker.receive(`bills+${name}@example.com`, mail('For nobody'))).toMatchObject({ status: 400 })
  }
  expect([before.length > 0, worker.objects]).toEqual([true, before])
})

test('sends back what is for nobody, and what is for a trigger that is disabled', async () => {
  const nobody = { status: 400, text: expect.stringContaining('No trigger takes mail to nobody@example.com') }
  expect(await worker.receive('nobody@example.com', mail('x'))).toMatchObject(nobody)
  await worker.api('POST', '/triggers', { ...trigger('off', { address: 'off@example.com' }), enabled: false })
  expect(await worker.receive('off@example.com', mail('x'))).toMatchObject({ status: 400 })
  expect(await worker.eventsOf('off')).toEqual([])
})

test('lets each trigger of an address have what it wants', async () => {
  const address = 'shared@example.com'
  await worker.api('POST', '/triggers', trigger('offers', { address, subject_filter: 'offer' }))
  await worker.api('POST', '/triggers', trigger('everything', { address }))
  for (const subject of ['An offer', 'A question']) {
    expect(await worker.receive(address, mail(subject))).toMatchObject({ status: 200 })
  }
  expect(await worker.eventsOf('offers')).toMatchObject([
    { outcome: 'fired', payload: { subject: 'An offer', body: 'Please pay.\n' } },
    { outcome: 'skipped', reason: 'subject_filter', payload: { subject: 'A question', body: '' } },
  ])
  expect(await worker.api('GET', '/triggers/offers')).toMatchObject({ trigger_count: 1, skipped_count: 1 })
  expect((await worker.eventsOf('everything')).map(({ payload }) => payload['subject'])).toEqual([
    'An offer',
    'A question',
  ])
})

test('brings mail to another fleet by the name behind the plus', async () => {
  const made = await worker.api('POST', '/fleets', { name: 'acme' })
  worker.fleetKey = String(made['admin_key'])
  const workflow = { id: 'greeting', name: 'Greeting', json_definition: { nodes: {} } }
  await worker.call('POST', '/fleets/acme/api/v1/workflows', { key: worker.fleetKey, body: workflow })
  await worker.call('POST', '/fleets/acme/api/v1/workflows/greeting/publish', { key: worker.fleetKey })
  const body = trigger('bills', { address: 'bills@example.com' })
  const { status } = await worker.call('POST', '/fleets/acme/api/v1/triggers', { key: worker.fleetKey, body })
  expect(status).toBe(201)
  const before = await worker.eventsOf('bills')
  expect(await worker.receive('bills+acme@example.com', mail('For Acme'))).toMatchObject({ status: 200 })
  expect((await worker.eventsOf('bills', '/fleets/acme')).map(({ payload }) => payload['subject'])).toEqual([
    'For Acme',
  ])
  expect(await worker.eventsOf('bills')).toEqual(before)
  // A plus that names no fleet belongs to the address.
  await worker.api('POST', '/triggers', trigger('tagged', { address: 'bills+tag@example.com' }))
  expect(await worker.receive('bills+tag@example.com', mail('Tagged'))).toMatchObject({ status: 200 })
  expect(await worker.eventsOf('tagged')).toHaveLength(1)
})

test('reads the headers only of a mail that is too large', async () => {
  await worker.api('POST', '/triggers', trigger('large', { address: 'large@example.com' }))
  const raw = mail('Large', `\n${`${'x'.repeat(99)}\n`.repeat(110_000)}`)
  expect(await worker.receive('large@example.com', raw)).toMatchObject({ status: 200 })
  const [event] = await worker.eventsOf('large')
  expect(event?.payload).toMatchObject({
    subject: 'Large',
    body: '',
    notes: [expect.stringContaining('only its headers')],
  })
})

test('has the sender come again while nothing more can be taken in, and then fires once', async () => {
  await worker.kill()
  await worker.start({ live_jobs_max: 1 })
  await worker.api('POST', '/triggers', trigger('full', { address: 'full@example.com' }))
  const raw = mail('Patience')
  expect(await worker.receive('full@example.com', raw)).toMatchObject({ status: 500 })
  expect(await worker.eventsOf('full')).toEqual([])
  await worker.kill()
  await worker.start()
  expect(await worker.receive('full@example.com', raw)).toMatchObject({ status: 200 })
  expect(await worker.receive('full@example.com', raw)).toMatchObject({ status: 200 })
  await until('it has fired', async () => (await worker.eventsOf('full')).length === 1 || undefined)
}, READY_MS)

test('is refused where it names a server: a Worker keeps no connection', async () => {
  const config = { server: 'mail.example.com', username: 'robot' }
  const body = { ...trigger('imap', config), secret: 'any password' }
  const { status, body: said } = await worker.call<ErrorBody>('POST', '/api/v1/triggers', { body })
  expect([status, said.payload.details]).toEqual([400, expect.objectContaining({ fields: ['config.server'] })])
  expect(said.payload.error_message).toContain('a Worker keeps no connection to a mail server')
})
