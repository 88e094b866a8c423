import * as fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { jsonText, objectText } from '../core/numerals.ts'
import { until } from './api.ts'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'
import { closeAll, Wire } from './wire.ts'

/** Numbers on the wire, as text: a client that parses them would hide what this is about. */

chapter('numbers', (server) => {
  afterEach(closeAll)

  const post = (path: string, body: string, headers = {}) =>
    server.call<{ id?: string; job_id?: string; payload?: object }>('POST', path, { body, headers })
  /** The frame in which a job is offered, as it came. */
  async function offer(robot: Raw, job: string): Promise<string> {
    await robot.offered(job)
    return robot.wire.texts.find((text) => text.includes('"job_assign"') && text.includes(job)) ?? ''
  }

  test('[P59] parameters, results and what goes with log lines keep every digit on the way through', async () => {
    const robot = await Raw.register(server, { max_concurrent_jobs: 100 })
    const drawn = fc.sample(fc.tuple(objectText, jsonText, objectText), 25)
    drawn.push([`{"id":9007199254740993,"huge":1e400,"one":1.0}`, `[12345678901234567890,-0]`, `{"rate":0.10}`])
    for (const [parameters, result, extra] of drawn) {
      const body = `{"workflow_id":"greeting","robot_id":"${robot.id}","parameters":${parameters}}`
      const job = (await post('/api/v1/jobs', body)).body.id ?? ''
      expect(await offer(robot, job)).toContain(`"parameters":${parameters}`)
      const about = `"job_id":"${job}","robot_id":"${robot.id}"`
      robot.wire.raw(
        `{"type":"log_entry","id":"l-${job}","payload":{${about},"level":"INFO","message":"m","extra":${extra}}}`,
      )
      robot.wire.raw(`{"type":"job_complete","id":"c-${job}","payload":{${about},"result":${result}}}`)
      await server.jobIn(job, 'completed')
      const shown = await server.text(`/api/v1/jobs/${job}`)
      expect(shown).toContain(`"parameters":${parameters}`)
      expect(shown).toContain(`"result":${result === 'null' ? '{}' : result}`)
      expect(await server.text(`/api/v1/jobs/${job}/logs`)).toContain(`"extra":${extra}`)
      expect((await server.text(`/api/v1/jobs/${job}?pretty`)).replace(/\s/g, '')).toBe(shown.replace(/\s/g, ''))
    }
  }, 120_000)

  test('[P59] what a robot says of itself is shown as it was written, and ids come back as they were', async () => {
    const [robot, id] = [crypto.randomUUID(), '12345678901234567890']
    const wire = await Wire.connect(server.robots)
    const say = (type: string, more: string): void =>
      wire.raw(`{"type":"${type}","id":${id},"payload":{"robot_id":"${robot}",${more}}}`)
    const capabilities = '{"serial":9007199254740993,"version":1.0}'
    say('register', `"auth_token":"${server.admin}","capabilities":${capabilities}`)
    await wire.next('register_ack')
    say('heartbeat', '"cpu_percent":12.500000000000000000001')
    await wire.next('heartbeat_ack')
    expect(wire.texts.at(-1)).toContain(`"correlation_id":${id}`)
    const shown = await server.text(`/api/v1/robots/${robot}`)
    expect(shown).toContain(`"capabilities":${capabilities}`)
    expect(shown).toContain('"cpu_percent":12.5,')
  })

  test('what a webhook, a mapping and a filter make of an event', async () => {
    const made = await server.api<{ id: string; secret: string }>('POST', '/triggers', {
      name: 'Orders',
      workflow_id: 'greeting',
      filter: '@.payload.order > 9007199254740992',
      mapping: { order: '/payload/order', lines: '$.payload.lines[?@ < 9007199254740993]' },
    })
    const event = (order: string) =>
      post(
        `/webhook/${made.id}`,
        `{"event_type":"new","data":{"order":${order},"lines":[9007199254740992,9007199254740993,1.0]}}`,
        { 'X-Webhook-Secret': made.secret },
      )
    expect((await event('9007199254740992')).body).toMatchObject({ status: 'ignored', job_id: null })
    const job = (await event('9007199254740993')).body.job_id ?? ''
    expect(await server.text(`/api/v1/jobs/${job}`)).toContain(
      '"parameters":{"order":9007199254740993,"lines":[9007199254740992,1.0]}',
    )
    expect(await server.text(`/api/v1/triggers/${made.id}/events`)).toContain('"order":9007199254740993')
    await until('the job has ended', async () => {
      await server.call('POST', `/api/v1/jobs/${job}/cancel`)
      return (await server.job(job)).status === 'cancelled' || undefined
    })
  })

  test('everything else that is saved with parameters keeps them', async () => {
    const parameters = '{"id":9007199254740993,"rate":1.10}'
    const schedule = await post(
      '/api/v1/schedules',
      `{"name":"S","workflow_id":"greeting","frequency":"daily","time_hour":3,"parameters":${parameters}}`,
    )
    expect(await server.text(`/api/v1/schedules/${schedule.body.id}`)).toContain(`"parameters":${parameters}`)
    const trigger = await post(
      '/api/v1/triggers',
      `{"name":"T","workflow_id":"greeting","trigger_type":"manual","parameters":${parameters}}`,
    )
    expect(await server.text(`/api/v1/triggers/${trigger.body.id}`)).toContain(`"parameters":${parameters}`)
    const fired = await post(`/api/v1/triggers/${trigger.body.id}/fire`, '{"payload":{"more":1e400}}')
    expect(await server.text(`/api/v1/jobs/${fired.body.job_id}`)).toContain(
      '"parameters":{"id":9007199254740993,"rate":1.10,"more":1e400}',
    )
    await server.api('DELETE', `/schedules/${schedule.body.id}`)
  })

  test('two orders that differ beyond what a double has are two, and one that is written otherwise is one', async () => {
    const key = { 'Idempotency-Key': crypto.randomUUID() }
    const order = (id: string) =>
      post('/api/v1/jobs', `{"workflow_id":"greeting","parameters":{"id":${id}},"required_tags":["nobody"]}`, key)
    const first = await order('9007199254740992')
    expect(first.status).toBe(201)
    expect(await order('9007199254740993')).toMatchObject({ status: 422 })
    expect(await order('9007199254740992.0')).toMatchObject({ status: 201, body: { id: first.body.id } })
    await server.api('POST', `/jobs/${first.body.id}/cancel`)
  })

  test('a number that is read is read exactly, or refused with its path', async () => {
    for (const number of ['60.00000000000000000001', '1e400', '12345678901234567890']) {
      expect(await post('/api/v1/jobs', `{"workflow_id":"greeting","timeout_seconds":${number}}`)).toMatchObject({
        status: 400,
        body: { payload: { error_code: 'INVALID_PAYLOAD', details: { fields: ['timeout_seconds'] } } },
      })
    }
  })
})
