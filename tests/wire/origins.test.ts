import { request } from 'node:http'
import { describe, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { form, Visitor } from './forms.ts'
import { Wire } from './wire.ts'

/** Requests that pages of other sites make a visitor's browser send: all are refused. */

const PORTAL = 'https://portal.example.com'
const APP = 'https://app.example.com'

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
  })

  describe('pages that are named in cors_origins', () => {
    const preflight = (path: string, origin: string): Promise<Response> =>
      fetch(server.http + path, {
        method: 'OPTIONS',
        headers: {
          'Origin': origin,
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': 'authorization,content-type,idempotency-key',
        },
      })
    const allowed = (response: { readonly headers: Headers }): string | null =>
      response.headers.get('access-control-allow-origin')

    test('may call the API of each fleet with a key, and read what it answers', async () => {
      await server.api('POST', '/fleets', { name: 'browsed' })
      const below = ['browsed', 'absent', 'default'].map((name) => `/fleets/${name}/api/v1/jobs`)
      for (const path of ['/api/v1/jobs', '/healthz', ...below]) {
        const asked = await preflight(path, APP)
        expect([path, asked.status, allowed(asked)]).toEqual([path, 204, APP])
        expect(asked.headers.get('access-control-allow-headers')).toMatch(/Authorization.*Idempotency-Key/)
        expect(asked.headers.get('access-control-allow-methods')).toContain('DELETE')
        // A key goes into a header, and never along by itself.
        expect(asked.headers.get('access-control-allow-credentials')).toBeNull()
      }
      for (const call of [{}, { key: null }, { body: { workflow_id: 'greeting' } }]) {
        const answer = await server.call(call.body === undefined ? 'GET' : 'POST', '/api/v1/jobs', {
          ...call,
          headers: { Origin: APP },
        })
        expect([answer.status < 500, allowed(answer)]).toEqual([true, APP])
        expect(answer.headers.get('vary')).toContain('Origin')
        expect(answer.headers.get('access-control-expose-headers')).toMatch(/Location.*X-Request-Id/)
      }
      const strange = await fetch(`${server.http}/fleets/absent/api/v1/jobs`, { headers: { Origin: APP } })
      expect([strange.status, allowed(strange)]).toEqual([401, APP])
    })

    test('read a 304 as well', async () => {
      const id = await server.submit({ workflow_id: 'greeting', robot_id: 'nobody' })
      const path = `/api/v1/jobs/${id}`
      const first = await server.call('GET', path, { headers: { Origin: APP } })
      const headers = { 'Authorization': `Bearer ${server.admin}`, 'Origin': APP }
      const again = await fetch(server.http + path, {
        headers: { ...headers, 'If-None-Match': first.headers.get('etag') ?? '' },
      })
      expect([again.status, allowed(again)]).toEqual([304, APP])
    })

    test('others are not, nor those that may send forms', async () => {
      for (const origin of [PORTAL, 'https://evil.example', 'null', own()]) {
        expect(allowed(await preflight('/api/v1/jobs', origin))).toBeNull()
        expect(allowed(await server.call('GET', '/api/v1/jobs', { headers: { Origin: origin } }))).toBeNull()
      }
    })

    test('may not do by that what only the place of a page speaks for', async () => {
      await server.api('POST', '/triggers', { id: 'open', name: 'T', workflow_id: 'greeting', auth: 'none' })
      const reply = await server.call('POST', '/webhook/open', {
        key: null,
        headers: { Origin: APP },
        body: { event_type: 'e' },
      })
      expect([reply.status, allowed(reply)]).toEqual([403, null])
      expect(allowed(await preflight('/webhook/open', APP))).toBeNull()
      await expect(Wire.connect(server.robots, { Origin: APP })).rejects.toThrow('403')
    })
  })
}, { allowed_origins: [PORTAL], cors_origins: [APP] })

chapter('pages of other sites, where none is named', (server) => {
  test('no answer is for them to read', async () => {
    const headers = { Origin: PORTAL }
    const answer = await server.call('GET', '/api/v1/jobs', { headers })
    const asked = await fetch(`${server.http}/api/v1/jobs`, { method: 'OPTIONS', headers })
    for (const reply of [answer, asked]) {
      expect([...reply.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
    }
    expect(asked.status).toBe(405)
  })
})
