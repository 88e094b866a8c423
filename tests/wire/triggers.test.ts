import { beforeAll, describe, expect, test } from 'vitest'
import { until } from './api.ts'
import { chapter } from './chapter.ts'

/** Triggers as people set them up: changed, switched, fired by hand, and what is known of their events. */

chapter('triggers', (server) => {
  beforeAll(async () => {
    await server.api('POST', '/workflows', { id: 'draft', name: 'Draft', json_definition: { nodes: {} } })
  })

  let made = 0
  const create = (given: object = {}) =>
    server.api('POST', '/triggers', {
      id: `t-${++made}`,
      name: 'T',
      trigger_type: 'manual',
      workflow_id: 'greeting',
      ...given,
    })
  const fire = (id: unknown, body: object, headers: Record<string, string> = {}) =>
    server.call<Record<string, unknown>>('POST', `/api/v1/triggers/${id}/fire`, { body, headers })
  const events = async (id: unknown, query = '') =>
    await server.api('GET', `/triggers/${id}/events${query}`) as {
      items: Record<string, unknown>[]
      next_cursor: string | null
    }

  test('fired by hand: a job by the mapping, and the event as the reference has it', async () => {
    const { id } = await create({
      mapping: { name: '$.payload.customer.name', first: '/payload/lines/0' },
      parameters: { greeting: 'Hello' },
      scenario_id: 'sc-1',
      priority: 'high',
    })
    const { status, body, headers } = await fire(id, { payload: { customer: { name: 'Ada' }, lines: ['a', 'b'] } })
    expect([status, body]).toEqual([201, {
      status: 'accepted',
      trigger_id: id,
      job_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      message: 'Workflow execution triggered',
    }])
    expect(headers.get('location')).toBe(`/api/v1/jobs/${body['job_id']}`)
    expect(await server.job(String(body['job_id']))).toMatchObject({
      trigger_id: id,
      created_by: 'admin',
      priority: 2,
      parameters: { greeting: 'Hello', name: 'Ada', first: 'a' },
    })
    expect((await events(id)).items).toEqual([{
      seq: expect.any(Number),
      trigger_id: id,
      trigger_type: 'manual',
      workflow_id: 'greeting',
      scenario_id: 'sc-1',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      payload: { customer: { name: 'Ada' }, lines: ['a', 'b'] },
      metadata: { source: 'manual', fired_by: 'admin' },
      priority: 2,
      outcome: 'fired',
      reason: '',
      job_id: body['job_id'],
    }])
  })

  test('what the filter does not let pass is ignored, by hand and over a webhook', async () => {
    const { id, secret } = await create({ trigger_type: 'webhook', filter: '@.payload.amount > 100' })
    const ignored = { status: 'ignored', trigger_id: id, job_id: null, message: 'No job was made: filter' }
    const byHand = await fire(id, { payload: { amount: 5 } })
    expect([byHand.status, byHand.body]).toEqual([200, ignored])
    const call = (amount: number) =>
      server.call<Record<string, unknown>>('POST', `/webhook/${id}`, {
        key: null,
        headers: { 'X-Webhook-Secret': String(secret) },
        body: { event_type: 'order', data: { amount } },
      })
    expect((await call(7)).body).toEqual(ignored)
    expect((await call(700)).body).toMatchObject({ status: 'accepted' })
    const page = await events(id, '?limit=2')
    expect(page.items).toMatchObject([
      { outcome: 'fired', metadata: { source: 'webhook', event_type: 'order' }, payload: { amount: 700 } },
      { outcome: 'skipped', reason: 'filter', job_id: null },
    ])
    const rest = await events(id, `?limit=2&cursor=${page.next_cursor}`)
    expect([rest.items.length, rest.next_cursor]).toEqual([1, null])
    expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ trigger_count: 1, skipped_count: 2 })
  })

  test('the same again, by its Idempotency-Key, is one job', async () => {
    const { id } = await create()
    const headers = { 'Idempotency-Key': `again-${id}` }
    const [first, second] = [await fire(id, {}, headers), await fire(id, {}, headers)]
    expect(second.body['job_id']).toBe(first.body['job_id'])
    expect((await fire(id, { payload: { a: 1 } }, headers)).status).toBe(422)
    // The same key on another route is independent.
    const body = { workflow_id: 'greeting' }
    expect((await server.call('POST', '/api/v1/jobs', { body, headers })).status).toBe(201)
  })

  test('bound to a schedule, it fires with each of its jobs', async () => {
    const schedule = await server.api('POST', '/schedules', { name: 'S', workflow_id: 'greeting', frequency: 'daily' })
    const { id } = await create({ trigger_type: 'scheduled', config: { schedule_id: schedule['id'] } })
    await server.api('POST', `/schedules/${schedule['id']}/trigger`)
    expect((await events(id)).items).toMatchObject([{
      outcome: 'fired',
      payload: { schedule_id: schedule['id'], schedule_name: 'S', scheduled_time: null, run_number: 1 },
    }])
  })

  describe('changing one', () => {
    test('PUT says all of it; its secret stays where none is given, and its counters', async () => {
      const before = await create({ trigger_type: 'webhook', secret: 'a secret of sixteen' })
      const { id } = before
      const call = (secret: string) =>
        server.call('POST', `/webhook/${id}`, {
          key: null,
          headers: { 'X-Webhook-Secret': secret },
          body: { event_type: 'x' },
        })
      expect((await call('a secret of sixteen')).status).toBe(200)
      const after = await server.api('PUT', `/triggers/${id}`, {
        name: 'Other',
        workflow_id: 'greeting',
        trigger_type: 'webhook',
        cooldown_seconds: 0.5,
        filter: '@.payload',
      })
      expect(after).toMatchObject({ name: 'Other', revision: 2, trigger_count: 1, secret: null, has_secret: true })
      expect(after).toMatchObject({ filter: '@.payload', cooldown_seconds: 0.5, created_at: before['created_at'] })
      await until('it has cooled down', async () => (await call('a secret of sixteen')).status === 200 || undefined)
      const put = { name: 'Other', workflow_id: 'greeting', secret: 'another one of sixteen' }
      expect(await server.api('PUT', `/triggers/${id}`, put)).toMatchObject({ secret: 'another one of sixteen' })
      expect((await call('a secret of sixteen')).status).toBe(401)
      expect((await call('another one of sixteen')).status).toBe(200)
    })

    test('disabled, it does not fire; deleted, it is not there', async () => {
      const { id } = await create()
      expect(await server.api('POST', `/triggers/${id}/disable`)).toMatchObject({ enabled: false })
      expect((await fire(id, {})).status).toBe(403)
      expect(await server.api('POST', `/triggers/${id}/enable`)).toMatchObject({ enabled: true })
      expect((await fire(id, {})).status).toBe(201)
      expect(await server.api('DELETE', `/triggers/${id}`)).toMatchObject({ id })
      for (const [method, path] of [['GET', ''], ['GET', '/events'], ['POST', '/fire'], ['DELETE', '']] as const) {
        const { status, body } = await server.call('POST' === method ? 'POST' : method, `/api/v1/triggers/${id}${path}`)
        expect([status, body]).toMatchObject([404, { payload: { error_code: 'TRIGGER_NOT_FOUND' } }])
      }
    })

    test.each<[string, object, string]>([
      ['a filter that cannot be read', { filter: '@.a >' }, 'filter'],
      ['a path that cannot be read', { mapping: { id: 'payload.id' } }, 'mapping.id'],
      ['a mapping that is none', { mapping: { id: 5 } }, 'mapping'],
      ['a type that there is not', { trigger_type: 'carrier_pigeon' }, 'trigger_type'],
      ['a config that the type does not ask for', { config: { x: 1 } }, 'config.x'],
      [
        'a schedule that there is not',
        { trigger_type: 'scheduled', config: { schedule_id: 'none' } },
        'config.schedule_id',
      ],
      ['a schedule that is not named', { trigger_type: 'scheduled' }, 'config.schedule_id'],
      ['a secret where nobody shows one', { secret: 'a secret of sixteen' }, 'secret'],
      ['an auth where nobody calls', { auth: 'github' }, 'auth'],
    ])('%s is refused, by its field', async (_what, given, field) => {
      const { status, body } = await server.call<{ payload: { error_message: string; details: object } }>(
        'POST',
        '/api/v1/triggers',
        { body: { name: 'T', trigger_type: 'manual', workflow_id: 'greeting', ...given } },
      )
      expect([400, 404]).toContain(status)
      expect(JSON.stringify(body.payload)).toContain(field)
    })

    test('a type that is changed, and an id', async () => {
      const { id } = await create()
      const put = (body: object) => server.call('PUT', `/api/v1/triggers/${id}`, { body })
      expect((await put({ name: 'T', workflow_id: 'greeting', trigger_type: 'webhook' })).status).toBe(409)
      expect((await put({ id: 'other', name: 'T', workflow_id: 'greeting', trigger_type: 'manual' })).status).toBe(400)
    })
  })
})
