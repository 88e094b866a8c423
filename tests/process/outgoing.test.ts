import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CasareClient, type NewWebhookView } from '../../client/client.ts'
import { type ErrorBody, until } from '../wire/api.ts'
import { Orchestrator } from './orchestrator.ts'
import { cleanUp, freePort, newFolder, Program } from './program.ts'

/** Webhooks that go out, to real receivers on loopback. */

interface Got {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

const got: Got[] = []
let status = 200
let receiver: Server
let url: string
let server: Orchestrator
let client: CasareClient

const jobs = (): readonly string[] =>
  got.map(({ body }) => JSON.parse(body) as { type: string; data: { job_id?: string } })
    .map(({ type, data }) => `${type} ${data.job_id ?? ''}`)

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    got.push({ headers: request.headers, body: await text(request) })
    response.writeHead(status, { 'Retry-After': '1' }).end('so be it')
  })
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
  const settings = join(newFolder(), 'settings.json')
  writeFileSync(settings, JSON.stringify({ webhooks_allow_private: true }))
  server = await Orchestrator.start({ robot: true, args: ['--settings', settings, '--robot-hosts', '127.0.0.1:*'] })
  client = new CasareClient({ url: server.http, key: server.admin })
})

afterAll(cleanUp)
afterAll(() => {
  receiver.close().closeAllConnections()
  expect(server.program.err).toBe('')
})

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

describe.sequential('a webhook', () => {
  let hook: NewWebhookView

  test('is told of what it asks for, signed, and the log says so', async () => {
    hook = await client.webhooks.create({ url, events: ['job.created', 'job.completed'] })
    expect(hook.secret).toMatch(/^whsec_/)
    const job = await client.jobs.submit({ workflow_id: 'orders-total', parameters: { region: 'north' } })
    await client.jobs.wait(job.id)
    await until('both have come', () => got.length >= 2 || undefined)
    expect(jobs().toSorted()).toEqual([`job.completed ${job.id}`, `job.created ${job.id}`])
    for (const { headers, body } of got) {
      expect(new Webhook(hook.secret).verify(body, headers as Record<string, string>)).toEqual(JSON.parse(body))
      expect(headers['content-type']).toBe('application/json')
    }
    const log = await until('both are delivered', async () => {
      const rows = await all(client.webhooks.deliveries(hook.id, { status: 'delivered' }))
      return rows.length === 2 ? rows : undefined
    })
    expect(log.map(({ id }) => id).toSorted()).toEqual(got.map(({ headers }) => headers['webhook-id']).toSorted())
    expect(log[0]).toMatchObject({ attempt: 1, status_code: 200, error: '', next_at: null, webhook_id: hook.id })
    expect(log[0]?.payload).toMatchObject({ type: 'job.completed', data: { job_id: job.id } })
    expect(await client.webhooks.delivery(hook.id, String(log[0]?.id))).toEqual(log[0])
  })

  test('is tested, and has a delivery replayed under the same id', async () => {
    const before = got.length
    const ping = await client.webhooks.test(hook.id)
    expect(ping).toMatchObject({ event: 'webhook.ping', status: 'pending' })
    await until(
      'it is delivered',
      async () => (await client.webhooks.delivery(hook.id, ping.id)).status === 'delivered' || undefined,
    )
    await client.webhooks.replay(hook.id, ping.id)
    await until('it comes again', () => got.length === before + 2 || undefined)
    expect(new Set(got.slice(before).map(({ headers, body }) => `${headers['webhook-id']} ${body}`)).size).toBe(1)
  })

  test('gets what it did not take again, when it asked to be left alone no longer', async () => {
    status = 503
    const ping = await client.webhooks.test(hook.id)
    const failing = await until('the first try has failed', async () => {
      const delivery = await client.webhooks.delivery(hook.id, ping.id)
      return delivery.attempt > 0 ? delivery : undefined
    })
    expect(failing).toMatchObject({ status: 'pending', status_code: 503, error: 'answered 503: so be it' })
    expect((await client.webhooks.get(hook.id)).failing_since).not.toBeNull()
    status = 200
    await until(
      'it is delivered',
      async () => (await client.webhooks.delivery(hook.id, ping.id)).status === 'delivered' || undefined,
    )
    expect((await client.webhooks.get(hook.id)).failing_since).toBeNull()
  })

  test('is told after kill -9 of what had not been told', async () => {
    const other = await client.webhooks.create({ url, events: ['job.cancelled'] })
    status = 500
    const job = await client.jobs.submit({
      workflow_id: 'nothing',
      workflow_json: { nodes: {} },
      required_tags: ['nobody'],
    })
    await client.jobs.cancel(job.id)
    await until('it was tried', () => jobs().includes(`job.cancelled ${job.id}`) || undefined)
    await server.kill()
    status = 200
    got.length = 0
    await server.restart()
    client = new CasareClient({ url: server.http, key: server.admin })
    await until('it has come', () => jobs().includes(`job.cancelled ${job.id}`) || undefined)
    await client.webhooks.delete(other.id)
    expect((await server.call('GET', `/api/v1/webhooks/${other.id}`)).status).toBe(404)
  })

  test('has another secret, and the former one for a day', async () => {
    const { secret } = await client.webhooks.rotate(hook.id)
    got.length = 0
    await client.webhooks.test(hook.id)
    await until('it has come', () => got.length > 0 || undefined)
    for (const one of [secret, hook.secret]) {
      expect(new Webhook(one).verify(got[0]?.body ?? '', got[0]?.headers as Record<string, string>)).toBeTruthy()
    }
    expect((await client.webhooks.get(hook.id)).former_secret_until).not.toBeNull()
  })

  test('that answers 410 is disabled, and is enabled again by hand', async () => {
    status = 410
    await client.webhooks.test(hook.id)
    const disabled = await until('it is disabled', async () => {
      const row = await client.webhooks.get(hook.id)
      return row.enabled ? undefined : row
    })
    expect(disabled.disabled_reason).toContain('410')
    await expect(client.webhooks.test(hook.id)).rejects.toMatchObject({ code: 'CONFLICT' })
    status = 200
    expect(await client.webhooks.enable(hook.id)).toMatchObject({ enabled: true, disabled_reason: '' })
    expect(await client.webhooks.disable(hook.id)).toMatchObject({ disabled_reason: 'Disabled by admin' })
    expect((await all(client.webhooks.list())).map(({ id }) => id)).toEqual([hook.id])
    expect(JSON.stringify(await all(client.webhooks.list()))).not.toContain('whsec_')
  })

  test('is told to listen elsewhere, and what is wrong with it is refused by name', async () => {
    const changed = await client.webhooks.update(hook.id, { url, events: ['robot.*'], description: 'robots' })
    expect(changed).toMatchObject({ events: ['robot.*'], description: 'robots', enabled: false })
    const refused = async (body: object) => {
      const reply = await server.call<ErrorBody>('POST', '/api/v1/webhooks', { body })
      return `${reply.status} ${reply.body.payload.error_message}`
    }
    expect(await refused({ url: 'ftp://x/', events: ['*'] })).toBe('400 Field url: must begin with https://')
    expect(await refused({ url, events: ['job.paused'] })).toMatch(/^400 Field events.0: must be one of \*, job\.\*/)
    expect(await refused({ url, events: [] })).toMatch(/^400 Field events/)
    expect(await refused({ url, events: ['*'], secret: 'mine' })).toMatch(/^400/)
    const list = await server.call('GET', `/api/v1/webhooks/${hook.id}/deliveries?status=lost`)
    expect(list.status).toBe(400)
    expect((await server.call('GET', '/api/v1/webhooks', { key: server.robotKey })).status).toBe(403)
  })
})

describe('by default nothing is sent to this machine', () => {
  let strict: Orchestrator
  beforeAll(async () => {
    strict = await Orchestrator.start({ robot: true })
  })
  const refused = async (path: string, body: object): Promise<string> => {
    const reply = await strict.call<ErrorBody>('POST', path, { body })
    return `${reply.status} ${reply.body.payload.error_message}`
  }

  test('a webhook may not be there', async () => {
    expect(await refused('/api/v1/webhooks', { url: 'https://127.0.0.1:8443/', events: ['*'] })).toBe(
      '400 Field url: 127.0.0.1 is not on the internet (loopback)',
    )
  })

  test('a mailbox may not be there', async () => {
    const config = { server: '127.0.0.1', port: 993, username: 'robot' }
    const trigger = { name: 'Mail', trigger_type: 'email', workflow_id: 'greeting', config, secret: 'secret' }
    expect(await refused('/api/v1/triggers', trigger)).toBe(
      '400 Field config.server: 127.0.0.1 is not on the internet (loopback); the setting mailbox_hosts can allow it',
    )
  })

  test('a workflow on the reference robot may not call it, unless the host is listed', async () => {
    const check = async (on: Orchestrator) => {
      const parameters = { url: `${on.http}/healthz` }
      const job = await on.jobIn(await on.submit({ workflow_id: 'url-check', parameters }), 'completed')
      return { ...job.result as object, logs: job.logs }
    }
    expect(await check(strict)).toMatchObject({
      up: false,
      status: 0,
      logs: expect.stringContaining('127.0.0.1 is not on the internet (loopback)'),
    })
    expect(await check(server)).toMatchObject({ up: true, status: 200 })
  })
})

describe('the receiver in docs/API.md', () => {
  const textOf = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')

  test('is tests/unit/client/receiver.ts', () => {
    const [block] = [...textOf('../../docs/API.md').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code)
    expect(block).toBe(textOf('../unit/client/receiver.ts'))
  })

  test('takes what the orchestrator sends, and nothing else', async () => {
    const port = await freePort()
    const made = await client.webhooks.create({ url: `http://127.0.0.1:${port}/`, events: ['job.created'] })
    const program = new Program('tests/unit/client/receiver.ts', [], {
      WEBHOOK_SECRET: made.secret,
      PORT: String(port),
    })
    await program.printed(/listening/)
    const job = await client.jobs.submit({ workflow_id: 'orders-total', parameters: { region: 'north' } })
    await program.printed(new RegExp(`job.created ${job.id}`))
    const forged = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: '{}' })
    expect(forged.status).toBe(400)
    program.signal('SIGTERM')
    await program.exited
    await client.webhooks.delete(made.id)
  })
})
