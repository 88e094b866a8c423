import { afterEach, expect, test } from 'vitest'
import type { ErrorBody } from './api.ts'
import { chapter } from './chapter.ts'
import { closeAll, Wire } from './wire.ts'

/** Keys belong to robots: none can register as another. */

chapter('keys', (server) => {
  afterEach(closeAll)

  /** A key for one robot, or for any new one. */
  const newKey = async (robot?: string): Promise<string> => {
    const bound = robot === undefined ? {} : { robot_id: robot }
    return String((await server.api('POST', '/keys', { name: 'any', scopes: ['robots:connect'], ...bound }))['key'])
  }

  test('[P70] a key that was not bound does not make its owner a robot that is there already', async () => {
    const own = await newKey('victim')
    const victim = await Wire.register(server.robots, own, { robot_id: 'victim' })
    const job = await server.submit({ workflow_id: 'greeting', robot_id: 'victim', parameters: { secret: 'theirs' } })
    await victim.next('job_assign')
    victim.send('job_accept', { job_id: job, robot_id: 'victim' })
    await victim.beat('victim')
    const waiting = await server.submit({
      workflow_id: 'greeting',
      robot_id: 'victim',
      parameters: { secret: 'next' },
    })

    const fresh = await newKey()
    const words = 'This API key is for a new robot: make one for this robot with POST /api/v1/keys and its robot_id'
    const intrude = async (url: string): Promise<void> => {
      const impostor = await Wire.connect(url)
      const id = impostor.send('register', { robot_id: 'victim', auth_token: fresh })
      // Messages right behind the registration are not processed either.
      impostor.send('job_complete', { job_id: job, robot_id: 'victim', result: 'forged' })
      impostor.send('heartbeat', { robot_id: 'victim', active_job_ids: [] })
      expect(await impostor.next('register_ack')).toMatchObject({
        correlation_id: id,
        payload: { robot_id: 'victim', success: false, message: words },
      })
      expect(await impostor.closed).toEqual({ code: 4403, reason: words })
      expect(impostor.frames).toHaveLength(1)
    }
    await intrude(server.robots)
    await intrude(`${server.http.replace('http', 'ws')}/ws/robot/victim`)
    await victim.beat('victim', { active_job_ids: [job] })
    expect(await server.job(job)).toMatchObject({ status: 'running', robot_id: 'victim' })

    await victim.close()
    await intrude(server.robots)
    const back = await Wire.register(server.robots, own, { robot_id: 'victim' })
    back.send('job_complete', { job_id: job, robot_id: 'victim', result: 'own' })
    expect((await back.next('job_assign')).payload).toMatchObject({ job_id: waiting })
    expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'own' })

    // Another key of the robot is made with its id, and the first that is new may have the fresh one.
    const next = await Wire.register(server.robots, await newKey('victim'), { robot_id: 'victim' })
    expect(await back.closed).toMatchObject({ code: 4409 })
    await next.close()
    await (await Wire.register(server.robots, fresh, { robot_id: 'new here' })).close()
  })

  test('[P70] nor one whose key was revoked, or that came with an admin key', async () => {
    const made = await server.api('POST', '/keys', { name: 'k', scopes: ['robots:connect'], robot_id: 'former' })
    await (await Wire.register(server.robots, String(made['key']), { robot_id: 'former' })).close()
    await server.api('DELETE', `/keys/${String(made['id'])}`)
    await (await Wire.register(server.robots, server.admin, { robot_id: 'tried out' })).close()
    const fresh = await newKey()
    for (const robot_id of ['former', 'tried out']) {
      await expect(Wire.register(server.robots, fresh, { robot_id })).rejects.toThrow('is for a new robot')
    }
  })
})

chapter('secrets that are set', (server) => {
  const trigger = async (more: object): Promise<readonly [number, string]> => {
    const body = { name: 'hook', workflow_id: 'greeting', ...more }
    const reply = await server.call<ErrorBody>('POST', '/api/v1/triggers', { body })
    return [reply.status, reply.body.payload?.error_message ?? '']
  }
  const SAME = 'a'.repeat(16)
  const chat = (platform: string, secret: string) => ({
    trigger_type: 'chat',
    config: { platform, user_filter: ['*'] },
    secret,
  })

  test.each<[string, object]>([
    ['of a webhook', { secret: SAME }],
    ['of a webhook that signs', { auth: 'hmac', signature: { header: 'X-Sig' }, secret: SAME }],
    ['that GitHub is given', { auth: 'github', secret: 'abcabcabcabcabcabc' }],
    ['of a form', {
      trigger_type: 'form',
      auth: 'secret',
      secret: SAME,
      config: { fields: [{ name: 'a', type: 'text' }] },
    }],
    ['that Telegram is given', chat('telegram', SAME)],
  ])('one that is easy to guess is refused: %s', async (_whose, body) => {
    const [status, message] = await trigger(body)
    expect([status, message]).toEqual([400, expect.stringMatching(/^Field secret: is too easy to guess: it must/)])
  })

  test('a platform makes its own', async () => {
    expect(await trigger({ auth: 'stripe', secret: SAME })).toEqual([201, ''])
    expect(await trigger(chat('discord', '0'.repeat(64)))).toEqual([400, expect.stringContaining('anybody could sign')])
  })

  test.each(['orchestrator', 'System', 'robot:r1', 'trigger:hook', 'schedule:1'])(
    'no key is called %s',
    async (name) => {
      const reply = await server.call<ErrorBody>('POST', '/api/v1/keys', { body: { name, scopes: ['jobs:read'] } })
      expect([reply.status, reply.body.payload.error_message]).toEqual([
        400,
        'Field name: must not stand for the orchestrator, a robot, a trigger or a schedule',
      ])
    },
  )
})

const GUESSES = 5

chapter('keys that are guessed', (server) => {
  afterEach(closeAll)

  const from = (address: string) => ({ 'X-Forwarded-For': address })
  const guess = (address: string, key: string | null = `crpa_${crypto.randomUUID()}`, path = 'jobs') =>
    server.call<ErrorBody>('GET', `/api/v1/${path}`, { key, headers: from(address) })
  const statuses = async (address: string, times: number): Promise<readonly number[]> => {
    const all: number[] = []
    for (let n = 0; n < times; n++) all.push((await guess(address)).status)
    return all
  }
  const register = async (address: string, key: string) => {
    const wire = await Wire.connect(server.robots, from(address))
    wire.send('register', { robot_id: `guessed-${address}`, auth_token: key })
    return { wire, ack: (await wire.next('register_ack')).payload }
  }
  const lines = (address: string) => server.warnings.filter((line) => line.includes(`"address":"${address}"`))

  test('over HTTP: whoever guesses is told so, and a valid key is let in all the same', async () => {
    expect(await statuses('192.0.2.1', GUESSES + 2)).toEqual([...Array<number>(GUESSES).fill(401), 429, 429])
    const refused = await guess('192.0.2.1')
    expect(refused.body.payload).toMatchObject({
      error_code: 'RATE_LIMITED',
      error_message: expect.stringMatching(/^At most 5 wrong keys from one address in 60 s: try again in \d+ s$/),
    })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await guess('192.0.2.1', server.admin)).status).toBe(200)
    // A request without a key is not a guess, and another address has not guessed.
    expect((await guess('192.0.2.1', null)).status).toBe(401)
    expect((await guess('192.0.2.2')).status).toBe(401)
    expect(lines('192.0.2.1')).toHaveLength(1)
    expect(lines('192.0.2.2')).toEqual([])
    expect(server.warnings.join()).not.toContain('crpa_')
  })

  test.each([['calls/none', '192.0.2.21'], ['triggers', '192.0.2.22']])('at %s, too', async (path, address) => {
    await statuses(address, GUESSES)
    expect((await guess(address, 'crpa_wrong', path)).status).toBe(429)
  })

  test('over HTTP: the addresses of one IPv6 network are one', async () => {
    await statuses('2001:db8:1:1::1', GUESSES)
    expect((await guess('2001:db8:1:1:ffff::2')).status).toBe(429)
    expect((await guess('2001:db8:1:2::1')).status).toBe(401)
    expect(lines('2001:db8:1:1::/64')).toHaveLength(1)
  })

  test('over HTTP: a key that was revoked is no guess', async () => {
    const made = await server.api('POST', '/keys', { name: 'former', scopes: ['jobs:read'] })
    await server.api('DELETE', `/keys/${String(made['id'])}`)
    for (let n = 0; n < GUESSES + 1; n++) expect((await guess('192.0.2.3', String(made['key']))).status).toBe(401)
  })

  test('[P71] on sockets: told, closed with 4429, and a valid key is let in all the same', async () => {
    for (let n = 0; n < GUESSES; n++) {
      const { wire, ack } = await register('192.0.2.4', `crpa_${n}`)
      expect(ack).toMatchObject({ success: false, message: 'Unknown API key' })
      expect((await wire.closed).code).toBe(4401)
    }
    const { wire, ack } = await register('192.0.2.4', 'crpa_more')
    expect(ack).toMatchObject({
      success: false,
      message: expect.stringMatching(/^At most 5 wrong keys from one address in 60 s: try again in \d+ s$/),
    })
    expect(await wire.closed).toEqual({ code: 4429, reason: ack['message'] })
    const upgrade = await Wire.connect(server.robotsWith('crpa_another'), from('192.0.2.4'))
    upgrade.send('register', { robot_id: 'by the address' })
    expect((await upgrade.closed).code).toBe(4429)
    expect((await register('192.0.2.4', server.admin)).ack).toMatchObject({ success: true })
    const other = await register('192.0.2.5', 'crpa_more')
    expect((await other.wire.closed).code).toBe(4401)
    expect(lines('192.0.2.4')).toHaveLength(1)
  })

  test('[P71] keys on sockets and over HTTP, and secrets of webhooks are one count', async () => {
    const trigger = await server.api('POST', '/triggers', { name: 'hook', workflow_id: 'greeting' })
    const call = async (secret: string) =>
      (await server.call('POST', `/webhook/${String(trigger['id'])}`, {
        key: null,
        body: { event_type: 'x' },
        headers: { ...from('192.0.2.6'), 'X-Webhook-Secret': secret },
      })).status
    expect(await call('wrong')).toBe(401)
    await (await register('192.0.2.6', 'crpa_wrong')).wire.closed
    expect(await statuses('192.0.2.6', GUESSES - 1)).toEqual([401, 401, 401, 429])
    expect(await call('wrong')).toBe(429)
    expect(await call(String(trigger['secret']))).toBe(200)
  })
}, { wrong_keys_max: GUESSES, trusted_proxies: ['127.0.0.0/8', '::1'] })
