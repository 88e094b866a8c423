import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { type Closed, hangUpAll, Wire } from './wire.ts'

/** The WebSocket side from outside: who gets in, and what is said to frames that are wrong. */

const MIB = 1 << 20

let server: Orchestrator
/** A key for any one robot: bound to the first that registers with it. */
let newKey: (robot?: string) => Promise<string>
/** Connected at the very beginning, and never says anything. */
let silent: Promise<Closed>
/** What becomes of connections on either port that send a byte of a header now and then. */
let slow: Promise<readonly Slow[]>

interface Slow {
  readonly answer: string
  readonly ms: number
}

/** Sends the beginning of a request, and then byte after byte until the connection is closed. */
function dribble(url: string, start: string): Promise<Slow> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const begun = Date.now()
  let answer = ''
  socket.write(start)
  const more = setInterval(() => socket.write('x'), 500)
  socket.on('data', (bytes) => (answer += String(bytes)))
  socket.on('error', () => {})
  return new Promise((resolve) =>
    socket.on('close', () => {
      clearInterval(more)
      resolve({ answer, ms: Date.now() - begun })
    })
  )
}

beforeAll(async () => {
  server = await Orchestrator.start()
  newKey = async (robot) => {
    const key = {
      name: robot ?? 'any',
      scopes: ['robots:connect'],
      ...(robot === undefined ? {} : { robot_id: robot }),
    }
    return String((await server.api('POST', '/keys', key))['key'])
  }
  silent = (await Wire.connect(server.robots)).closed
  const starts = ['GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nX-Slow: ']
  slow = Promise.all([server.http, server.robots].flatMap((url) => starts.map((start) => dribble(url, start))))
})

afterAll(cleanUp)
afterAll(async () => {
  hangUpAll()
  // After all of that a robot can still work, and nothing has failed inside.
  const wire = await Wire.register(server.robots, server.admin, { robot_id: 'last' })
  const id = await server.submit({ workflow_id: 'greeting' })
  const { payload } = await wire.next('job_assign')
  wire.send('job_complete', { job_id: payload['job_id'], robot_id: 'last', result: { done: true } })
  await wire.beat('last')
  expect(await server.job(id)).toMatchObject({ status: 'completed', result: { done: true } })
  hangUpAll()
  expect(server.program.err).toBe('')
})

describe('registration', () => {
  type Way = (key: string) => readonly [string, Readonly<Record<string, string>>, object]
  const ways: readonly [string, Way][] = [
    ['auth_token in the message', (key) => [server.robots, {}, { auth_token: key }]],
    ['token in the message', (key) => [server.robots, {}, { token: key }]],
    ['a bearer token on the upgrade', (key) => [server.robots, { Authorization: `Bearer ${key}` }, {}]],
    ['?api_key= in the address', (key) => [`${server.robots}/?api_key=${key}`, {}, {}]],
    ['the same at any path', (key) => [`${server.robots}/ws/robot?api_key=${key}`, {}, {}]],
    ['at /ws of the HTTP port', (key) => [`${server.http.replace('http', 'ws')}/ws`, {}, { auth_token: key }]],
  ]
  test.each(ways)('the key comes as %s', async (_way, way) => {
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
  test.each(refused)('%s: told, and closed', async (_what, payload, code, words) => {
    const wire = await Wire.connect(server.robots)
    const id = wire.send('register', { robot_id: 'intruder', ...await payload() })
    const ack = await wire.next('register_ack')
    expect(ack).toMatchObject({ correlation_id: id, payload: { robot_id: 'intruder', success: false } })
    expect(ack.payload['message']).toMatch(words)
    expect(await wire.closed).toEqual({ code, reason: ack.payload['message'] })
    expect((await server.call('GET', '/api/v1/robots/intruder')).status).toBe(404)
  })

  test('a key that was not bound is bound by the first robot that uses it', async () => {
    const key = await newKey()
    await (await Wire.register(server.robots, key, { robot_id: 'first' })).close()
    await expect(Wire.register(server.robots, key, { robot_id: 'second' })).rejects.toThrow(
      'belongs to the robot first',
    )
    await (await Wire.register(server.robots, key, { robot_id: 'first' })).close()
  })

  test('a key that is revoked ends the connection that was made with it', async () => {
    const made = await server.api('POST', '/keys', { name: 'k', scopes: ['robots:connect'], robot_id: 'dismissed' })
    const wire = await Wire.register(server.robots, String(made['key']), { robot_id: 'dismissed' })
    await server.api('DELETE', `/keys/${String(made['id'])}`)
    expect(await wire.closed).toEqual({ code: 4401, reason: 'This API key has been revoked' })
  })

  test('nothing else may come before it, and it may still come then', async () => {
    const wire = await Wire.connect(server.robots)
    const id = wire.send('heartbeat', { robot_id: 'early' })
    expect(await wire.next('error')).toMatchObject({
      payload: { error_code: 'AUTHENTICATION_FAILED', error_message: 'Register first' },
      correlation_id: id,
    })
    wire.send('register', { robot_id: 'early', auth_token: await newKey('early') })
    expect((await wire.next('register_ack')).payload['success']).toBe(true)
  })

  test('a second robot on the same connection is refused, and the first goes on', async () => {
    const wire = await Wire.register(server.robots, server.admin, { robot_id: 'one' })
    const id = wire.send('register', { robot_id: 'two', auth_token: server.admin })
    expect(await wire.next('error')).toMatchObject({ payload: { error_code: 'FORBIDDEN' }, correlation_id: id })
    await wire.beat('one')
  })

  test('an upgrade elsewhere on the HTTP port is answered 404, and no upgrade on the robot port 426', async () => {
    await expect(Wire.connect(`${server.http.replace('http', 'ws')}/other`)).rejects.toThrow('404')
    expect((await fetch(server.robots.replace('ws', 'http'))).status).toBe(426)
  })

  test('with --robots-auth open any robot may register, and the API still asks for a key', async () => {
    const lab = await Orchestrator.start({ args: ['--robots-auth', 'open'] })
    const wire = await Wire.connect(lab.robots)
    wire.send('register', { robot_id: 'anybody' })
    expect((await wire.next('register_ack')).payload['success']).toBe(true)
    expect((await lab.call('GET', '/api/v1/jobs', { key: null })).status).toBe(401)
    // Open to those without a key, and not to those with a wrong one.
    await expect(Wire.register(lab.robots, 'crpa_wrong', { robot_id: 'x' })).rejects.toThrow('Unknown API key')
    expect(await lab.stop()).toBe(0)
  })
})

describe('a frame that is wrong is answered, and the connection goes on', () => {
  const frame = (type: unknown, payload: unknown): string => JSON.stringify({ type, id: 'm-1', payload })
  const pad = (bytes: number): string => frame('disconnect', { robot_id: 'r', reason: 'x'.repeat(bytes) })
  const cases: readonly [string, string, string, RegExp, unknown][] = [
    ['[P4] no JSON', '{"type":', 'INVALID_JSON', /^Malformed JSON/, undefined],
    ['[P4] an empty frame', '', 'INVALID_JSON', /^Malformed JSON/, undefined],
    ['[P4] no object', '[]', 'INVALID_MESSAGE', /must be a JSON object/, undefined],
    ['[P4] no type', '{"id":"m-1"}', 'INVALID_MESSAGE', /^Missing required field: type$/, 'm-1'],
    ['[P4] an unknown type', frame('dance', {}), 'INVALID_MESSAGE', /^Unknown message type: dance$/, 'm-1'],
    ['[P5] a type that only we send', frame('job_assign', {}), 'INVALID_MESSAGE', /not sent by a robot/, 'm-1'],
    ['[P6] a missing field', frame('heartbeat', {}), 'INVALID_PAYLOAD', /Missing required field: robot_id/, 'm-1'],
    ['[P6] a wrong type', frame('heartbeat', { robot_id: 7 }), 'INVALID_PAYLOAD', /Field robot_id/, 'm-1'],
    ['[P6] a number as its id', '{"type":"dance","id":42}', 'INVALID_MESSAGE', /dance/, 42],
    ['[P7] U+0000', frame('disconnect', { robot_id: 'r', reason: '\0' }), 'INVALID_PAYLOAD', /U\+0000/, undefined],
    ['[P8] over 1 MiB', pad(MIB), 'INVALID_PAYLOAD', /must not exceed 1048576 bytes/, undefined],
    ['[P8] a little under 8 MiB', pad(8 * MIB - 200), 'INVALID_PAYLOAD', /must not exceed/, undefined],
    ['another robot', frame('heartbeat', { robot_id: 'other' }), 'FORBIDDEN', /belongs to the robot r$/, 'm-1'],
  ]
  let wire: Wire
  beforeAll(async () => {
    wire = await Wire.register(server.robots, server.admin, { robot_id: 'r' })
  })

  test.each(cases)('%s', async (_name, text, code, words, correlation) => {
    wire.raw(text)
    const { payload, correlation_id } = await wire.next('error')
    expect(payload).toEqual({
      error_code: code,
      error_message: expect.stringMatching(words),
      details: expect.any(Object),
    })
    expect(correlation_id).toBe(correlation)
    await wire.beat('r')
  })

  test('[P2] text in a binary frame is text', async () => {
    const id = crypto.randomUUID()
    wire.raw(new TextEncoder().encode(JSON.stringify({ type: 'heartbeat', id, payload: { robot_id: 'r' } })))
    expect((await wire.next('heartbeat_ack')).correlation_id).toBe(id)
  })

  test('bytes that are no text are no JSON', async () => {
    wire.raw(new Uint8Array([0xff, 0xfe, 0x00, 0x80]))
    expect((await wire.next('error')).payload['error_code']).toBe('INVALID_JSON')
    await wire.beat('r')
  })

  test('[P8] over 8 MiB is closed with 1009', async () => {
    const rude = await Wire.register(server.robots, server.admin, { robot_id: 'rude' })
    rude.raw('x'.repeat(8 * MIB + 1))
    expect((await rude.closed).code).toBe(1009)
    await wire.beat('r')
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

test('who does not get a header together is sent away', { timeout: 30_000 }, async () => {
  for (const { answer, ms } of await slow) {
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(ms).toBeGreaterThan(9_000)
    // Ten seconds, two until it is noticed, and what a busy machine takes.
    expect(ms).toBeLessThan(18_000)
  }
})

test('who never registers is closed with 4408', { timeout: 30_000 }, async () => {
  expect(await silent).toEqual({ code: 4408, reason: 'No registration within 10 s' })
})
