import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { eventOfFrame } from '../../adapters/fleet/robot-socket.ts'
import type { SocketId } from '../../core/base/ids.ts'
import { FRAME_BYTES_MAX, fromRobot } from '../../core/protocol/decode.ts'
import { bench, ids, job, join, messages, running, summaryOf } from './bench.ts'

/** Frames in which something is wrong: what robots write that nobody should. */

/** A frame of r1, just as it came. */
const frame = (text: string) => eventOfFrame('socket-r1' as SocketId, text)
const message = (type: string, payload: unknown, id: unknown = 'm-1'): string => JSON.stringify({ type, id, payload })

const deep = (levels: number): string => `${'['.repeat(levels)}1${']'.repeat(levels)}`
const LARGE = 'x'.repeat(FRAME_BYTES_MAX)

describe('[P47] a message about a job counts, whatever else is wrong with it', () => {
  const ends = (text: string) => {
    const fleet = running()
    const sent = fleet.turn(frame(text))
    return { row: fleet.disk.rows.jobs.get(ids.job('j1')), sent, logs: fleet.disk.logs, fleet }
  }

  const results: readonly [string, string, string, RegExp, string][] = [
    [
      'too deep',
      deep(70),
      'RESULT_TOO_DEEP',
      /its result is nested deeper than 64 levels$/,
      `The result begins: ${'['.repeat(62)}"…"`,
    ],
    [
      'too many members',
      `[${'0,'.repeat(100_001)}0]`,
      'RESULT_TOO_LARGE',
      /has more than 100000 members$/,
      'The result begins: [0,0,0',
    ],
    [
      '30,000 rows of three',
      `[${Array.from({ length: 30_000 }, () => '{"a":1,"b":2,"c":3}').join()}]`,
      'RESULT_TOO_LARGE',
      /members$/,
      'The result begins: [{"a":1,"b":2',
    ],
    [
      'over 1 MiB',
      JSON.stringify({ text: LARGE }),
      'RESULT_TOO_LARGE',
      /is too large$/,
      'The result begins: {"text":"xxx',
    ],
    ['no JSON', '{"text":"He said "no" to me"}', 'RESULT_INVALID', /is not JSON$/, 'said "no'],
    ['a text without end', '"abc', 'RESULT_INVALID', /is not JSON$/, 'The result begins: abc'],
    ['nothing', '', 'RESULT_INVALID', /is not JSON$/, ''],
  ]
  test.each(results)('a result: %s', (_name, result, error_type, words, begins) => {
    const { row, sent, logs, fleet } = ends(
      `{"type":"job_complete","id":7,"payload":{"job_id":"j1","result":${result}}}`,
    )
    expect(row).toMatchObject({
      status: 'failed',
      error_type,
      result: null,
      error_message: expect.stringMatching(words),
    })
    expect(fleet.state.held.get(ids.robot('r1'))).toBeUndefined()
    expect(messages(sent, 'error')).toMatchObject([{
      correlation_id: 7,
      payload: { error_code: expect.stringMatching(/^INVALID_/) },
    }])
    expect(logs[0]?.message).toMatch(/^job_complete: /)
    expect(logs[1]?.message ?? '').toContain(begins)
  })

  test('keys may come in any order, and the last of two counts', () => {
    const text =
      `{"payload":{"result":{"job_id":"other","type":"x","text":"${LARGE}"},"job_id":"none","job_id":"j1"},` +
      '"type":"heartbeat","id":"m","type":"job_complete"}'
    expect(ends(text).row?.status).toBe('failed')
  })

  test('what is said of another attempt changes nothing, nor what another robot says', () => {
    const fleet = running()
    fleet.turn(frame(`{"type":"job_failed","payload":{"job_id":"j1","offer":2,"stack_trace":"${LARGE}"}}`))
    fleet.turn(frame(message('job_failed', { job_id: 'j1', robot_id: 'r2', error_message: {} })))
    expect(job(fleet, 'j1').status).toBe('running')
    fleet.turn(...join('r2'))
    fleet.turn(eventOfFrame('socket-r2' as SocketId, message('job_failed', { job_id: 'j1', error_message: {} })))
    expect(job(fleet, 'j1').status).toBe('running')
  })

  test('a failure that is too large keeps what there is room for', () => {
    const { row, logs } = ends(
      message('job_failed', { stack_trace: LARGE, job_id: 'j1', error_type: 'E', error_message: 'Why' }),
    )
    expect(row).toMatchObject({ status: 'failed', error_type: 'E', error_message: 'Why' })
    expect(row?.stack_trace).toMatch(/^x{60000}/)
    expect(logs.map((line) => line.message)).toEqual([
      'job_failed: A message must not exceed 1048576 bytes; stack_trace is too large',
    ])
  })

  const fields: readonly [string, object, object, string | null][] = [
    [
      'job_failed',
      { error_message: { code: 5 } },
      { error_message: '{"code":5}' },
      'error_message was an object and was read as a text',
    ],
    ['job_failed', { error_type: 500 }, { error_type: '500' }, 'error_type was 500 and was read as a text'],
    [
      'job_failed',
      { stack_trace: ['a', 'b'] },
      { stack_trace: 'a\nb' },
      'stack_trace was a list and was read as a text',
    ],
    ['job_failed', { failed_node: true }, { failed_node: 'true' }, 'failed_node was true and was read as a text'],
    ['job_failed', { error_message: null }, { error_message: 'Unknown error' }, null],
    ['job_failed', { offer: 'two' }, {}, 'offer was "two" and was left out'],
    ['job_failed', { offer: '1' }, {}, 'offer was "1" and was read as a number'],
    ['job_failed', { robot_id: 7 }, {}, 'robot_id was 7 and was left out'],
    ['job_failed', { robot_id: null }, {}, null],
    ['job_failed', { error_message: 'a\0b' }, { error_message: 'a\ufffdb' }, null],
    ['job_failed', { job_id: 'j1' }, { error_message: 'Unknown error', error_type: 'ExecutionError' }, null],
    ['job_complete', { duration_ms: 'long' }, { status: 'completed' }, 'duration_ms was "long" and was left out'],
    ['job_complete', { duration_ms: '12' }, { status: 'completed' }, 'duration_ms was "12" and was read as a number'],
    ['job_complete', { result: 'done' }, { result: '"done"' }, null],
    ['job_complete', { result: null }, { result: '{}' }, null],
    ['job_complete', { result: { 'a\0': '\0' } }, { result: '{"a\ufffd":"\ufffd"}' }, null],
    ['job_cancelled', { offer: {} }, { status: 'cancelled' }, 'offer was an object and was left out'],
  ]
  test.each(fields)('%s with %j', (type, wrong, kept, words) => {
    const { row, sent, logs } = ends(message(type, { job_id: 'j1', ...wrong }))
    expect(row).toMatchObject({ status: type === 'job_failed' ? 'failed' : expect.any(String), ...kept })
    expect(row?.completed_at).not.toBeNull()
    expect(logs.map((line) => line.message)).toEqual(words === null ? [] : [`${type}: ${words}`])
    expect(messages(sent, 'error')).toEqual([])
  })

  test('a binary frame that is no UTF-8 ends its job too', () => {
    const fleet = running()
    const text = JSON.stringify({ type: 'job_failed', payload: { job_id: 'j1', error_message: 'Zürich' } })
    fleet.turn(eventOfFrame('socket-r1' as SocketId, new Uint8Array(Buffer.from(text, 'latin1'))))
    expect(fleet.disk.rows.jobs.get(ids.job('j1'))).toMatchObject({ status: 'failed', error_message: 'Z\ufffdrich' })
  })

  test('whatever the payload, a message that says which job it speaks of ends it', () => {
    const anything = fc.oneof(
      fc.json({ maxDepth: 4 }),
      fc.constantFrom(deep(80), deep(5_000), '"\\u0000"', '"\\ud800"', 'NaN', '-Infinity', '1e999', '[]', '{}'),
      fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
    )
    const names = fc.constantFrom(
      'result',
      'duration_ms',
      'offer',
      'error_message',
      'error_type',
      'stack_trace',
      'failed_node',
      'x',
      'robot_id',
    )
    const members = fc.array(fc.tuple(names, anything), { maxLength: 6 })
    const type = fc.constantFrom('job_complete', 'job_failed', 'job_cancelled')
    fc.assert(fc.property(type, members, fc.nat(6), anything, (named, pairs, place, id) => {
      // The fences: a message of another robot, or about another offer, is not about this one.
      const others = pairs.filter(([name, value]) =>
        !(name === 'robot_id' && value.startsWith('"')) && !(name === 'offer' && /^\s*"?-?\d/.test(value))
      )
      const sent = others.map(([name, value]) => `"${name}":${value}`)
      sent.splice(place, 0, '"job_id":"j1"')
      const { row } = ends(`{"id":${id},"payload":{${sent.join()}},"type":"${named}"}`)
      expect(row?.completed_at).not.toBeNull()
    }))
  })

  test('whatever it breaks off with, what was read before that ends it', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (rest) => {
      const text = `{"type":"job_failed","payload":{"job_id":"j1","error_message":"${rest}`
      expect(ends(text).row?.status).toBe('failed')
    }))
  })
})

describe('messages that are about no job', () => {
  const answer = (type: string, payload: unknown) => {
    const fleet = bench()
    fleet.turn(...join('r1', { slots: 3 }))
    return { fleet, said: summaryOf(fleet.turn(frame(message(type, payload)))) }
  }

  test('[P48] a heartbeat in which something is wrong is answered, and says so', () => {
    const { said } = answer('heartbeat', { status: 5, cpu_percent: '12.5', memory_percent: {}, current_jobs: -1 })
    expect(said).toEqual(['socket-r1 heartbeat_ack', 'socket-r1 error INVALID_PAYLOAD'])
  })

  test.each([[[{ id: 'j1' }]], ['j1'], [{}], [[deep(70)].map((text) => JSON.parse(text))]])(
    '[P48] a list of jobs that cannot be read says nothing of jobs: %j',
    (active_job_ids) => {
      const fleet = running()
      for (let i = 0; i < 3; i++) fleet.turn(frame(message('heartbeat', { active_job_ids })))
      expect(job(fleet, 'j1').status).toBe('running')
    },
  )

  test('[P48] a registration counts with what can be read of it', () => {
    const fleet = bench()
    fleet.turn({ type: 'socket.opened', socket: 'socket-r1' as SocketId, credential: null })
    const wrong = { robot_id: 'r1', robot_name: 7, max_concurrent_jobs: '3', tags: 'a,b', capabilities: ['x'] }
    expect(summaryOf(fleet.turn(frame(message('register', wrong))))).toEqual([
      'socket-r1 register_ack true',
      'socket-r1 status_request',
      'socket-r1 error INVALID_PAYLOAD',
    ])
    expect(fleet.state.robots.get(ids.robot('r1'))).toMatchObject({
      name: '7',
      max_concurrent_jobs: 3,
      tags: [],
      capabilities: {},
    })
  })

  test('[P48] an environment that cannot be read is not taken for another', () => {
    expect(fromRobot(message('register', { robot_id: 'r', environment: {} }))).toMatchObject({
      payload: { environment: '{}' },
    })
    expect(fromRobot(message('register', { robot_id: 'r', environment: null }))).toMatchObject({
      payload: { environment: 'default' },
    })
    expect(fromRobot(message('register', { robot_id: 'r', environment: 'x'.repeat(101) }))).toHaveProperty('refusal')
  })

  test('[P48] a goodbye is one without a word, and a complaint is never answered', () => {
    expect(answer('disconnect', { reason: ['x', {}] }).said).toEqual(['socket-r1 close 1000'])
    expect(answer('error', { error_code: 5, details: [] }).said).toEqual([])
  })

  test('[P8] what is too large, or no JSON, is answered with its id', () => {
    const said = (text: string) => fromRobot(text)
    expect(said(message('heartbeat', { status: LARGE }))).toMatchObject({ correlation_id: 'm-1' })
    expect(said(`{"type":"register","id":3,"payload":{"robot_id":"r","x":"${LARGE}"}}`)).toMatchObject({
      correlation_id: 3,
    })
    expect(said('{"id":"m","type":"heartbeat","payload":{')).toMatchObject({
      correlation_id: 'm',
      refusal: { refused: 'INVALID_JSON' },
    })
  })

  test('a robot that writes the same mistake in each message finds it in the log once', () => {
    const fleet = running()
    for (let i = 0; i < 5; i++) fleet.turn(frame(message('job_progress', { job_id: 'j1', progress: `${i}` })))
    fleet.turn(frame(message('job_progress', { job_id: 'j1', progress: 7, message: 8 })))
    fleet.turn(frame(message('job_progress', { job_id: 'j1', progress: 7, message: 8 })))
    expect(job(fleet, 'j1').progress).toBe(7)
    expect(fleet.disk.logs.map((line) => line.message)).toContain('job_progress: message was 8 and was read as a text')
    expect(fleet.disk.logs).toHaveLength(2)
  })
})
