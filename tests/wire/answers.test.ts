import { request } from 'node:http'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ErrorBody } from './api.ts'
import { chapter } from './chapter.ts'
import { form } from './forms.ts'

/** Properties of the answers of every address: methods, names, and conditional requests. */

chapter('answers', (server) => {
  const ask = (path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET'): Promise<Response> =>
    fetch(server.http + path, { method, headers: { Authorization: `Bearer ${server.admin}`, ...headers } })

  describe('a method that an address does not take is 405, with those that it takes', () => {
    const READ = 'GET, HEAD'
    test.each([
      ['DELETE', '/api/v1/jobs', 'GET, HEAD, POST'],
      ['POST', '/api/v1/jobs/none', READ],
      ['GET', '/api/v1/jobs/none/cancel', 'POST'],
      ['PATCH', '/api/v1/schedules/none', 'DELETE, GET, HEAD, PUT'],
      ['POST', '/api/v1/schedules/upcoming', 'DELETE, GET, HEAD, PUT'],
      ['PUT', '/api/v1/triggers/none/enable', 'POST'],
      ['GET', '/api/v1/triggers/none/file-events', 'POST'],
      ['DELETE', '/api/v1/calls/none', 'GET, HEAD, POST'],
      ['PUT', '/api/v1/keys', 'GET, HEAD, POST'],
      ['GET', '/api/v1/keys/none', 'DELETE'],
      ['POST', '/api/v1/stats/queue', READ],
      ['DELETE', '/api/v1/fleets', 'GET, HEAD, POST'],
      ['OPTIONS', '/api/v1/pools', 'GET, HEAD, POST'],
      ['DELETE', '/webhook/none', 'GET, HEAD, POST'],
      ['PUT', '/form/none', 'GET, HEAD, POST'],
      ['PUT', '/chat/none', 'POST'],
      ['POST', '/healthz', READ],
      ['DELETE', '/', READ],
      ['DELETE', '/fleets/default/api/v1/jobs', 'GET, HEAD, POST'],
    ])('%s %s', async (method, path, allow) => {
      for (const key of [server.admin, null]) {
        const { status, headers, body } = await server.call<ErrorBody>(method, path, { key })
        expect([status, headers.get('allow'), body.payload.error_code]).toEqual([405, allow, 'METHOD_NOT_ALLOWED'])
        expect(body.payload.error_message).toBe(
          `${method} is not allowed at ${path.replace('/fleets/default', '')}: use ${allow}`,
        )
        expect(body.payload.details).toEqual({ allow: allow.split(', ') })
      }
    })

    test('nothing takes what is not there', async () => {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const { status, headers } = await ask('/api/v1/nothing', {}, method)
        expect([status, headers.get('allow')]).toEqual([404, null])
      }
    })
  })

  describe('every answer has a name', () => {
    const GIVEN = 'trace-1:a.b_c='

    test('that of its request, or one that is made for it', async () => {
      const { path } = await form(server)
      const paths = ['/', '/healthz', '/api/v1/jobs', '/api/v1/jobs/none', '/api/v1/nothing', '/webhook/none', path]
      for (const at of [...paths, '/fleets/default/api/v1/jobs', '/fleets/none/api/v1/jobs', '/fleets/No/healthz']) {
        expect([at, (await ask(at, { 'X-Request-Id': GIVEN })).headers.get('x-request-id')]).toEqual([at, GIVEN])
        const made = await ask(at)
        const name = made.headers.get('x-request-id')
        expect([at, name]).toEqual([at, expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f-]{27}$/)])
        const text = await made.text()
        if (text.includes('"correlation_id"')) expect((JSON.parse(text) as ErrorBody).correlation_id).toBe(name)
      }
    })

    test('also where somebody is not served who asked for a WebSocket, or came to the port of robots without', async () => {
      const upgrade = { 'Connection': 'Upgrade', 'Upgrade': 'websocket', 'Sec-WebSocket-Version': '13' }
      const handshake = { ...upgrade, 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' }
      const named = (url: string, headers: Readonly<Record<string, string>>): Promise<unknown> =>
        new Promise((resolve, reject) => {
          request(url, { headers: { ...headers, 'X-Request-Id': GIVEN } }, (response) => {
            response.resume().on('end', () => resolve(response.headers['x-request-id']))
          }).on('error', reject).end()
        })
      const robots = server.robots.replace('ws', 'http')
      expect(await named(`${server.http}/nowhere`, handshake)).toBe(GIVEN)
      expect(await named(`${server.http}/ws`, { ...handshake, Origin: 'https://evil.example' })).toBe(GIVEN)
      expect(await named(robots, {})).toBe(GIVEN)
    })
  })

  describe('what has not changed is not sent again', () => {
    const WORKFLOW = { id: 'tagged', name: 'Tagged', json_definition: { nodes: {} } }
    const SCHEDULE = { name: 'S', workflow_id: 'greeting', frequency: 'daily' }
    let paths: readonly string[] = []

    beforeAll(async () => {
      await server.api('POST', '/workflows', WORKFLOW)
      await server.api('POST', '/robots', { id: 'tagged', name: 'Tagged' })
      const ids = await Promise.all([
        server.submit({ workflow_id: 'greeting', robot_id: 'nobody' }),
        server.api('POST', '/schedules', SCHEDULE),
        server.api('POST', '/triggers', { name: 'T', workflow_id: 'greeting' }),
        server.api('POST', '/webhooks', { url: 'https://receiver.example/', events: ['robot.online'] }),
      ])
      const [job, schedule, trigger, webhook] = ids.map((one) => typeof one === 'string' ? one : String(one['id']))
      const lists = ['jobs', 'schedules', 'triggers', 'webhooks', 'workflows', 'robots']
      const all = [job, schedule, trigger, webhook, 'tagged', 'tagged']
      paths = lists.map((list, at) => `/api/v1/${list}/${all[at]}`)
    })

    test('to who has it', async () => {
      for (const path of paths) {
        const first = await ask(path)
        const tag = first.headers.get('etag') ?? ''
        expect([path, first.status, tag]).toEqual([path, 200, expect.stringMatching(/^"[0-9a-f]{32}"$/)])
        const again = await ask(path, { 'If-None-Match': `"other", W/${tag}`, 'X-Request-Id': 'again' })
        expect([path, again.status, await again.text(), again.headers.get('etag')]).toEqual([path, 304, '', tag])
        expect(again.headers.get('x-request-id')).toBe('again')
        expect(again.headers.get('cache-control')).toBe('no-store')
        expect((await ask(path, { 'If-None-Match': '"other"' })).status).toBe(200)
        expect((await ask(path, {}, 'HEAD')).headers.get('etag')).toBe(tag)
      }
    })

    test('and is once it has changed', async () => {
      const path = '/api/v1/workflows/tagged'
      const tag = (await ask(path)).headers.get('etag') ?? ''
      await server.api('PUT', '/workflows/tagged', { ...WORKFLOW, name: 'Renamed' })
      const changed = await ask(path, { 'If-None-Match': tag })
      expect([changed.status, (await changed.json() as { name: string }).name]).toEqual([200, 'Renamed'])
      expect(changed.headers.get('etag')).not.toBe(tag)
    })

    test('nobody learns without a key what somebody has, and refusals and lists have no tag', async () => {
      const [job = ''] = paths
      const tag = (await ask(job)).headers.get('etag') ?? ''
      const { status } = await server.call('GET', job, { key: null, headers: { 'If-None-Match': tag } })
      expect(status).toBe(401)
      for (const path of ['/api/v1/jobs/none', '/api/v1/jobs']) {
        expect((await ask(path)).headers.get('etag')).toBeNull()
      }
    })
  })
})
