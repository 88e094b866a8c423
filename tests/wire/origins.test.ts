import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { form, Visitor } from './forms.ts'
import { Wire } from './wire.ts'

/** What pages of other sites may have a visitor's browser do here: nothing. */

const PORTAL = 'https://portal.example.com'

chapter('pages of other sites', (server) => {
  const own = (): string => new URL(server.http).origin
  const host = (): string => new URL(server.http).host

  test('[P68] a page of another site may not connect, and one that is allowed, or of ours, may', async () => {
    const of = (url: string): string => url.replace('ws', 'http').replace(/\/ws$/, '')
    for (const url of new Set([server.robots, `${server.http.replace('http', 'ws')}/ws`])) {
      for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
        await expect(Wire.connect(url, { Origin: origin }), `${origin} at ${url}`).rejects.toThrow('403')
      }
      await expect(Wire.connect(url, { 'Sec-Fetch-Site': 'cross-site' })).rejects.toThrow('403')
      for (const origin of [of(url), PORTAL]) await (await Wire.connect(url, { Origin: origin })).close()
      await (await Wire.connect(url)).close()
    }
  })

  test('[P68] the answer says in a sentence what the operator can do', async () => {
    const headers = {
      'Connection': 'Upgrade',
      'Upgrade': 'websocket',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Version': '13',
      'Origin': 'https://evil.example',
    }
    const [status, text] = await new Promise<[number | undefined, string]>((resolve, reject) => {
      request(`${server.http}/ws`, { headers }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (part: string) => (body += part))
        response.on('end', () => resolve([response.statusCode, body]))
      }).on('error', reject).end()
    })
    expect([status, text]).toEqual([
      403,
      'A page of https://evil.example may not ask this: the operator can name it in allowed_origins\n',
    ])
  })

  describe('a webhook that asks for nothing', () => {
    let made = 0
    const hook = async (more: object = {}): Promise<string> => {
      const id = `open-${++made}`
      await server.api('POST', '/triggers', { id, name: 'T', workflow_id: 'greeting', auth: 'none', ...more })
      return `/webhook/${id}`
    }
    /** Calls it, under whatever name. */
    const call = (path: string, headers: Readonly<Record<string, string>>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const all = { 'Content-Type': 'text/plain', ...headers }
        request(server.http + path, { method: 'POST', headers: all }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode))
        }).on('error', reject).end('{"event_type":"e","data":{}}')
      })

    test('is not called by pages of others, nor by those whose name has come to lead here', async () => {
      const path = await hook({ allow_from: ['127.0.0.1', '::1'] })
      expect(await call(path, {})).toBe(200)
      expect(await call(path, { Origin: own() })).toBe(200)
      expect(await call(path, { Origin: PORTAL, 'Sec-Fetch-Site': 'cross-site' })).toBe(200)
      expect(await call(path, { Origin: 'https://evil.example' })).toBe(403)
      expect(await call(path, { Origin: 'null' })).toBe(403)
      expect(await call(path, { 'Sec-Fetch-Site': 'cross-site' })).toBe(403)
      expect(await call(path, { Origin: 'http://evil.example:8766', Host: 'evil.example:8766' })).toBe(403)
    })

    test('one with a secret is called by whoever has that', async () => {
      const id = `secret-${++made}`
      const secret = 'a secret of 24 characters'
      await server.api('POST', '/triggers', { id, name: 'T', workflow_id: 'greeting', secret })
      expect(await call(`/webhook/${id}`, { 'Origin': 'https://evil.example', 'X-Webhook-Secret': secret })).toBe(200)
    })
  })

  test('a form is sent from its own page, and from no other', async () => {
    const { path } = await form(server)
    const visitor = new Visitor(server)
    const send = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await visitor.send(path, await visitor.open(path), { company: 'A' }, headers)).status
    expect(await send({ Origin: own() })).toBe(303)
    expect(await send({ 'Origin': own(), 'Sec-Fetch-Site': 'same-origin' })).toBe(303)
    expect(await send({ Origin: 'https://evil.example' })).toBe(403)
    expect(await send({ 'Origin': own(), 'Sec-Fetch-Site': 'cross-site' })).toBe(403)
    expect(host()).toMatch(/^127\.0\.0\.1:/)
  })

  test('the API asks for a key in a header, which no page of another site can send', async () => {
    const { status, headers } = await server.call('GET', '/api/v1/jobs', {
      headers: { Origin: 'https://evil.example' },
    })
    expect([status, headers.get('access-control-allow-origin')]).toEqual([200, null])
    const asked = await fetch(`${server.http}/api/v1/jobs`, { method: 'OPTIONS', headers: { Origin: PORTAL } })
    expect([asked.status, asked.headers.get('access-control-allow-headers')]).toEqual([404, null])
  })
}, { allowed_origins: [PORTAL] })
