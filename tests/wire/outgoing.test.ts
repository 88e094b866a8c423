import { createServer, type IncomingHttpHeaders, type Server as Receiver, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ErrorBody, until } from './api.ts'
import { chapter } from './chapter.ts'

/** Webhooks that go out, from every runtime to a receiver on loopback. */

chapter('outgoing webhooks', (server) => {
  const got: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = []
  /** Answers that are held back: those to `/held`. */
  const held: ServerResponse[] = []
  let connections = 0
  let status = 200
  let receiver: Receiver
  let url = ''
  const came = (what: string) =>
    until(`${what} has come`, () =>
      got.find(({ body }) => {
        const { type, data } = JSON.parse(body) as { type: string; data: { job_id?: string } }
        return `${type} ${data.job_id ?? ''}` === what
      }))

  beforeAll(async () => {
    receiver = createServer(async (request, response) => {
      const { headers } = request
      got.push({ headers, body: await text(request) })
      if (request.url === '/held') return void held.push(response)
      if (status === 307) response.setHeader('Location', '/elsewhere')
      response.writeHead(request.url === '/elsewhere' ? 200 : status).end('so be it')
    })
    receiver.on('connection', () => connections++)
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
  })

  afterAll(() => {
    receiver.close().closeAllConnections()
  })

  test('the end of a job is sent, signed, and what was not taken is sent again after kill -9', async () => {
    const { id, secret } = await server.api<{ id: string; secret: string }>('POST', '/webhooks', {
      url,
      events: ['job.cancelled'],
    })
    const cancelled = async (): Promise<string> => {
      const job = await server.api<{ id: string }>('POST', '/jobs', {
        workflow_id: 'nothing',
        workflow_json: { nodes: {} },
        required_tags: ['nobody'],
      })
      await server.api('POST', `/jobs/${job.id}/cancel`)
      return job.id
    }
    const first = await came(`job.cancelled ${await cancelled()}`)
    expect(new Webhook(secret).verify(first.body, first.headers as Record<string, string>)).toEqual(
      JSON.parse(first.body),
    )

    status = 500
    const what = `job.cancelled ${await cancelled()}`
    const before = await came(what)
    got.length = 0
    await server.kill()
    status = 200
    await server.start()
    const after = await came(what)
    expect(after.headers['webhook-id']).toBe(before.headers['webhook-id'])
    const log = await until('both are delivered', async () => {
      const { items } = await server.api<{ items: object[] }>('GET', `/webhooks/${id}/deliveries?status=delivered`)
      return items.length === 2 ? items : undefined
    })
    expect(log[0]).toMatchObject({ event: 'job.cancelled', status_code: 200, error: '', next_at: null })
    await server.api('DELETE', `/webhooks/${id}`)
  })

  test('a redirect is not followed, and the log says what was answered', async () => {
    status = 307
    got.length = 0
    const { id } = await server.api<{ id: string }>('POST', '/webhooks', { url, events: ['robot.*'] })
    const ping = await server.api<{ id: string }>('POST', `/webhooks/${id}/test`)
    const tried = await until('it was tried', async () => {
      const delivery = await server.api<{ attempt: number }>('GET', `/webhooks/${id}/deliveries/${ping.id}`)
      return delivery.attempt > 0 ? delivery : undefined
    })
    expect(tried).toMatchObject({
      status: 'pending',
      status_code: 307,
      error: 'answered 307: redirects are not followed',
    })
    expect(got.length).toBe(1)
    await server.api('DELETE', `/webhooks/${id}`)
  })

  test('receivers that do not answer hold up no other, and a connection is used again', async () => {
    status = 200
    const newHook = async (at: string) =>
      (await server.api<{ id: string }>('POST', '/webhooks', { url: at, events: ['robot.*'] })).id
    const slow = [await newHook(url.replace('/hook', '/held')), await newHook(url.replace('/hook', '/held'))]
    for (const id of slow) await server.api('POST', `/webhooks/${id}/test`)
    // As many as there may be calls in all.
    await until('both wait for an answer', () => held.length === 2 || undefined)
    const waits = await server.api<{ pending: number; oldest_pending_at: string }>('GET', `/webhooks/${slow[0]}`)
    expect([waits.pending, Number.isNaN(Date.parse(waits.oldest_pending_at))]).toEqual([1, false])
    const quick = await newHook(url)
    const before = connections
    for (let i = 0; i < 5; i++) {
      const ping = await server.api<{ id: string }>('POST', `/webhooks/${quick}/test`)
      await until('it is delivered', async () => {
        const delivery = await server.api<{ status: string }>('GET', `/webhooks/${quick}/deliveries/${ping.id}`)
        return delivery.status === 'delivered' || undefined
      })
    }
    expect(await server.api('GET', `/webhooks/${quick}`)).toMatchObject({ pending: 0, oldest_pending_at: null })
    expect(connections - before).toBeLessThanOrEqual(1)
    for (const response of held) response.end()
    for (const id of [...slow, quick]) await server.api('DELETE', `/webhooks/${id}`)
  })
}, { webhooks_allow_private: true, webhook_requests_max: 2 })

chapter('webhooks that may not be', (server) => {
  test('addresses of the machine and of its network are refused', async () => {
    for (
      const url of [
        'https://127.0.0.1/',
        'https://2852039166/',
        'https://[::1]/',
        'https://db.internal/',
        'http://x.com/',
      ]
    ) {
      const body = { url, events: ['*'] }
      const reply = await server.call<ErrorBody>('POST', '/api/v1/webhooks', { body })
      expect([url, reply.status, reply.body.payload.error_code]).toEqual([url, 400, 'INVALID_PAYLOAD'])
    }
  })
})
