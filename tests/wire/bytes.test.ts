import { createHmac } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import type { ErrorBody, Reply } from './api.ts'
import { chapter } from './chapter.ts'
import { form, headingOf, jobsOf, tokenOf, Visitor } from './forms.ts'

/** Bytes that are not valid in their charset are refused everywhere, instead of being stored as U+FFFD. */

chapter('bytes that are not text', (server) => {
  const KEY = 'a key of sixteen characters'
  const latin = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(Buffer.from(text, 'latin1'))
  const signed = (body: Uint8Array | string): Record<string, string> => ({
    'X-Sig': createHmac('sha256', KEY).update(body).digest('hex'),
  })
  const webhook = async (): Promise<string> => {
    const trigger = { name: 'T', workflow_id: 'greeting', auth: 'hmac', secret: KEY, signature: { header: 'X-Sig' } }
    return `/webhook/${String((await server.api('POST', '/triggers', trigger))['id'])}`
  }
  type Flat = Reply<Readonly<Record<string, unknown>>>
  const parameters = async ({ body }: Flat) => (await server.job(String(body['job_id']))).parameters

  describe('the API', () => {
    const job = '{"workflow_id":"greeting","parameters":{"name":"J\u00fcrgen"}}'

    test('a body in ISO-8859-1 that does not say so is refused', async () => {
      const reply = await server.call<ErrorBody>('POST', '/api/v1/jobs', { body: latin(job) })
      expect([reply.status, reply.body.payload.error_code]).toEqual([400, 'INVALID_PAYLOAD'])
      expect(reply.body.payload.error_message).toContain('not valid UTF-8')
    })

    test('one that says so is read', async () => {
      const headers = { 'Content-Type': 'application/json; charset=iso-8859-1' }
      const reply = await server.call('POST', '/api/v1/jobs', { body: latin(job), headers })
      expect(reply.status).toBe(201)
      expect((await server.job(String(reply.body['id']))).parameters).toEqual({ name: 'J\u00fcrgen' })
    })

    test('a charset that is not known is refused', async () => {
      const headers = { 'Content-Type': 'application/json; charset=ebcdic' }
      const reply = await server.call<ErrorBody>('POST', '/api/v1/jobs', { body: job, headers })
      expect([reply.status, reply.body.payload.error_code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
    })

    test('a compressed body is refused, and says what is read', async () => {
      const headers = { 'Content-Encoding': 'gzip' }
      const body = new Uint8Array(gzipSync(job))
      const reply = await server.call<ErrorBody>('POST', '/api/v1/jobs', { body, headers })
      expect([reply.status, reply.body.payload.error_code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
      expect(reply.body.payload.error_message).toContain('Content-Encoding gzip')
      expect(reply.headers.get('accept-encoding')).toBe('identity')
    })

    test('a query that is not UTF-8 is refused', async () => {
      const reply = await server.call<ErrorBody>('GET', '/api/v1/jobs?workflow_id=%e9')
      expect([reply.status, reply.body.payload.error_code]).toEqual([400, 'INVALID_PAYLOAD'])
    })
  })

  describe('webhooks', () => {
    test('signed or not, bytes that are not UTF-8 make no job, and what is declared is read', async () => {
      const path = await webhook()
      const body = latin('{"name":"J\u00fcrgen"}')
      const refused = await server.call('POST', path, { key: null, body, headers: signed(body) })
      expect(refused).toMatchObject({ status: 400, body: { error_code: 'INVALID_PAYLOAD' } })
      const headers = { ...signed(body), 'Content-Type': 'application/json; charset=windows-1252' }
      expect(await parameters(await server.call('POST', path, { key: null, body, headers }))).toEqual({
        name: 'J\u00fcrgen',
      })
    })

    test('a caller without the right signature gets 401 first', async () => {
      const path = await webhook()
      const unauthenticated = await server.call('POST', path, {
        key: null,
        body: latin('{"\u00e9":1}'),
        headers: signed(''),
      })
      expect(unauthenticated).toMatchObject({ status: 401, body: { error_code: 'AUTHENTICATION_FAILED' } })
    })

    test('a compressed body is refused', async () => {
      const body = new Uint8Array(gzipSync('{}'))
      const headers = { ...signed(body), 'Content-Encoding': 'gzip' }
      const reply = await server.call('POST', await webhook(), { key: null, body, headers })
      expect(reply).toMatchObject({ status: 415, body: { error_code: 'UNSUPPORTED_MEDIA_TYPE' } })
    })
  })

  describe('chats', () => {
    const chat = async (config: object, secret: string): Promise<string> => {
      const trigger = { name: 'C', workflow_id: 'greeting', trigger_type: 'chat', secret, config }
      return `/chat/${String((await server.api('POST', '/triggers', trigger))['id'])}`
    }

    test.each([
      ['a field in ISO-8859-1', latin('command=%2Fx&text=J\u00fcrgen')],
      ['an escape that is not UTF-8', latin('command=%2Fx&text=J%fcrgen')],
    ])('a Slack command with %s is refused', async (_, body) => {
      const path = await chat({ platform: 'slack' }, KEY.replaceAll(' ', '-'))
      const at = String(Math.floor(Date.now() / 1_000))
      const hmac = createHmac('sha256', KEY.replaceAll(' ', '-')).update(`v0:${at}:`).update(body).digest('hex')
      const headers = {
        'Content-Type': 'application/x-www-form-urlencoded',
        'X-Slack-Request-Timestamp': at,
        'X-Slack-Signature': `v0=${hmac}`,
      }
      const reply = await server.call('POST', path, { key: null, body, headers })
      expect(reply).toMatchObject({ status: 400, body: { error_code: 'INVALID_PAYLOAD' } })
    })

    test('a message on Telegram that is not UTF-8 is refused', async () => {
      const path = await chat({ platform: 'telegram', user_filter: ['*'] }, 'sixteen-or-more-letters')
      const headers = { 'X-Telegram-Bot-Api-Secret-Token': 'sixteen-or-more-letters' }
      const body = latin('{"update_id":1,"message":{"text":"J\u00fcrgen"}}')
      const reply = await server.call('POST', path, { key: null, body, headers })
      expect(reply).toMatchObject({ status: 400, body: { error_code: 'INVALID_PAYLOAD' } })
    })
  })

  describe('forms', () => {
    /** A field of a form, in each of the ways in which browsers send them. */
    const ways: readonly [string, (token: string) => readonly [string, Uint8Array<ArrayBuffer>]][] = [
      ['urlencoded', (token) => [
        'application/x-www-form-urlencoded',
        latin(`casare-token=${encodeURIComponent(token)}&company=J%fcrgen`),
      ]],
      ['multipart', (token) => {
        const part = (name: string, value: string): string =>
          `--edge\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
        const body = `${part('casare-token', token)}${part('company', 'J\u00fcrgen')}--edge--\r\n`
        return ['multipart/form-data; boundary=edge', latin(body)]
      }],
    ]
    test.each(ways)('%s: what is not UTF-8 is not taken', async (_, write) => {
      const { id, path } = await form(server)
      const visitor = new Visitor(server)
      const [type, body] = write(tokenOf(await visitor.open(path)))
      const page = await visitor.post(path, body, { 'Content-Type': type })
      expect([page.status, headingOf(page)]).toEqual([400, 'This cannot be read'])
      expect(await jobsOf(server, id)).toEqual([])
    })

    test('a query that is not UTF-8 is refused', async () => {
      const { path } = await form(server)
      const page = await new Visitor(server).open(`${path}?company=J%fcrgen`)
      expect([page.status, headingOf(page)]).toEqual([400, 'This address cannot be read'])
    })

    test('a compressed body is not taken', async () => {
      const { path } = await form(server)
      const headers = { 'Content-Encoding': 'gzip', 'Content-Type': 'application/x-www-form-urlencoded' }
      const page = await new Visitor(server).post(path, new Uint8Array(gzipSync('company=A')), headers)
      expect(page.status).toBe(415)
    })
  })
})
