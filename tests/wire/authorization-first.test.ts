import { createHmac } from 'node:crypto'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { type ErrorBody, until } from './api.ts'
import { chapter } from './chapter.ts'
import { form, headingOf, Visitor } from './forms.ts'
import type { Server } from './server.ts'

/** Callers are authorised before their bodies are read, and every answer has the type that it declares. */

const SECRET = 'a secret of 32 characters, or so'

/** Sends the head of a request that announces a body, without the body. Resolves with the status line. */
function headOnly(server: Server, path: string, headers: readonly string[] = []): Promise<string> {
  const { hostname, port, host } = new URL(server.http)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    socket.setEncoding('utf8').on('error', reject)
    socket.on('data', (text: string) => {
      resolve(text.split('\r\n')[0] ?? '')
      socket.destroy()
    })
    const head = [`POST ${path} HTTP/1.1`, `Host: ${host}`, 'Content-Length: 100000', ...headers]
    socket.write(`${head.join('\r\n')}\r\n\r\n{`)
  })
}

chapter('who asks comes first', (server) => {
  let made = 0
  /** Makes a trigger of this type and returns its id. */
  const trigger = async (more: object): Promise<string> => {
    const id = `asked-${++made}`
    await server.api('POST', '/triggers', { id, name: 'T', workflow_id: 'greeting', ...more })
    return id
  }

  describe('the body of an unauthenticated request is not waited for', () => {
    test('without a key, or with a wrong one', async () => {
      const paths = ['jobs', 'workflows', 'triggers', 'keys', 'calls/x', 'fleets', 'triggers/x/file-events']
      await Promise.all(paths.map(async (path) => {
        expect([path, await headOnly(server, `/api/v1/${path}`)]).toEqual([path, expect.stringContaining(' 401 ')])
        const wrong = await headOnly(server, `/api/v1/${path}`, ['Authorization: Bearer crpa_wrong'])
        expect([path, wrong]).toEqual([path, expect.stringContaining(' 401 ')])
      }))
    })

    test('without a trigger, its secret, or a header that has a signature in it', async () => {
      const at = String(Math.floor(Date.now() / 1_000))
      const old = ['X-Slack-Request-Timestamp: 1', 'X-Slack-Signature: v0=00']
      const [secret, github, slack] = [
        await trigger({ secret: SECRET }),
        await trigger({ auth: 'github', secret: SECRET }),
        await trigger({ auth: 'slack', secret: SECRET }),
      ]
      const elsewhere = await trigger({ auth: 'none', allow_from: ['192.0.2.0/24'] })
      const page = (await form(server, {}, { allow_from: ['192.0.2.0/24'] })).path
      const chat = async (platform: string, key: string): Promise<string> =>
        `/chat/${await trigger({ trigger_type: 'chat', secret: key, config: { platform, user_filter: ['*'] } })}`
      const token = SECRET.replaceAll(/[ ,]/g, '-')
      const [telegram, teams, discord] = [
        await chat('telegram', token),
        await chat('teams', Buffer.alloc(32, 7).toString('base64')),
        await chat('discord', '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
      ]
      const asked: readonly (readonly [string, readonly string[], string])[] = [
        ['/webhook/nothing', [], '404'],
        ['/chat/nothing', [], '404'],
        ['/form/nothing', [], '404'],
        [`/webhook/${secret}`, [], '401'],
        [`/webhook/${secret}`, ['X-Webhook-Secret: wrong'], '401'],
        [`/webhook/${github}`, [], '401'],
        [`/webhook/${slack}`, old, '401'],
        [`/webhook/${slack}`, [`X-Slack-Request-Timestamp: ${at}`], '401'],
        [`/webhook/${elsewhere}`, [], '403'],
        [page, [], '403'],
        [telegram, ['X-Telegram-Bot-Api-Secret-Token: wrong'], '401'],
        [teams, [], '401'],
        [discord, [`X-Signature-Timestamp: ${at}`], '401'],
      ]
      await Promise.all(asked.map(async ([path, headers, status]) => {
        expect([path, await headOnly(server, path, headers)]).toEqual([path, expect.stringContaining(` ${status} `)])
      }))
      // The body of a caller with the secret is awaited.
      const body = JSON.stringify({ zen: 'x' })
      const sign = createHmac('sha256', SECRET).update(body).digest('hex')
      const headers = { 'X-Hub-Signature-256': `sha256=${sign}`, 'X-GitHub-Event': 'push' }
      expect(await server.call('POST', `/webhook/${github}`, { key: null, body, headers })).toMatchObject({
        status: 200,
      })
    })
  })

  describe('every answer', () => {
    test('has nosniff', async () => {
      const { path } = await form(server)
      const paths = [
        ['GET', '/', 200],
        ['GET', '/healthz', 200],
        ['GET', '/nothing', 404],
        ['GET', '/api/v1/jobs', 200],
        ['GET', '/api/v1/jobs/none', 404],
        ['GET', '/api/v1/jobs?%ff', 400],
        ['POST', '/webhook/none', 404],
        ['POST', '/chat/none', 404],
        ['GET', path, 200],
        ['GET', '/form/none', 404],
        ['GET', '/fleets/UPPER/healthz', 404],
        ['GET', '/fleets/nobody/api/v1/jobs', 0],
      ] as const
      for (const [method, at, status] of paths) {
        const headers = { Authorization: `Bearer ${server.admin}` }
        const answer = await fetch(server.http + at, { method, headers })
        await answer.arrayBuffer()
        const shown = [at, answer.headers.get('x-content-type-options'), status === 0 ? 0 : answer.status]
        expect(shown).toEqual([at, 'nosniff', status])
      }
    })

    test('to a compressed body is 415, also where a body is not read', async () => {
      const headers = { 'Content-Encoding': 'gzip' }
      const body = new Uint8Array(gzipSync('{}'))
      for (const path of ['jobs', 'jobs/none/retry', 'jobs/none/cancel', 'triggers/none/enable', 'calls/none']) {
        const { status, headers: told } = await server.call('POST', `/api/v1/${path}`, { body, headers })
        expect([path, status, told.get('accept-encoding')]).toEqual([path, 415, 'identity'])
        expect((await server.call('POST', `/api/v1/${path}`, { key: null, body, headers })).status).toBe(401)
      }
    })
  })

  test('a form with more values than it asks for is not read', async () => {
    const { path } = await form(server)
    const visitor = new Visitor(server)
    const page = await visitor.post(path, 'company=A&'.repeat(50_000), {
      'Content-Type': 'application/x-www-form-urlencoded',
    })
    expect([page.status, headingOf(page)]).toEqual([400, 'This cannot be read'])
    const marks = await visitor.post(path, new URLSearchParams({ company: '', notes: '"'.repeat(340_000) }))
    expect([marks.status, marks.html.length < 10_000]).toEqual([413, true])
  })

  test.each(['calls', 'jobs'])(
    'who waits at /%s with a key that is revoked waits no longer, and is told nothing',
    async (list) => {
      const { id, key } = await server.api<{ id: string; key: string }>('POST', '/keys', {
        name: 'waiting',
        scopes: ['jobs:read', 'jobs:submit'],
      })
      const job = await server.submit({ workflow_id: 'greeting', robot_id: 'nobody' })
      const waiting = server.call<ErrorBody>('GET', `/api/v1/${list}/${job}?wait_seconds=60`, { key })
      // It waits once it is read: another with the same key that comes later has been answered.
      await until(
        'the key is known',
        async () => (await server.call('GET', `/api/v1/${list}/${job}`, { key })).status < 300 ? true : undefined,
      )
      const began = performance.now()
      await server.api('DELETE', `/keys/${id}`)
      expect(await waiting).toMatchObject({ status: 401, body: { payload: { error_code: 'AUTHENTICATION_FAILED' } } })
      expect(performance.now() - began).toBeLessThan(30_000)
    },
  )
})
