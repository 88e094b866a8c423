import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { describe, expect, test } from 'vitest'
import type { Reply } from './api.ts'
import { chapter } from './chapter.ts'

/** Webhooks of senders that sign: authorisation, and the treatment of their calls. */

type Headers = Readonly<Record<string, string>>
type Made = Readonly<Record<string, unknown>>

chapter('webhooks that are signed', (server) => {
  const KEY = 'a key of sixteen characters'

  /** Makes a trigger. What is returned calls its webhook with a body as it is. */
  async function trigger(options: Made): Promise<{
    readonly made: Made
    readonly call: (body: string, headers?: Headers) => Promise<Reply<Made>>
  }> {
    const made = await server.api('POST', '/triggers', { name: 'T', workflow_id: 'greeting', ...options })
    const call = (body: string, headers: Headers = {}) =>
      server.call('POST', `/webhook/${String(made['id'])}`, { key: null, body, headers })
    return { made, call }
  }

  const hex = (text: string): string => createHmac('sha256', KEY).update(text).digest('hex')
  const parameters = async ({ body }: Reply<Made>) => (await server.job(String(body['job_id']))).parameters
  const now = (): number => Math.floor(Date.now() / 1_000)

  describe('each scheme', () => {
    test('Standard Webhooks: type and data; the same id again is the same job', async () => {
      const { made, call } = await trigger({ auth: 'standard_webhooks' })
      const secret = String(made['secret'])
      expect(secret).toMatch(/^whsec_/)
      const body = '{"type":"invoice.paid","timestamp":"2022-11-03T20:26:10.344522Z","data":{"id":"inv_1"}}'
      const headers = (id: string, at = new Date()): Headers => ({
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': new Webhook(secret).sign(id, at, body),
      })
      const first = await call(body, headers('msg_1'))
      expect(first.status).toBe(200)
      expect(await parameters(first)).toEqual({ ...JSON.parse(body), event_type: 'invoice.paid' })
      expect((await call(body, headers('msg_1'))).body).toEqual(first.body)
      expect((await call(body, headers('msg_2'))).body['job_id']).not.toBe(first.body['job_id'])
      const old = await call(body, headers('msg_3', new Date(Date.now() - 301_000)))
      expect(old).toMatchObject({ status: 401, body: { status: 'error', error_code: 'AUTHENTICATION_FAILED' } })
      expect(await server.api('GET', `/triggers/${String(made['id'])}`)).toMatchObject({ trigger_count: 2 })
    })

    test('GitHub: the event from its header, the delivery once', async () => {
      const { call } = await trigger({ auth: 'github', secret: KEY })
      const body = '{"ref":"refs/heads/main", "spaces" : "as they are"}'
      const headers = {
        'X-Hub-Signature-256': `sha256=${hex(body)}`,
        'X-GitHub-Event': 'push',
        'X-GitHub-Delivery': crypto.randomUUID(),
      }
      const first = await call(body, headers)
      expect(await parameters(first)).toEqual({ ref: 'refs/heads/main', spaces: 'as they are', event_type: 'push' })
      expect((await call(body, headers)).body).toEqual(first.body)
      // The same delivery with another body, which is signed as well.
      const other = await call('{}', { ...headers, 'X-Hub-Signature-256': `sha256=${hex('{}')}` })
      expect([other.status, other.body['error_code']]).toEqual([422, 'IDEMPOTENCY_MISMATCH'])
      expect((await call(`${body} `, headers)).status).toBe(401)
    })

    test('Stripe: its event once, by the id in the body', async () => {
      const { call } = await trigger({ auth: 'stripe', secret: KEY })
      const body = '{"id":"evt_1","type":"charge.succeeded","data":{"object":{"amount":5}}}'
      const headers = (at: number): Headers => ({ 'Stripe-Signature': `t=${at},v1=${hex(`${at}.${body}`)}` })
      const first = await call(body, headers(now()))
      expect(await parameters(first)).toMatchObject({ event_type: 'charge.succeeded', data: { object: { amount: 5 } } })
      expect((await call(body, headers(now() - 10))).body).toEqual(first.body)
    })

    test('Slack: its challenge is answered, to whoever has the key', async () => {
      const { made, call } = await trigger({ auth: 'slack', secret: KEY })
      const signed = (body: string): Headers => {
        const at = String(now())
        return { 'X-Slack-Request-Timestamp': at, 'X-Slack-Signature': `v0=${hex(`v0:${at}:${body}`)}` }
      }
      const challenge = '{"type":"url_verification","challenge":"3eZbrw1aB"}'
      const answer = await call(challenge, signed(challenge))
      expect([answer.status, answer.body]).toEqual([200, { challenge: '3eZbrw1aB' }])
      expect((await call(challenge, signed('another'))).status).toBe(401)
      expect(await server.api('GET', `/triggers/${String(made['id'])}`)).toMatchObject({ trigger_count: 0 })
      const event = '{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}}'
      const first = await call(event, signed(event))
      expect((await call(event, signed(event))).body).toEqual(first.body)
    })

    test('Shopify: the topic from its header', async () => {
      const { call } = await trigger({ auth: 'shopify', secret: KEY })
      const body = '{"id":820982911946154508}'
      const signature = createHmac('sha256', KEY).update(body).digest('base64')
      const reply = await call(body, { 'X-Shopify-Hmac-Sha256': signature, 'X-Shopify-Topic': 'orders/create' })
      expect(await parameters(reply)).toMatchObject({ event_type: 'orders/create' })
    })

    test('one of the sender’s own, with the body of the reference or any other', async () => {
      const signature = { header: 'X-Sig', algorithm: 'sha512', encoding: 'base64', prefix: 'v=' }
      const { call } = await trigger({ auth: 'hmac', secret: KEY, signature })
      const signed = (body: string): Headers => ({
        'X-Sig': `v=${createHmac('sha512', KEY).update(body).digest('base64')}`,
      })
      const ours = '{"event_type":"x","data":{"a":1}}'
      expect(await parameters(await call(ours, signed(ours)))).toEqual({ a: 1 })
      expect(await parameters(await call('{"a":2}', signed('{"a":2}')))).toEqual({ a: 2 })
      expect((await call('{', {})).body, 'who calls comes first').toMatchObject({ error_code: 'AUTHENTICATION_FAILED' })
    })

    // The body of the reference is its three members and nothing else; whatever else stands there is kept.
    test.each([
      ['members beside those of the reference', '{"event_type":"x","data":{"a":1},"order":7}'],
      ['no data', '{"event_type":"x","order":7}'],
      ['event_type alone', '{"event_type":"x"}'],
      ['data that is a list', '{"event_type":"x","data":[1]}'],
      ['data that is null', '{"event_type":"x","data":null}'],
      ['an event_type that is a number', '{"event_type":7,"data":{"a":1}}'],
      ['an event_type beside a type', '{"event_type":"x","type":"y","data":{"a":1}}'],
    ])('a body with %s is kept whole', async (_, body) => {
      const hmac = await trigger({ auth: 'hmac', secret: KEY, signature: { header: 'X-Sig' } })
      expect(await parameters(await hmac.call(body, { 'X-Sig': hex(body) }))).toMatchObject(JSON.parse(body))
      const standard = await trigger({ auth: 'standard_webhooks' })
      const at = new Date()
      const headers = {
        'webhook-id': crypto.randomUUID(),
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': '',
      }
      headers['webhook-signature'] = new Webhook(String(standard.made['secret'])).sign(headers['webhook-id'], at, body)
      expect(await parameters(await standard.call(body, headers))).toMatchObject(JSON.parse(body))
      const github = await trigger({ auth: 'github', secret: KEY })
      const signed = { 'X-Hub-Signature-256': `sha256=${hex(body)}`, 'X-GitHub-Event': 'push' }
      expect(await parameters(await github.call(body, signed))).toMatchObject(JSON.parse(body))
    })

    test.each(['[]', '[{"a":1},{"a":2}]', '7', '"text"', 'true', 'null'])('%s is wrapped', async (body) => {
      const { call } = await trigger({ auth: 'shopify', secret: KEY })
      const signature = createHmac('sha256', KEY).update(body).digest('base64')
      const headers = { 'X-Shopify-Hmac-Sha256': signature, 'X-Shopify-Topic': 'orders/create' }
      const wrapped = { body: JSON.parse(body), event_type: 'orders/create' }
      expect(await parameters(await call(body, headers))).toEqual(wrapped)
    })

    test('the metadata has the type of the event of every sender', async () => {
      const { made, call } = await trigger({ auth: 'github', secret: KEY })
      await call('{}', { 'X-Hub-Signature-256': `sha256=${hex('{}')}`, 'X-GitHub-Event': 'push' })
      const { items } = await server.api<{ readonly items: readonly Made[] }>(
        'GET',
        `/triggers/${String(made['id'])}/events`,
      )
      expect(items).toMatchObject([{ metadata: { event_type: 'push' } }])
    })

    test('GitHub’s ping is answered if it is signed, and makes no job', async () => {
      const { made, call } = await trigger({ auth: 'github', secret: KEY })
      const body = '{"zen":"Keep it logically awesome.","hook_id":1}'
      const headers = { 'X-Hub-Signature-256': `sha256=${hex(body)}`, 'X-GitHub-Event': 'ping' }
      const reply = await call(body, headers)
      expect(reply).toMatchObject({ status: 200, body: { status: 'ignored', trigger_id: made['id'], job_id: null } })
      expect((await call(`${body} `, headers)).status).toBe(401)
      expect(await server.api('GET', `/triggers/${String(made['id'])}`)).toMatchObject({ trigger_count: 0 })
    })

    test.each([
      ['github', 'ping', 'application/x-www-form-urlencoded', 'choose the content type application/json'],
      ['github', 'push', 'application/x-www-form-urlencoded', 'choose the content type application/json'],
      ['shopify', 'push', 'application/x-www-form-urlencoded', 'send application/json'],
      ['github', 'push', 'multipart/form-data; boundary=x', 'choose the content type application/json'],
    ])('%s: the %s of a form says what to choose', async (auth, event, type, words) => {
      const { call } = await trigger({ auth, secret: KEY })
      const body = 'payload=%7B%22zen%22%3A%22x%22%7D'
      const headers = {
        'Content-Type': type,
        'X-Hub-Signature-256': `sha256=${hex(body)}`,
        'X-GitHub-Event': event,
        'X-Shopify-Hmac-Sha256': createHmac('sha256', KEY).update(body).digest('base64'),
      }
      const reply = await call(body, headers)
      expect([reply.status, reply.body['error_code']]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE'])
      expect(reply.body['message']).toContain(words)
    })

    test('JSON under the type of a form, as curl sends it, is JSON', async () => {
      const { call } = await trigger({ auth: 'github', secret: KEY })
      const headers = {
        'Content-Type': 'application/x-www-form-urlencoded',
        'X-Hub-Signature-256': `sha256=${hex('{}')}`,
      }
      expect((await call('{}', headers)).status).toBe(200)
    })

    test('bytes that are no text are verified as they are', async () => {
      const { call } = await trigger({ auth: 'github', secret: KEY })
      const body = '{"text":"\u00e9\u2028\ud83e\udd16"}'
      const reply = await call(body, { 'X-Hub-Signature-256': `sha256=${hex(body)}` })
      expect(await parameters(reply)).toEqual({ text: '\u00e9\u2028\ud83e\udd16' })
    })
  })

  describe('triggers', () => {
    test('a key that signs is shown once, and never again', async () => {
      const { made } = await trigger({ auth: 'github' })
      const secret = String(made['secret'])
      expect(secret.length).toBeGreaterThanOrEqual(16)
      const { items } = await server.api<{ readonly items: readonly object[] }>('GET', '/triggers?limit=200')
      const shown = await server.api('GET', `/triggers/${String(made['id'])}`)
      expect(shown).toMatchObject({ auth: 'github', has_secret: true, allow_from: [] })
      expect(JSON.stringify([shown, items])).not.toContain(secret)
    })

    const FORM = { trigger_type: 'form', config: { fields: [{ name: 'a', type: 'text' }] } }

    test('a key that signs may have letters that no header carries', async () => {
      const secret = 'Schl\u00fcssel der Firma'
      const { call } = await trigger({ auth: 'github', secret })
      const signature = createHmac('sha256', secret).update('{}').digest('hex')
      expect((await call('{}', { 'X-Hub-Signature-256': `sha256=${signature}` })).status).toBe(200)
    })

    test.each([
      ['a short secret', { auth: 'github', secret: 'short' }, 'secret'],
      ['one without a form', { auth: 'standard_webhooks', secret: 'sixteen characters' }, 'whsec_'],
      [
        'a secret that no header carries',
        { auth: 'secret', secret: 'Schl\u00fcssel der Firma' },
        'must consist of ASCII',
      ],
      ['one that ends with a line break', { auth: 'secret', secret: `${KEY}\n` }, 'control characters'],
      ['a key that ends with one', { auth: 'github', secret: `${KEY}\r\n` }, 'control characters'],
      [
        'a key that begins with a space',
        { auth: 'hmac', secret: ` ${KEY}`, signature: { header: 'X' } },
        'white space',
      ],
      ['a key that ends with a no-break space', { auth: 'stripe', secret: `${KEY}\u00a0` }, 'white space'],
      ['a key of which something was lost', { auth: 'stripe', secret: `${KEY}\ud800` }, 'control characters'],
      ['a form’s code that ends with a space', { ...FORM, auth: 'secret', secret: `${KEY} ` }, 'white space'],
      ['a prefix that no header begins with', { auth: 'hmac', signature: { header: 'X', prefix: ' v=' } }, 'prefix'],
      ['a prefix with a line break', { auth: 'hmac', signature: { header: 'X', prefix: 'v=\n' } }, 'prefix'],
      ['the way of a chat', { auth: 'telegram' }, 'for triggers of type chat'],
      ['none where one signs', { auth: 'stripe', secret: null }, 'needs one'],
      ['one where nobody asks', { auth: 'none', secret: 'sixteen characters' }, 'asks for none'],
      ['no header', { auth: 'hmac', secret: 'sixteen characters' }, 'Missing required field: signature'],
      ['a header of a known scheme', { auth: 'github', signature: { header: 'X' } }, 'only for auth hmac'],
      ['a name for an address', { allow_from: ['example.com'] }, 'example.com is neither an address'],
      ['an unknown scheme', { auth: 'basic' }, 'auth'],
    ])('%s is refused', async (_name, options, words) => {
      const body = { name: 'T', workflow_id: 'greeting', ...options }
      const reply = await server.call<{ readonly payload: { readonly error_message: string } }>(
        'POST',
        '/api/v1/triggers',
        { body },
      )
      expect(reply.status).toBe(400)
      expect(reply.body.payload.error_message).toContain(words)
    })

    test('only from the addresses that may call, whatever a header says', async () => {
      const body = '{"event_type":"x"}'
      const near = await trigger({ auth: 'none', allow_from: ['127.0.0.0/8', '::1'] })
      expect((await near.call(body)).status).toBe(200)
      const far = await trigger({ auth: 'none', allow_from: ['192.0.2.0/24', '2001:db8::/32'] })
      const reply = await far.call(body, { 'X-Forwarded-For': '192.0.2.1' })
      expect([reply.status, reply.body['error_code']]).toEqual([403, 'FORBIDDEN'])
      expect(reply.headers.get('x-ratelimit-limit')).toBeNull()
    })
  })

  test('whoever guesses is told so after twenty times, and whoever knows is let in', async () => {
    const { made, call } = await trigger({ auth: 'github', secret: KEY })
    const wrong = { 'X-Hub-Signature-256': `sha256=${hex('wrong')}` }
    const statuses = new Set<number>()
    for (let n = 0; n < 30; n++) statuses.add((await call('{}', wrong)).status)
    expect([...statuses]).toEqual([401, 429])
    const refused = await call('{}', wrong)
    expect(refused.body).toMatchObject({ status: 'rate_limited', cooldown_remaining: expect.any(Number) })
    expect(refused.headers.get('retry-after')).toBe(String(refused.body['cooldown_remaining']))
    expect((await server.call('POST', '/webhook/none', { key: null, body: '{}' })).status).toBe(429)
    expect((await call('{}', { 'X-Hub-Signature-256': `sha256=${hex('{}')}` })).status).toBe(200)
    expect(await server.api('GET', `/triggers/${String(made['id'])}`)).toMatchObject({ trigger_count: 1 })
  })
}, { wrong_keys_max: 20 })
