import { beforeAll, describe, expect, test } from 'vitest'
import { Raw } from './raw.ts'
import { MESSAGES, type MessageType } from '../../core/protocol/message.ts'
import { chapter } from './chapter.ts'
import { type Frame, Wire } from './wire.ts'

/** Valid messages, and the answers to invalid frames. */

const MIB = 1 << 20

chapter('messages', (server) => {
  /** Everything that a robot has received in these tests. */
  const received: Frame[] = []

  describe('those that there are', () => {
    /** The messages of a robot about its job, each with the fewest fields. */
    const SAID: readonly (readonly [MessageType, object])[] = [
      ['register', {}],
      ['heartbeat', {}],
      ['status_response', {}],
      ['job_accept', {}],
      ['job_reject', {}],
      ['job_progress', { progress: 5 }],
      ['log_entry', { level: 'INFO', message: 'm' }],
      ['log_batch', { entries: [] }],
      ['job_complete', {}],
      ['job_failed', {}],
      ['job_cancelled', {}],
      ['error', { error_code: 'NOT_FOUND' }],
      ['disconnect', {}],
    ]

    test('[P1] each of the 13 that a robot sends is taken, and each of the 8 others comes', async () => {
      const robot = await Raw.register(server)
      const job = await server.submit({ workflow_id: 'greeting', robot_id: robot.id })
      await robot.offered(job)
      for (const [type, more] of SAID) {
        robot.wire.send(type, { robot_id: robot.id, job_id: job, auth_token: server.admin, ...more })
        // A `disconnect` is answered with a close.
        if (type !== 'disconnect') await robot.beat()
      }
      await robot.wire.closed
      expect(robot.wire.frames.filter(({ type }) => type === 'error')).toEqual([])
      const other = await Raw.register(server, { robot_id: robot.id })
      const next = await server.submit({ workflow_id: 'greeting', robot_id: robot.id })
      await other.take(next)
      await server.api('POST', `/jobs/${next}/cancel`)
      for (const verb of ['pause', 'resume', 'shutdown']) await server.api('POST', `/robots/${robot.id}/${verb}`)
      other.wire.raw('x')
      await other.beat()
      received.push(...robot.wire.frames, ...other.wire.frames)
      const sent = Object.entries(MESSAGES).filter(([, { from }]) => from !== 'robot').map(([type]) => type)
      expect(Object.keys(MESSAGES)).toHaveLength(21)
      expect(new Set(received.map(({ type }) => type))).toEqual(new Set(sent))
    })

    test('[P3] what is sent has its keys in order, a UUID, a time in UTC, and no correlation_id that is null', () => {
      expect(received.length).toBeGreaterThan(10)
      for (const frame of received) {
        const keys = ['type', 'id', 'timestamp', 'payload', ...('correlation_id' in frame ? ['correlation_id'] : [])]
        expect(Object.keys(frame)).toEqual(keys)
        expect(frame.id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
        expect(frame.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
        expect(frame.correlation_id).not.toBeNull()
      }
      expect(new Set(received.map(({ id }) => id)).size).toBe(received.length)
      expect(received.filter((frame) => 'correlation_id' in frame).map(({ type }) => type)).toContain('heartbeat_ack')
      expect(received.filter((frame) => !('correlation_id' in frame)).map(({ type }) => type)).toContain('job_assign')
    })

    test.each([
      ['long ago', '1970-01-01T00:00:00Z'],
      ['far ahead', '9999-12-31T23:59:59Z'],
      ['a number', 1700000000],
      ['no time at all', 'half past nine'],
      ['nothing', null],
    ])('[P3] any timestamp is read, and none is acted on: %s', async (_what, timestamp) => {
      const robot = await Raw.register(server)
      robot.wire.raw(JSON.stringify({ type: 'heartbeat', id: 'm', timestamp, payload: { robot_id: robot.id } }))
      expect(await robot.wire.next('heartbeat_ack')).toMatchObject({ correlation_id: 'm' })
    })

    test('[P2] unknown fields are ignored, in the envelope and in the payload', async () => {
      const robot = await Raw.register(server, { version: 7, nested: { a: [1] } })
      const payload = { robot_id: robot.id, mood: 'good', active_job_ids: [] }
      robot.wire.raw(JSON.stringify({ type: 'heartbeat', id: 'm', payload, hops: [1], v: null }))
      expect(await robot.wire.next('heartbeat_ack')).toMatchObject({ correlation_id: 'm' })
    })

    test('[P9] a register with nothing but an id has the defaults of the original server', async () => {
      const robot = await Raw.register(server)
      expect(await server.api('GET', `/robots/${robot.id}`)).toMatchObject({
        name: robot.id,
        environment: 'default',
        max_concurrent_jobs: 1,
        tags: [],
        capabilities: {},
        status: 'online',
      })
      const job = await server.submit({ workflow_id: 'greeting', robot_id: robot.id, environment: 'production' })
      await robot.take(job)
      // The payload of a message may be left out too: who speaks is known from the connection.
      robot.wire.raw('{"type":"heartbeat","id":"m"}')
      expect(await robot.wire.next('heartbeat_ack')).toMatchObject({ correlation_id: 'm' })
    })

    test('[P9] a status may be any word, and three of them mean that the robot takes no jobs', async () => {
      const robot = await Raw.register(server)
      for (const status of ['paused', 'maintenance', 'error']) {
        await robot.beat({ status })
        const job = await server.submit({ workflow_id: 'greeting', robot_id: robot.id })
        await robot.beat({ status })
        expect(robot.offers).not.toContain(job)
        await robot.beat({ status: 'humming' })
        await robot.take(job)
        robot.say('job_complete', job)
      }
    })

    test('[P9] a heartbeat that says nothing about jobs does not say that there are none', async () => {
      const robot = await Raw.register(server)
      const job = await server.submit({ workflow_id: 'greeting', robot_id: robot.id })
      await robot.take(job)
      for (let i = 0; i < 3; i++) await robot.beat()
      expect((await server.job(job)).status).toBe('running')
      for (let i = 0; i < 2; i++) await robot.beat({ active_job_ids: [] })
      expect((await server.job(job)).status).toBe('failed')
    })

    test('[P10] bare NaN, Infinity and -Infinity are null', async () => {
      const robot = await Raw.register(server)
      const job = await server.submit({ workflow_id: 'greeting', robot_id: robot.id })
      await robot.take(job)
      const about = `"job_id":${JSON.stringify(job)},"robot_id":${JSON.stringify(robot.id)}`
      const result = '{"a":NaN,"b":[Infinity,-Infinity],"text":"NaN and \\"Infinity\\""}'
      robot.wire.raw(`{"type":"job_complete","id":"m","payload":{${about},"result":${result}}}`)
      await robot.beat()
      expect((await server.job(job)).result).toEqual({ a: null, b: [null, null], text: 'NaN and "Infinity"' })
    })

    test('[P7] lone surrogates become U+FFFD, and all other text arrives as it was', async () => {
      const robot = await Raw.register(server)
      const parameters = { text: 'Zürich 😀 \u2028 \ufeff \ud800', 'key \udc00': 1, __proto: 1 }
      const job = await server.submit({ workflow_id: 'greeting', robot_id: robot.id, parameters })
      const offer = await robot.offered(job)
      const sound = { text: 'Zürich 😀 \u2028 \ufeff \ufffd', 'key \ufffd': 1, __proto: 1 }
      expect(offer.payload['parameters']).toEqual(sound)
      robot.say('job_complete', job, { result: parameters })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ parameters: sound, result: sound })
    })

    test('[P8] a job whose message would be over 1 MiB is refused when it is submitted', async () => {
      const robot = await Raw.register(server)
      // A quotation mark is two characters in the request, and four in the message: the definition is text there.
      const definition = (chars: number) => ({ format: 'large', note: '"'.repeat(chars) })
      const submit = (chars: number) => {
        const body = { workflow_name: 'Large', workflow_json: definition(chars), robot_id: robot.id }
        return server.call('POST', '/api/v1/jobs', { body })
      }
      expect((await submit(300_000)).status).toBe(413)
      const { status, body } = await submit(200_000)
      expect(status).toBe(201)
      await robot.offered(String(body['id']))
    })
  })

  describe('a frame that is wrong is answered, and the connection goes on', () => {
    const frame = (type: unknown, payload: unknown): string => JSON.stringify({ type, id: 'm-1', payload })
    const pad = (bytes: number, text = ''): string =>
      frame('disconnect', { robot_id: 'r', reason: 'x'.repeat(bytes) + text })
    const deep: unknown = JSON.parse(`${'['.repeat(70)}${']'.repeat(70)}`)
    const many = Array.from({ length: 100_001 }, () => 0)
    const cases: readonly [string, string, string, RegExp, unknown][] = [
      ['[P4] no JSON', '{"type":', 'INVALID_JSON', /^Malformed JSON/, undefined],
      ['[P4] an empty frame', '', 'INVALID_JSON', /^Malformed JSON/, undefined],
      ['[P4] no object', '[]', 'INVALID_MESSAGE', /must be a JSON object/, undefined],
      ['[P4] no type', '{"id":"m-1"}', 'INVALID_MESSAGE', /^Missing required field: type$/, 'm-1'],
      ['[P4] an unknown type', frame('dance', {}), 'INVALID_MESSAGE', /^Unknown message type: dance$/, 'm-1'],
      ['[P5] a type that only we send', frame('job_assign', {}), 'INVALID_MESSAGE', /not sent by a robot/, 'm-1'],
      ['[P6] a missing field', frame('job_accept', {}), 'INVALID_PAYLOAD', /Missing required field: job_id/, 'm-1'],
      ['[P6] a wrong type', frame('job_accept', { job_id: 7 }), 'INVALID_PAYLOAD', /Field job_id/, 'm-1'],
      ['[P4] an id that is no id', '{"type":"dance","id":{}}', 'INVALID_MESSAGE', /dance/, undefined],
      ['[P6] a payload that is none', frame('heartbeat', 'r'), 'INVALID_PAYLOAD', /heartbeat/, 'm-1'],
      ['[P6] a number as its id', '{"type":"dance","id":42}', 'INVALID_MESSAGE', /dance/, 42],
      ['[P4] no JSON, with an id', '{"id":"m-1","type":"heartbeat",', 'INVALID_JSON', /^Malformed JSON/, 'm-1'],
      ['[P7] JSON without a bottom', frame('heartbeat', { status: deep }), 'INVALID_PAYLOAD', /deeper than 64/, 'm-1'],
      ['[P7] members without number', frame('heartbeat', { status: many }), 'INVALID_PAYLOAD', /100000 members/, 'm-1'],
      ['[P8] over 1 MiB', pad(MIB), 'INVALID_PAYLOAD', /must not exceed 1048576 bytes/, 'm-1'],
      ['[P8] a little under 8 MiB', pad(8 * MIB - 200), 'INVALID_PAYLOAD', /must not exceed/, 'm-1'],
      [
        '[P48] a secondary field',
        frame('heartbeat', { cpu_percent: 'much', status: 7 }),
        'INVALID_PAYLOAD',
        /^heartbeat: cpu_percent was "much" and was left out; status was 7 and was read as a text$/,
        'm-1',
      ],
      [
        '[P8] over 1 MiB in bytes, not in characters',
        pad(0, 'ü'.repeat(MIB / 2)),
        'INVALID_PAYLOAD',
        /must not exceed/,
        'm-1',
      ],
      ['[P15] another robot', frame('heartbeat', { robot_id: 'other' }), 'FORBIDDEN', /belongs to the robot r$/, 'm-1'],
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

    test('[P4] JSON with a byte that is not UTF-8 is refused whole', async () => {
      const text = JSON.stringify({ type: 'heartbeat', id: 'm', payload: { robot_id: 'r', status: 'm\u00fcde' } })
      wire.raw(Uint8Array.from(text, (unit) => unit.charCodeAt(0)))
      expect((await wire.next('error')).payload).toMatchObject({
        error_code: 'INVALID_JSON',
        error_message: expect.stringContaining('not valid UTF-8'),
      })
      await wire.beat('r')
    })

    test('[P4] bytes that are no text are no JSON', async () => {
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

  test('[P61] what is hard to read keeps nobody waiting: it is answered, over the API too', async () => {
    // By a pattern that tries each quote anew these take half an hour.
    const hard = ['\\"', '"', '\\', '{"a":', '1'.repeat(999) + '.0,'].map((part) =>
      `{"id":"m","a":[NaN,"${part.repeat((MIB - 100) / part.length)}`
    )
    const { wire } = await Raw.register(server)
    for (const frame of hard) {
      wire.raw(frame)
      expect(await wire.next('error')).toMatchObject({
        payload: { error_code: expect.stringMatching(/^(INVALID_JSON|INVALID_MESSAGE)$/) },
        correlation_id: 'm',
      })
    }
    for (const body of hard) {
      expect(await server.call('POST', '/webhook/none', { key: null, body })).toMatchObject({ status: 404 })
      expect(await server.call('POST', '/api/v1/jobs', { body })).toMatchObject({ status: 400 })
    }
  })

  test('[P7] an id with U+0000 is sent back with U+FFFD in its place, and as the text that it is', async () => {
    const robot = await Wire.connect(server.robots)
    for (
      const [id, back] of [['\0', '\ufffd'], ['\u00001', '\ufffd1'], ['a\0b', 'a\ufffdb'], ['\u00001.0', '\ufffd1.0']]
    ) {
      for (const number of [1, '1.0']) {
        robot.raw(`{"type":"heartbeat","id":${JSON.stringify(id)},"payload":{"current_jobs":${number}}}`)
        expect(await robot.next('error')).toMatchObject({ correlation_id: back })
      }
    }
  })
})
