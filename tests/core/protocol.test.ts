import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FRAME_BYTES_MAX, fromOrchestrator, fromRobot, isUndecodable } from '../../core/protocol/decode.ts'
import { encode } from '../../core/protocol/encode.ts'
import { JSON_DEPTH_MAX, parseJson } from '../../core/base/json.ts'
import { MESSAGES, type MessageType, type Outgoing } from '../../core/protocol/message.ts'
import { isRefusal, REFUSALS } from '../../core/base/refusal.ts'
import { exceedsBytes } from '../../core/base/text.ts'

/** One full example of each message: the API reference's own, with the ids shortened. */
const EXAMPLES: { readonly [T in MessageType]: object } = {
  register: {
    robot_id: 'r',
    robot_name: 'Production Robot 1',
    environment: 'production',
    max_concurrent_jobs: 3,
    tags: ['browser', 'desktop'],
    capabilities: { playwright: true, uiautomation: true, office: false },
  },
  register_ack: {
    robot_id: 'r',
    success: true,
    message: 'Registration successful',
    config: { heartbeat_interval: 30, log_batch_size: 100 },
  },
  heartbeat: {
    robot_id: 'r',
    status: 'online',
    current_jobs: 2,
    cpu_percent: 45.2,
    memory_percent: 68.5,
    disk_percent: 35.0,
    active_job_ids: ['job-1', 'job-2'],
  },
  heartbeat_ack: { robot_id: 'r' },
  disconnect: { robot_id: 'r', reason: 'Scheduled maintenance' },
  job_assign: {
    job_id: 'j',
    workflow_id: 'w',
    workflow_name: 'Customer Data Extraction',
    workflow_json: '{...serialized workflow...}',
    priority: 2,
    timeout_seconds: 3600,
    parameters: { customer_id: 'CUST-001', date_range: '2024-01' },
  },
  job_accept: { job_id: 'j', robot_id: 'r' },
  job_reject: { job_id: 'j', robot_id: 'r', reason: 'At maximum capacity' },
  job_progress: { job_id: 'j', robot_id: 'r', progress: 45, current_node: 'extract', message: 'Extracting...' },
  job_complete: { job_id: 'j', robot_id: 'r', result: { records_processed: 1500 }, duration_ms: 900000 },
  job_failed: {
    job_id: 'j',
    robot_id: 'r',
    error_message: 'Element not found: #submit-button',
    error_type: 'ElementNotFoundError',
    stack_trace: '...',
    failed_node: 'click_submit_node',
  },
  job_cancel: { job_id: 'j', reason: 'Cancelled by user' },
  job_cancelled: { job_id: 'j', robot_id: 'r' },
  status_request: { robot_id: 'r' },
  status_response: {
    robot_id: 'r',
    status: 'online',
    current_jobs: 2,
    cpu_percent: null,
    memory_percent: null,
    disk_percent: null,
    active_job_ids: ['job-1', 'job-2'],
    uptime_seconds: 86400,
    system_info: { os: 'Windows 11', python_version: '3.12.0', playwright_version: '1.40.0' },
  },
  log_entry: {
    job_id: 'j',
    robot_id: 'r',
    level: 'INFO',
    message: 'Successfully clicked element',
    node_id: 'click_button_node',
    timestamp: '2024-01-15T10:34:58Z',
    extra: { selector: '#submit-btn', element_text: 'Submit' },
  },
  log_batch: {
    job_id: 'j',
    robot_id: 'r',
    entries: [{
      level: 'INFO',
      message: 'Starting node execution',
      node_id: 'node-1',
      timestamp: '2024-01-15T10:34:58Z',
    }],
  },
  pause: { robot_id: 'r' },
  resume: { robot_id: 'r' },
  shutdown: { robot_id: 'r', graceful: true },
  error: { error_code: 'INVALID_MESSAGE', error_message: 'Unknown message type: x', details: { received_type: 'x' } },
}

const TYPES = Object.keys(MESSAGES) as readonly MessageType[]
const frame = (type: unknown, payload: unknown, rest: object = {}) =>
  JSON.stringify({ type, id: 'm-1', timestamp: '2024-01-15T10:30:00Z', payload, ...rest })
const decodeAny = (text: string, type: MessageType) =>
  MESSAGES[type].from === 'orchestrator' ? fromOrchestrator(text) : fromRobot(text)

describe('all 21 messages', () => {
  test('[P1] there are 21', () => expect(TYPES).toHaveLength(21))

  test.each(TYPES)('[P2] %s: the example of the reference is decoded as it stands', (type) => {
    const message = decodeAny(frame(type, EXAMPLES[type], { correlation_id: 'c-1' }), type)
    expect(message).toEqual({ type, id: 'm-1', correlation_id: 'c-1', payload: EXAMPLES[type] })
  })

  test.each(TYPES)('[P2] %s: what is encoded is decoded to the same', (type) => {
    const text = encode({ type, payload: EXAMPLES[type], correlation_id: 7 } as Outgoing, 'm-2', '2026-01-01T00:00:00Z')
    expect(decodeAny(text, type)).toEqual({ type, id: 'm-2', correlation_id: 7, payload: EXAMPLES[type] })
    expect(Object.keys(JSON.parse(text))).toEqual(['type', 'id', 'timestamp', 'payload', 'correlation_id'])
  })

  test.each(TYPES.filter((type) => MESSAGES[type].from !== 'both'))(
    '[P5] %s is refused from the wrong side',
    (type) => {
      const text = frame(type, EXAMPLES[type])
      const answer = MESSAGES[type].from === 'robot' ? fromOrchestrator(text) : fromRobot(text)
      expect(answer).toMatchObject({ refusal: { refused: 'INVALID_MESSAGE' }, correlation_id: 'm-1' })
    },
  )

  test('[P3] a message without correlation has no such key', () => {
    expect(encode({ type: 'pause', payload: { robot_id: 'r' } } as Outgoing, 'i', 't')).not.toContain('correlation_id')
  })
})

describe('what is no message', () => {
  const cases: readonly [string, string, string, string][] = [
    ['[P4] no JSON', '{"type":', 'INVALID_JSON', 'Malformed JSON'],
    ['[P4] no object', '[1,2]', 'INVALID_MESSAGE', 'must be a JSON object'],
    ['[P4] no type', '{"id":"m-1","payload":{}}', 'INVALID_MESSAGE', 'Missing required field: type'],
    ['[P4] unknown type', frame('unknown_type', {}), 'INVALID_MESSAGE', 'Unknown message type: unknown_type'],
    ['[P4] a type that objects inherit', frame('toString', {}), 'INVALID_MESSAGE', 'Unknown message type'],
    ['[P4] a type that is no text', '{"type":[[[]]]}', 'INVALID_MESSAGE', 'Field type'],
    ['[P6] missing field', frame('job_accept', { robot_id: 'r' }), 'INVALID_PAYLOAD', 'Missing required field: job_id'],
    ['[P6] wrong type', frame('job_accept', { job_id: 7, robot_id: 'r' }), 'INVALID_PAYLOAD', 'Field job_id'],
    ['[P6] a line without a message', frame('log_entry', { job_id: 'j' }), 'INVALID_PAYLOAD', 'message'],
    [
      '[P6] entries no list',
      frame('log_batch', { job_id: 'j', robot_id: 'r', entries: 1 }),
      'INVALID_PAYLOAD',
      'entries',
    ],
    ['[P6] payload null', frame('heartbeat', null), 'INVALID_PAYLOAD', 'heartbeat'],
    [
      '[P6] a payload without a bottom',
      `{"type":"heartbeat","payload":${'['.repeat(99)}${']'.repeat(99)}}`,
      'INVALID_PAYLOAD',
      'payload must be a JSON object',
    ],
    [
      '[P8] over 1 MiB',
      frame('disconnect', { reason: 'x'.repeat(FRAME_BYTES_MAX) }),
      'INVALID_PAYLOAD',
      '1048576 bytes',
    ],
  ]
  test.each(cases)('%s', (_name, text, code, words) => {
    const answer = fromRobot(text)
    if (!isUndecodable(answer)) throw new Error('it was decoded')
    expect(answer.refusal.refused).toBe(code)
    expect(answer.refusal.message).toContain(words)
    expect(REFUSALS[answer.refusal.refused].status).toBe(400)
  })

  test('[P6] the refusal answers to the id of the message, a number as a number', () => {
    expect(fromRobot('{"type":"nope","id":42}')).toMatchObject({ correlation_id: 42 })
    expect(fromRobot('{"type":"nope","id":"\\u000042"}')).toMatchObject({ correlation_id: '\ufffd42' })
    expect(fromOrchestrator('{"type":"pause","id":"m","payload":{"robot_id":"\\u0000"}}')).toMatchObject({
      refusal: { message: 'Text must not contain U+0000' },
      correlation_id: 'm',
    })
  })

  test('nothing that is said makes the decoder throw', () => {
    const wild = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.json({ noUnicodeString: false }).map((json) => `{"type":"heartbeat","id":1,"payload":${json}}`),
      fc.tuple(fc.constantFrom(...TYPES), fc.json()).map(([type, json]) => `{"type":"${type}","payload":${json}}`),
    )
    fc.assert(fc.property(wild, (text) => void fromRobot(text)), { numRuns: 2_000 })
  })
})

describe('what robots in the field really send', () => {
  test('[P9] a register with nothing but an id gets the defaults of the original server', () => {
    expect(fromRobot('{"type":"register","payload":{"robot_id":"r"}}')).toMatchObject({
      id: undefined,
      payload: { robot_id: 'r', environment: 'default', max_concurrent_jobs: 1, tags: [], capabilities: {} },
    })
  })

  test('[P9] a status that is not in the reference is taken as it is', () => {
    const message = fromRobot(frame('heartbeat', { robot_id: 'r', status: 'paused' }))
    expect(message).toMatchObject({ payload: { status: 'paused' } })
  })

  test('[P9] a heartbeat that says nothing about jobs is not one that says there are none', () => {
    const decoded = (payload: object) => (fromRobot(frame('heartbeat', payload)) as { payload: object }).payload
    expect('active_job_ids' in decoded({ robot_id: 'r' })).toBe(false)
    expect(decoded({ robot_id: 'r', active_job_ids: [] })).toMatchObject({ active_job_ids: [] })
  })

  test('[P10] NaN and Infinity, as Python writes them, are read as null', () => {
    const text = '{"type":"job_complete","id":1,"payload":{"job_id":"j","robot_id":"r",' +
      '"result":{"a":NaN,"b":-Infinity,"c":"NaN \\" Infinity"}}}'
    expect(fromRobot(text)).toMatchObject({ payload: { result: { a: null, b: null, c: 'NaN " Infinity' } } })
  })

  test('levels are told apart by the words of any logging library', () => {
    const level = (word: string) =>
      fromRobot(frame('log_entry', { job_id: 'j', robot_id: 'r', level: word, message: '' }))
    expect(level('warn')).toMatchObject({ payload: { level: 'WARNING' } })
    expect(level('FATAL')).toMatchObject({ payload: { level: 'CRITICAL' } })
    expect(level('chatty')).toMatchObject({ payload: { level: 'INFO' } })
  })
})

describe('JSON that every runtime stores alike', () => {
  test('text becomes well-formed', () => {
    expect(parseJson('{"a\\ud800":"\\udc00b","ok":"\\ud83d\\ude00"}')).toMatchObject({
      json: { 'a\ufffd': '\ufffdb', ok: '😀' },
    })
  })

  test('a member named __proto__ is a member, and no prototype', () => {
    const parsed = parseJson('{"__proto__":{"admin":true},"x":"\\ud800"}') as { json: Record<string, unknown> }
    expect(Object.keys(parsed.json)).toEqual(['__proto__', 'x'])
    expect((parsed.json as { admin?: unknown }).admin).toBeUndefined()
  })

  test('what is wrong with it is said in the same words, whichever engine reads it', () => {
    expect(parseJson('{a}')).toMatchObject({
      message: "Malformed JSON: Expected property name or '}' in JSON at position 1",
    })
  })

  test('nor does it quote half a character', () => {
    expect(parseJson('[😀')).toMatchObject({ message: expect.stringContaining("Unexpected token '\ufffd'") })
  })

  test('a byte order mark before it is no part of it', () => {
    expect(parseJson('\ufeff{"a":1}')).toMatchObject({ json: { a: 1 }, written: { a: 1 } })
    expect(isRefusal(parseJson('{\ufeff"a":1}'))).toBe(true)
  })

  test('depth has a bound that is exact', () => {
    const nested = (depth: number) => parseJson('['.repeat(depth) + ']'.repeat(depth))
    expect(isRefusal(nested(JSON_DEPTH_MAX))).toBe(false)
    expect(isRefusal(nested(JSON_DEPTH_MAX + 1))).toBe(true)
  })

  test('bytes are counted as UTF-8', () => {
    const encoder = new TextEncoder()
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 60 }), fc.nat(200), (text, max) => {
      expect(exceedsBytes(text, max)).toBe(encoder.encode(text).length > max)
    }))
  })
})
