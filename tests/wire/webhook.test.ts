import { beforeAll, describe, expect, test } from 'vitest'
import type { Reply } from './api.ts'
import { chapter } from './chapter.ts'

/** The webhook, with the flat answers that the reference gives this route, and the triggers behind it. */

chapter('the webhook', (server) => {
  beforeAll(async () => {
    await server.api('POST', '/workflows', { id: 'draft', name: 'Draft', json_definition: { nodes: {} } })
  })

  const EVENT = {
    event_type: 'new_order',
    data: { order_id: 'ORD-12345', customer_id: 'CUST-001', amount: 1500.5 },
    timestamp: '2024-01-15T10:30:00Z',
  }

  let triggers = 0

  /** Makes a trigger. What is returned calls its webhook, with the right secret or another. */
  async function trigger(options: Readonly<Record<string, unknown>> = {}): Promise<{
    readonly id: string
    readonly call: (body: unknown, secret?: string | null) => Promise<Reply<Record<string, unknown>>>
  }> {
    const id = `trigger-${++triggers}`
    const made = await server.api('POST', '/triggers', { id, name: 'T', workflow_id: 'greeting', ...options })
    return {
      id,
      call: (body, secret = made['secret'] as string | null) => {
        const headers: Record<string, string> = secret === null ? {} : { 'X-Webhook-Secret': secret }
        return server.call('POST', `/webhook/${id}`, { key: null, body, headers })
      },
    }
  }

  describe('the four answers of the reference', () => {
    test('200 accepted, with the job that it made', async () => {
      const { id, call } = await trigger({ priority: 3, parameters: { own: 1, amount: 0 } })
      const { status, body } = await call(EVENT)
      expect(status).toBe(200)
      expect(body).toEqual({
        status: 'accepted',
        trigger_id: id,
        job_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        message: 'Workflow execution triggered',
      })
      expect(await server.job(String(body['job_id']))).toMatchObject({
        workflow_id: 'greeting',
        trigger_id: id,
        created_by: `trigger:${id}`,
        priority: 3,
        // The event's data lies over what the trigger brings by itself.
        parameters: { own: 1, order_id: 'ORD-12345', customer_id: 'CUST-001', amount: 1500.5 },
      })
      const seen = await server.api('GET', `/triggers/${id}`)
      expect(seen).toMatchObject({ trigger_count: 1, last_triggered: expect.any(String) })
    })

    test('429 rate_limited, with the seconds that are left', async () => {
      const { id, call } = await trigger({ cooldown_seconds: 45 })
      expect((await call(EVENT)).status).toBe(200)
      const { status, body, headers } = await call(EVENT)
      expect(status).toBe(429)
      expect(body).toEqual({
        status: 'rate_limited',
        trigger_id: id,
        cooldown_remaining: expect.any(Number),
        message: 'Trigger is in cooldown period',
      })
      expect(body['cooldown_remaining']).toBeGreaterThan(40)
      expect(body['cooldown_remaining']).toBeLessThanOrEqual(45)
      expect(headers.get('retry-after')).toBe(String(body['cooldown_remaining']))
      expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ trigger_count: 1 })
    })

    test('400 INVALID_PAYLOAD for a body without event_type', async () => {
      const { call } = await trigger()
      const { status, body } = await call({ data: {} })
      expect(status).toBe(400)
      expect(body).toEqual({
        status: 'error',
        error_code: 'INVALID_PAYLOAD',
        message: 'Missing required field: event_type',
      })
    })

    test('404 TRIGGER_NOT_FOUND', async () => {
      const { status, body } = await server.call('POST', '/webhook/trigger-uuid', { key: null, body: EVENT })
      expect(status).toBe(404)
      expect(body).toEqual({
        status: 'error',
        error_code: 'TRIGGER_NOT_FOUND',
        message: 'Trigger with ID trigger-uuid not found',
      })
    })
  })

  describe('every other answer has the same form', () => {
    const cases: readonly [
      string,
      Readonly<Record<string, unknown>>,
      unknown,
      string | null | undefined,
      number,
      string,
      RegExp,
    ][] = [
      ['a wrong secret', {}, EVENT, 'wrong', 401, 'AUTHENTICATION_FAILED', /^Wrong webhook secret$/],
      ['no secret', {}, EVENT, null, 401, 'AUTHENTICATION_FAILED', /^Missing header: X-Webhook-Secret$/],
      ['an empty secret', {}, EVENT, '', 401, 'AUTHENTICATION_FAILED', /secret$/i],
      ['a wrong secret and a wrong body', {}, '{', 'wrong', 401, 'AUTHENTICATION_FAILED', /secret/],
      ['a disabled trigger', { enabled: false }, EVENT, undefined, 403, 'FORBIDDEN', /^Trigger is disabled$/],
      ['an unpublished workflow', { workflow_id: 'draft' }, EVENT, undefined, 409, 'CONFLICT', /draft; publish/],
      ['malformed JSON', {}, '{', undefined, 400, 'INVALID_JSON', /^Malformed JSON/],
      ['a list', {}, [], undefined, 400, 'INVALID_PAYLOAD', /must be a JSON object/],
      ['an event_type that is no text', {}, { event_type: 1 }, undefined, 400, 'INVALID_PAYLOAD', /event_type/],
      ['data that is no object', {}, { ...EVENT, data: 'x' }, undefined, 400, 'INVALID_PAYLOAD', /data/],
      ['too much data', {}, { ...EVENT, data: 'x'.repeat(1 << 20) }, undefined, 413, 'PAYLOAD_TOO_LARGE', /1048576/],
    ]
    test.each(cases)('%s', async (_name, options, event, secret, status, code, words) => {
      const { id, call } = await trigger(options)
      const reply = await call(event, secret)
      expect(reply.status).toBe(status)
      expect(reply.body).toEqual({ status: 'error', error_code: code, message: expect.stringMatching(words) })
      expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ trigger_count: 0, last_triggered: null })
    })

    test('only a call that makes a job starts the cooldown', async () => {
      const { call } = await trigger({ cooldown_seconds: 60 })
      expect((await call(EVENT, 'wrong')).status).toBe(401)
      expect((await call({})).status).toBe(400)
      expect((await call(EVENT)).status).toBe(200)
      // And in the cooldown a wrong secret is still just that.
      expect((await call(EVENT, 'wrong')).status).toBe(401)
      expect((await call(EVENT)).status).toBe(429)
    })

    test('an event comes by POST', async () => {
      const { id } = await trigger()
      expect((await server.call('PUT', `/webhook/${id}`)).status).toBe(405)
      const reply = await server.call('GET', `/webhook/${id}?event_type=x`, { key: null })
      expect([reply.status, reply.body['message']]).toEqual([400, 'A webhook takes events by POST'])
    })

    // Trello, Mandrill and others do not take an address that does not answer.
    test('a sender that only checks the address gets 200', async () => {
      const { id } = await trigger({ enabled: false })
      const reply = await server.call('GET', `/webhook/${id}`, { key: null })
      expect(reply).toMatchObject({ status: 200, body: { status: 'ignored', trigger_id: id, job_id: null } })
      expect((await fetch(`${server.http}/webhook/${id}`, { method: 'HEAD' })).status).toBe(200)
      expect((await fetch(`${server.http}/webhook/none`, { method: 'HEAD' })).status).toBe(404)
      const elsewhere = await trigger({ allow_from: ['192.0.2.1'] })
      expect((await server.call('GET', `/webhook/${elsewhere.id}`, { key: null })).status).toBe(403)
      expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ trigger_count: 0, skipped_count: 0 })
    })
  })

  describe('triggers', () => {
    test('the secret is shown once, and never again', async () => {
      const made = await server.api('POST', '/triggers', { name: 'T', workflow_id: 'greeting' })
      expect(made['secret']).toMatch(/^[\w-]{32}$/)
      const { items } = await server.api<{ readonly items: readonly object[] }>('GET', '/triggers?limit=200')
      for (const shown of [await server.api('GET', `/triggers/${String(made['id'])}`), ...items]) {
        expect(shown).not.toHaveProperty('secret')
        expect(JSON.stringify(shown)).not.toContain(String(made['secret']))
      }
    })

    test('one may have a secret of its own, or none', async () => {
      const own = await trigger({ secret: 'chosen by a person' })
      expect((await own.call(EVENT, 'chosen by a person')).status).toBe(200)
      const open = await trigger({ secret: null })
      expect((await open.call(EVENT, null)).status).toBe(200)
      expect(await server.api('GET', `/triggers/${open.id}`)).toMatchObject({ has_secret: false })
    })

    test('an id is given once', async () => {
      const { id } = await trigger()
      const reply = await server.call('POST', '/api/v1/triggers', { body: { id, name: 'T', workflow_id: 'greeting' } })
      expect([reply.status, reply.body]).toMatchObject([409, { payload: { error_code: 'CONFLICT' } }])
    })
  })
})
