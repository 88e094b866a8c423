import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { Raw } from './raw.ts'
import { chapter } from './chapter.ts'
import { closeAll, Wire } from './wire.ts'

/** Authentication of connections, and the end of those without it. */

const MIB = 1 << 20

chapter('connecting', (server) => {
  afterEach(closeAll)

  /** A key for any one robot: bound to the first that registers with it. */
  const newKey = async (robot?: string): Promise<string> => {
    const bound = robot === undefined ? {} : { robot_id: robot }
    return String((await server.api('POST', '/keys', { name: 'any', scopes: ['robots:connect'], ...bound }))['key'])
  }

  describe('the key', () => {
    type Way = (key: string) => readonly [string, Readonly<Record<string, string>>, object]
    const ways: readonly [string, Way][] = [
      ['auth_token in the message', (key) => [server.robots, {}, { auth_token: key }]],
      ['token in the message', (key) => [server.robots, {}, { token: key }]],
      ['a bearer token on the upgrade', (key) => [server.robots, { Authorization: `Bearer ${key}` }, {}]],
      ['?api_key= in the address', (key) => [server.robotsWith(key), {}, {}]],
      ['at /ws of the HTTP port', (key) => [`${server.http.replace('http', 'ws')}/ws`, {}, { auth_token: key }]],
    ]
    test.each(ways)('[P16] it comes as %s', async (_way, way) => {
      const robot = `robot ${crypto.randomUUID()}`
      const [url, headers, payload] = way(await newKey(robot))
      const wire = await Wire.connect(url, headers)
      const id = wire.send('register', { robot_id: robot, ...payload })
      const ack = await wire.next('register_ack')
      expect(ack).toEqual({
        type: 'register_ack',
        id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        payload: {
          robot_id: robot,
          success: true,
          message: 'Registration successful',
          config: { heartbeat_interval: 30, log_batch_size: 100, max_message_bytes: MIB, lease_seconds: 100 },
        },
        correlation_id: id,
      })
      expect(wire.frames[0]).toBe(ack)
    })

    const refused: readonly [string, () => Promise<object>, number, RegExp][] = [
      ['no key', async () => ({}), 4401, /^Missing API key/],
      ['a wrong key', async () => ({ auth_token: 'crpa_wrong' }), 4401, /^Unknown API key$/],
      [
        'the key of another robot',
        async () => ({ auth_token: await newKey('other') }),
        4403,
        /belongs to the robot other/,
      ],
      [
        'a key that is for something else',
        async () => {
          const { key } = await server.api('POST', '/keys', { name: 'reader', scopes: ['jobs:read'] })
          return { auth_token: key }
        },
        4403,
        /lacks the scope robots:connect/,
      ],
    ]
    test.each(refused)('[P16] %s: told, and closed', async (_what, payload, code, words) => {
      const wire = await Wire.connect(server.robots)
      const id = wire.send('register', { robot_id: 'intruder', ...await payload() })
      const ack = await wire.next('register_ack')
      expect(ack).toMatchObject({ correlation_id: id, payload: { robot_id: 'intruder', success: false } })
      expect(ack.payload['message']).toMatch(words)
      expect(await wire.closed).toEqual({ code, reason: ack.payload['message'] })
      expect((await server.call('GET', '/api/v1/robots/intruder')).status).toBe(404)
    })

    test('[P17] a key that was not bound is bound by the first robot that uses it', async () => {
      const key = await newKey()
      await (await Wire.register(server.robots, key, { robot_id: 'first' })).close()
      await expect(Wire.register(server.robots, key, { robot_id: 'second' })).rejects.toThrow(
        'belongs to the robot first',
      )
      await (await Wire.register(server.robots, key, { robot_id: 'first' })).close()
    })

    test('[P17] a key that is revoked ends the connection that was made with it', async () => {
      const made = await server.api('POST', '/keys', { name: 'k', scopes: ['robots:connect'], robot_id: 'dismissed' })
      const wire = await Wire.register(server.robots, String(made['key']), { robot_id: 'dismissed' })
      await server.api('DELETE', `/keys/${String(made['id'])}`)
      expect(await wire.closed).toEqual({ code: 4401, reason: 'This API key has been revoked' })
    })

    test('[P16] one in the message goes before one on the upgrade, and a header before the address', async () => {
      const wrong = { Authorization: 'Bearer crpa_wrong' }
      const first = await Wire.connect(server.robotsWith('crpa_wrong'), wrong)
      first.send('register', { robot_id: 'three keys', auth_token: server.admin })
      expect((await first.next('register_ack')).payload['success']).toBe(true)
      const second = await Wire.connect(server.robotsWith(server.admin), wrong)
      second.send('register', { robot_id: 'three keys' })
      expect((await second.closed).code).toBe(4401)
    })
  })

  describe('registration', () => {
    test('[P11] its answer is the first thing heard, and a status_request and a job follow at once', async () => {
      const job = await server.submit({ workflow_id: 'greeting', robot_id: 'expected' })
      const robot = await Raw.register(server, { robot_id: 'expected' })
      await robot.offered(job)
      await robot.beat()
      const types = robot.wire.frames.map(({ type }) => type)
      expect(types).toEqual(['register_ack', 'status_request', 'job_assign', 'heartbeat_ack'])
      expect(robot.wire.frames[1]?.payload).toEqual({ robot_id: robot.id })
    })

    test('[P11] the robot is on record by then', async () => {
      const registration = {
        robot_name: 'R',
        environment: 'test',
        max_concurrent_jobs: 4,
        tags: ['a'],
        capabilities: { b: 2 },
      }
      const robot = await Raw.register(server, registration)
      const { robot_name: name, ...others } = registration
      expect(await server.api('GET', `/robots/${robot.id}`)).toMatchObject({ name, ...others, status: 'online' })
    })

    test('[P11] before it has said what it runs, it is offered only jobs that were never offered', async () => {
      const robot = await Raw.register(server, { max_concurrent_jobs: 2 })
      const offered = await robot.submit({ retry_safety: 'unless_accepted' })
      await robot.offered(offered)
      robot.wire.terminate()
      await robot.wire.closed
      const again = await robot.again({ max_concurrent_jobs: 2 })
      const fresh = await robot.submit()
      await again.offered(fresh)
      await again.beat()
      expect(again.offers).toEqual([fresh])
      again.wire.send('status_response', { robot_id: robot.id, active_job_ids: [] })
      await again.offered(offered)
    })

    test('[P12] nothing else may come before it, and it may still come then', async () => {
      const victim = await Raw.register(server)
      const job = await victim.running()
      const wire = await Wire.connect(server.robots)
      const about = { robot_id: victim.id, job_id: job, result: 'planted', level: 'INFO', message: 'planted' }
      const types = ['heartbeat', 'job_complete', 'job_failed', 'job_cancelled', 'log_entry', 'disconnect']
      for (const type of types) {
        const id = wire.send(type, about)
        expect(await wire.next('error')).toMatchObject({
          payload: { error_code: 'AUTHENTICATION_FAILED', error_message: 'Register first' },
          correlation_id: id,
        })
      }
      expect(await server.job(job)).toMatchObject({ status: 'running', logs: '' })
      expect(await server.events(job)).toEqual(['submit', 'offer', 'accept'])
      wire.send('register', { robot_id: 'early', auth_token: await newKey('early') })
      expect((await wire.next('register_ack')).payload['success']).toBe(true)
    })

    test('[P14] a second connection takes over, and the first can do nothing more', async () => {
      const older = await Raw.register(server)
      const job = await older.running()
      const newer = await older.again()
      // Messages of the older one arrive after it was replaced.
      older.say('job_complete', job, { result: 'from the older one' })
      expect(await older.wire.closed).toEqual({ code: 4409, reason: 'Replaced by a newer connection' })
      await newer.beat({ active_job_ids: [job] })
      expect(await server.job(job)).toMatchObject({ status: 'running' })
      newer.say('job_complete', job, { result: 'from the newer one' })
      await newer.beat()
      expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'from the newer one' })
    })

    test('[P15] a second robot on the same connection is refused, and the first goes on', async () => {
      const wire = await Wire.register(server.robots, server.admin, { robot_id: 'one' })
      const id = wire.send('register', { robot_id: 'two', auth_token: server.admin })
      expect(await wire.next('error')).toMatchObject({ payload: { error_code: 'FORBIDDEN' }, correlation_id: id })
      await wire.beat('one')
      expect((await server.call('GET', '/api/v1/robots/two')).status).toBe(404)
    })

    test('[P15] [P75] what another robot says about a job changes nothing, and stands in no history', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      const other = await Raw.register(server)
      const types = ['job_accept', 'job_reject', 'job_progress', 'job_complete', 'job_failed', 'job_cancelled']
      for (const type of types) {
        const result = { progress: 99, result: 1, offer: 1 }
        other.say(type, job, result)
        // In its own name, and then in that of the robot whose job it is.
        other.say(type, job, { ...result, robot_id: robot.id })
      }
      other.say('log_entry', job, { level: 'INFO', message: 'planted' })
      await other.beat({ active_job_ids: [job] })
      expect(await server.job(job)).toMatchObject({ status: 'running', progress: 0, robot_id: robot.id, logs: '' })
      const refusals = other.wire.frames.filter(({ type }) => type === 'error')
      expect(refusals.filter(({ payload }) => payload['error_code'] === 'FORBIDDEN')).toHaveLength(types.length)
      robot.say('job_complete', job, { result: 'right' })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'right' })
      const [last, ...others] = (await server.history(job)).toReversed()
      expect([last?.event, last?.robot_id]).toEqual(['complete', robot.id])
      expect(others.map(({ robot_id }) => robot_id)).not.toContain(other.id)
    })

    test('an upgrade elsewhere is answered 404', async () => {
      await expect(Wire.connect(`${server.http.replace('http', 'ws')}/other`)).rejects.toThrow('404')
    })
  })

  describe('a connection that breaks off', () => {
    const UPGRADE = [
      'GET /ws HTTP/1.1',
      'Host: 127.0.0.1',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      '',
      '',
    ].join('\r\n')

    /** Sends some bytes and resets the connection. */
    async function reset(port: number, bytes: string): Promise<void> {
      const socket: Socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      await new Promise((resolve) => socket.write(bytes, resolve))
      socket.resetAndDestroy()
      await once(socket, 'close')
    }

    test('in the middle of an upgrade, on either port, ends nothing else', async () => {
      const ports = [server.http, server.robots].map((url) => Number(new URL(url).port))
      const lengths = [1, 20, UPGRADE.length - 1, UPGRADE.length, UPGRADE.length, UPGRADE.length]
      const elsewhere = UPGRADE.replace('/ws', '/other')
      const cut = lengths.map((length) => UPGRADE.slice(0, length))
      const frames = [...cut, `${UPGRADE}\x81\xff`, `${UPGRADE}\x81\x85`, ...Array<string>(8).fill(elsewhere)]
      await Promise.all(ports.flatMap((port) => [...frames, ...frames].map((bytes) => reset(port, bytes))))
      const wire = await Wire.register(server.robots, server.admin, { robot_id: 'after the resets' })
      await wire.beat('after the resets')
    })

    test('of a registered robot leaves it offline', async () => {
      const wire = await Wire.register(server.robots, server.admin, { robot_id: 'gone' })
      wire.terminate()
      await wire.closed
      await expect.poll(async () => (await server.api('GET', '/robots/gone'))['status']).toBe('offline')
    })
  })
})
