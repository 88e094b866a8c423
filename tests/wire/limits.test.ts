import { afterEach, describe, expect, test } from 'vitest'
import type { Reply } from './api.ts'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'
import { closeAll, Wire } from './wire.ts'

/** Rate limits of requests and messages: those of the reference, and the answers beyond them. */

const DEFAULT = { robot_messages_max: 100, webhook_calls_max: 10, submissions_max: 50 }
const EVENT = { event_type: 'new_order', data: {} }

/** The limit's state in the headers of an answer. */
function quotaIn({ status, headers }: Reply<unknown>): readonly (number | null)[] {
  const number = (name: string): number | null => {
    const text = headers.get(name)
    return text === null ? null : Number(text)
  }
  return [status, number('x-ratelimit-limit'), number('x-ratelimit-remaining')]
}

function secondsUntilReset({ headers }: Reply<unknown>): number {
  return Number(headers.get('x-ratelimit-reset')) - Date.now() / 1_000
}

chapter('how often anybody may ask', (server) => {
  async function key(): Promise<string> {
    const made = await server.api('POST', '/keys', { name: crypto.randomUUID(), scopes: ['jobs:submit', 'jobs:read'] })
    return String(made['key'])
  }

  async function trigger(): Promise<(secret?: string, body?: unknown) => Promise<Reply<Record<string, unknown>>>> {
    const made = await server.api('POST', '/triggers', { name: 'T', workflow_id: 'greeting' })
    const path = `/webhook/${String(made['id'])}`
    return (secret = String(made['secret']), body = EVENT) =>
      server.call('POST', path, { key: null, body, headers: { 'X-Webhook-Secret': secret } })
  }

  describe('submissions', () => {
    test('a key submits 50 jobs, and every answer says how many are left', async () => {
      const own = await key()
      const submit = (body: unknown = { workflow_id: 'greeting' }) =>
        server.call('POST', '/api/v1/jobs', { key: own, body })
      expect(quotaIn(await submit('{'))).toEqual([400, 50, 50])
      expect(quotaIn(await submit({ workflow_id: 'none' }))).toEqual([404, 50, 50])
      for (let left = 49; left >= 0; left--) expect(quotaIn(await submit())).toEqual([201, 50, left])
      const refused = await submit()
      expect(quotaIn(refused)).toEqual([429, 50, 0])
      expect(refused.body).toMatchObject({
        payload: { error_code: 'RATE_LIMITED', details: { limit: 50, remaining: 0 } },
      })
      expect(secondsUntilReset(refused)).toBeGreaterThan(0)
      expect(secondsUntilReset(refused)).toBeLessThanOrEqual(61)
      const after = Number(refused.headers.get('retry-after'))
      expect(after).toBeGreaterThan(0)
      expect(after).toBeLessThanOrEqual(60)
      expect(quotaIn(await submit('{')), 'a body that is refused anyway').toEqual([400, 50, 0])
      expect(quotaIn(await server.call('POST', '/api/v1/jobs', { body: { workflow_id: 'greeting' } }))[0]).toBe(201)
    })

    test('what is asked again with its idempotency key uses nothing up', async () => {
      const own = await key()
      const submit = () =>
        server.call('POST', '/api/v1/jobs', {
          key: own,
          body: { workflow_id: 'greeting' },
          headers: { 'Idempotency-Key': own },
        })
      expect(quotaIn(await submit())).toEqual([201, 50, 49])
      expect(quotaIn(await submit())).toEqual([201, 50, 49])
    })

    test('whoever has no key is told nothing', async () => {
      const reply = await server.call('POST', '/api/v1/jobs', { key: null, body: {} })
      expect(quotaIn(reply)).toEqual([401, null, null])
    })
  })

  describe('webhooks', () => {
    test('ten calls start a job, and the eleventh is rate_limited', async () => {
      const call = await trigger()
      expect(quotaIn(await call(undefined, {}))).toEqual([400, 10, 10])
      for (let left = 9; left >= 0; left--) expect(quotaIn(await call())).toEqual([200, 10, left])
      const refused = await call()
      expect(quotaIn(refused)).toEqual([429, 10, 0])
      expect(refused.body).toEqual({
        status: 'rate_limited',
        trigger_id: expect.any(String),
        cooldown_remaining: Number(refused.headers.get('retry-after')),
        message: expect.stringMatching(/^At most 10 calls in 60 s: try again in \d+ s$/),
      })
    })

    test('a wrong secret uses nothing up', async () => {
      const call = await trigger()
      for (let n = 0; n < 12; n++) expect((await call('wrong')).status).toBe(401)
      expect(quotaIn(await call())).toEqual([200, 10, 9])
    })
  })

  test('a restart forgets neither submissions nor calls', { timeout: 200_000 }, async () => {
    const own = await key()
    const submit = () => server.call('POST', '/api/v1/jobs', { key: own, body: { workflow_id: 'greeting' } })
    const call = await trigger()
    for (let left = 2; left > 0; left--) await Promise.all([submit(), call()])
    await server.kill()
    await server.start()
    expect(quotaIn(await submit())).toEqual([201, 50, 47])
    expect(quotaIn(await call())).toEqual([200, 10, 7])
  })
}, DEFAULT)

chapter('how much a robot may say', (server) => {
  afterEach(closeAll)

  test('[P34] the limit is told at the registration', async () => {
    const wire = await Wire.connect(server.robots)
    wire.send('register', { robot_id: crypto.randomUUID(), auth_token: server.admin, max_concurrent_jobs: 3 })
    expect((await wire.next('register_ack')).payload['config']).toMatchObject({
      rate_limit: { limit: 100, window_seconds: 60 },
      progress_min_interval_ms: 5_143,
    })
  })

  test('[P34] connecting anew does not begin a new count', async () => {
    const robot = await Raw.register(server)
    for (let n = 0; n < 60; n++) await robot.beat()
    const again = await robot.again()
    // Two registrations and a hundred and one heartbeats.
    for (let n = 0; n < 41; n++) await again.beat()
    const errors = again.wire.frames.filter(({ type }) => type === 'error')
    expect(errors).toMatchObject([{ payload: { error_code: 'RATE_LIMITED' } }])
  })

  test('[P35] telemetry beyond the limit is refused, and changes nothing', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const began = performance.now()
    robot.wire.together(() => {
      for (let n = 1; n <= 1_200; n++) robot.say('log_entry', job, { level: 'INFO', message: `line ${n}` })
      robot.say('job_progress', job, { progress: 77 })
    })
    const error = await robot.wire.next('error')
    expect(error.payload).toMatchObject({
      error_code: 'RATE_LIMITED',
      details: { limit: 100, remaining: 0, reset: expect.any(Number), retry_after_ms: expect.any(Number) },
    })
    robot.say('job_complete', job, { result: 1 })
    await robot.beat()
    const seconds = Math.floor((performance.now() - began) / 1_000)
    const errors = robot.wire.frames.filter(({ type }) => type === 'error').length
    expect(errors, 'one a second').toBeLessThanOrEqual(1 + seconds)
    const { items } = await server.api<{ readonly items: readonly { readonly message: string }[] }>(
      'GET',
      `/jobs/${job}/logs`,
    )
    // A registration and a heartbeat came before.
    expect(items.map(({ message }) => message)).toEqual([
      ...Array.from({ length: 98 }, (_, index) => `line ${index + 1}`),
      '1102 lines dropped by the rate limit',
    ])
    expect(await server.events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
  })

  test('[P36] every heartbeat is answered, however many there are', async () => {
    const robot = await Raw.register(server)
    for (let n = 0; n < 130; n++) await robot.beat()
    expect(
      robot.wire.frames.some(({ type, payload }) => type === 'error' && payload['error_code'] === 'RATE_LIMITED'),
    )
      .toBe(true)
    expect((await server.api('GET', `/robots/${robot.id}`))['status']).toBe('online')
  })

  test('[P37] answers to offers and results are taken beyond the limit', async () => {
    const robot = await Raw.register(server)
    for (let n = 0; n < 110; n++) await robot.beat()
    const job = await robot.running()
    robot.say('job_complete', job, { result: 7 })
    await robot.beat()
    expect(await server.job(job)).toMatchObject({ status: 'completed', result: 7 })
  })

  test('[P38] a flood closes the connection with 4429, and connecting anew does not help', async () => {
    const robot = await Raw.register(server)
    robot.wire.together(() => {
      for (let n = 0; n < 1_100; n++) robot.say('job_progress', 'of another', { progress: 1 })
    })
    expect(await robot.wire.closed).toEqual({ code: 4429, reason: 'More than 1000 messages in 60 s' })
    const wire = await Wire.connect(server.robots)
    wire.send('register', { robot_id: robot.id, auth_token: server.admin })
    expect(await wire.closed).toMatchObject({ code: 4429 })
  })

  test('[P38] a robot with a job is not closed, whatever it says', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    robot.wire.together(() => {
      for (let n = 0; n < 1_100; n++) robot.say('job_progress', n % 2 === 0 ? job : 'of another', { progress: n % 90 })
      robot.say('job_complete', job, { result: 'kept' })
    })
    await robot.beat()
    expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'kept' })
  })
}, DEFAULT)

chapter('how many bytes a robot may send', (server) => {
  afterEach(closeAll)

  test('[P51] beyond the budget the connection is closed, and so are its next ones for a while', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const message = 'x'.repeat(60_000)
    robot.wire.together(() => {
      for (let n = 0; n < 40; n++) robot.say('log_entry', job, { level: 'INFO', message })
    })
    expect(await robot.wire.closed).toEqual({
      code: 4429,
      reason: 'More than 100000 bytes a second, and 16 times that at once',
    })
    const wire = await Wire.connect(server.robots)
    wire.send('register', { robot_id: robot.id, auth_token: server.admin })
    expect(await wire.closed).toMatchObject({ code: 4429 })
    expect((await server.job(job)).status, 'its job waits for it').toBe('running')
  })
}, { robot_bytes_per_second: 100_000 })
