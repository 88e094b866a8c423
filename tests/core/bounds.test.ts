import { describe, expect, test } from 'vitest'
import { eventOfFrame, HARD_FRAME_BYTES_MAX } from '../../adapters/fleet/robot-socket.ts'
import { MESSAGES } from '../../core/protocol/message.ts'
import { type Bench, bench, ids, join, messages, say, submit } from './bench.ts'

/** P74: the data kept of one robot's messages is bounded, in memory and in rows, for any content of any field. */

type Spoken = keyof typeof MESSAGES
const SPOKEN = (Object.keys(MESSAGES) as Spoken[]).filter((type) => MESSAGES[type].from !== 'orchestrator')

/** The characters that one message may leave behind, besides fields meant for large data. */
const KEPT_MAX = 200_000
/** Fields that are for much. A result is the job's, and counts by the job's own limit; a list has two thousand ids. */
const FOR_MUCH: Readonly<Record<string, number>> = { result: 1_000_000, active_job_ids: 600_000, entries: 1_100_000 }

const SIZE = 400_000
const BIG = 'x'.repeat(SIZE)
const list = (count: number, item: (i: number) => unknown): string =>
  JSON.stringify(Array.from({ length: count }, (_, i) => item(i)))
const LINE = ['message', 'node_id', 'level', 'timestamp', 'extra']

/** Large values of every form, as JSON. */
const VALUES: Readonly<Record<string, string>> = {
  'a text': JSON.stringify(BIG),
  'a number': '7'.repeat(SIZE),
  'one text in a list': JSON.stringify([BIG]),
  'texts': list(40_000, (i) => `t${i}`),
  'ids': list(3_400, (i) => String(i).padStart(256, 'i')),
  'jobs': list(11_000, (i) => ({ job_id: `job-${i}`, offer: 1 })),
  'lines': list(5, () => Object.fromEntries(LINE.map((name) => [name, BIG.slice(0, SIZE / 5)]))),
  'an object': JSON.stringify({ cpu_percent: BIG }),
  'an object with many members': `{${Array.from({ length: 20_000 }, (_, i) => `"member${i}":1`).join()}}`,
}

/** r1 has been offered j1, and unless the offer is what it is about, runs it. */
function atWork(type: Spoken): Bench {
  const fleet = bench()
  fleet.turn(...join('r1'), submit('j1'))
  if (type !== 'job_accept' && type !== 'job_reject') fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }))
  fleet.turn(say('r1', 'status_response', { status: 'busy', active_job_ids: ['j1'] }))
  return fleet
}

/** A frame as text, so that a value may be what no JavaScript value is. */
function frameOf(
  type: Spoken,
  fields: Readonly<Record<string, string>>,
  envelope: Readonly<Record<string, string>> = {},
) {
  const { entries } = MESSAGES[type].payload
  const own = { ...'job_id' in entries ? { job_id: '"j1"' } : {}, ...'message' in entries ? { message: '"m"' } : {} }
  const payload = { robot_id: '"r1"', ...own, ...'entries' in entries ? { entries: '[]' } : {}, ...fields }
  const object = (members: object) => `{${Object.entries(members).map(([name, value]) => `"${name}":${value}`).join()}}`
  return object({ type: `"${type}"`, id: '"m-1"', ...envelope, payload: object(payload) })
}

/** The number of characters in a value, at any depth. */
function sizeOf(value: unknown, seen = new Set<unknown>()): number {
  if (typeof value === 'string') return value.length
  if (typeof value !== 'object' || value === null || seen.has(value)) return 8
  seen.add(value)
  let size = 0
  if (value instanceof Map) { for (const [key, one] of value) size += sizeOf(key, seen) + sizeOf(one, seen) }
  else if (value instanceof Set) { for (const one of value) size += sizeOf(one, seen) }
  else for (const [key, one] of Object.entries(value)) size += key.length + sizeOf(one, seen)
  return size
}

/** The growth of memory, rows and answers after this message of the robot. */
function left(fleet: Bench, text: string, socket = 'socket-r1'): number {
  const { history, logs } = fleet.disk
  const before = sizeOf([fleet.state, fleet.disk.rows, history, logs])
  const sent = fleet.turn(eventOfFrame(ids.socket(socket), text))
  fleet.pass(0)
  return sizeOf([fleet.state, fleet.disk.rows, history, logs]) - before + sizeOf(sent)
}

describe.each(SPOKEN)('[P74] of %s little is kept', (type) => {
  const fields = [...Object.keys(MESSAGES[type].payload.entries), 'unknown_field']

  test('whatever is in any field', () => {
    for (const field of fields) {
      for (const [name, value] of Object.entries(VALUES)) {
        const kept = left(atWork(type), frameOf(type, { [field]: value }))
        expect(kept, `${name} in ${field}`).toBeLessThan((FOR_MUCH[field] ?? 0) + KEPT_MAX)
      }
    }
  })

  test.each([
    ['texts', (chars: number) => JSON.stringify('x'.repeat(chars))],
    ['lists', (chars: number) => list(chars / 10, () => 'x'.repeat(7))],
  ])('of 8 MiB: %s in all fields', (_, value) => {
    const large = fields.filter((field) => field !== 'job_id' && field !== 'robot_id')
    const all = value(Math.floor(HARD_FRAME_BYTES_MAX / large.length) - 100)
    const text = frameOf(type, Object.fromEntries(large.map((field) => [field, all])))
    expect(text.length).toBeGreaterThan(HARD_FRAME_BYTES_MAX - 10_000)
    expect(left(atWork(type), text)).toBeLessThan(2 * KEPT_MAX)
  })

  test.each(['id', 'correlation_id', 'timestamp'])('whatever is in the %s of its envelope', (field) => {
    const fleet = atWork(type)
    for (const name of ['a text', 'a number', 'an object']) {
      const value = VALUES[name] ?? ''
      expect(left(fleet, frameOf(type, {}, { [field]: value })), name).toBeLessThan(KEPT_MAX + value.length)
    }
  })
})

describe('[P74] what is kept between messages', () => {
  test('no more robots than a fleet may have, also where nobody shows a key', () => {
    const fleet = bench({ robotsMax: 2, robotsAuth: 'open' })
    fleet.turn(...join('r1'), ...join('r2'))
    const sent = fleet.turn(...join('r3'))
    expect(messages(sent, 'register_ack')).toMatchObject([{ payload: { success: false } }])
    expect([...fleet.state.robots.keys()]).toEqual(['r1', 'r2'])
    expect(messages(fleet.turn(...join('r2', { socket: 's9' })), 'register_ack')).toMatchObject([
      { payload: { success: true } },
    ])
  })

  test('the ids of messages with lines are remembered by what they hash to', () => {
    const fleet = atWork('log_entry')
    const before = sizeOf(fleet.state)
    for (let i = 0; i < 20; i++) {
      fleet.turn(eventOfFrame(ids.socket('socket-r1'), frameOf('log_entry', {}, { id: `"${i}${BIG}"` })))
    }
    expect(sizeOf(fleet.state) - before).toBeLessThan(10_000)
    expect(fleet.disk.logs).toHaveLength(20)
    fleet.turn(eventOfFrame(ids.socket('socket-r1'), frameOf('log_entry', {}, { id: `"7${BIG}"` })))
    expect(fleet.disk.logs).toHaveLength(20)
  })

  test('5 and "5" are two ids', () => {
    const fleet = atWork('log_entry')
    for (const id of ['5', '"5"', '5', '"5"']) {
      fleet.turn(eventOfFrame(ids.socket('socket-r1'), frameOf('log_entry', {}, { id })))
    }
    expect(fleet.disk.logs).toHaveLength(2)
  })
})

describe('[P74] what is not cut is refused, and nothing else is lost', () => {
  test('a registration whose capabilities are too large, and the robot stays as it was', () => {
    const fleet = atWork('heartbeat')
    const { capabilities } = fleet.disk.rows.robots.get(ids.robot('r1')) ?? {}
    const value = JSON.stringify({ node_types: [BIG] })
    const sent = fleet.turn(eventOfFrame(ids.socket('socket-r1'), frameOf('register', { capabilities: value })))
    expect(messages(sent, 'error').map(({ payload }) => payload)).toMatchObject([{
      error_code: 'INVALID_PAYLOAD',
      error_message: 'register: Field capabilities: must have at most 65536 characters as JSON',
    }])
    expect(fleet.disk.rows.robots.get(ids.robot('r1'))?.capabilities).toEqual(capabilities)
  })

  test('a list of more jobs than a robot can have says nothing about jobs', () => {
    const fleet = atWork('heartbeat')
    for (let i = 0; i < 3; i++) {
      const sent = fleet.turn(
        eventOfFrame(ids.socket('socket-r1'), frameOf('heartbeat', { active_job_ids: VALUES['ids'] ?? '' })),
      )
      expect(messages(sent, 'heartbeat_ack')).toHaveLength(1)
      expect(messages(sent, 'error')).toMatchObject([{ payload: { error_code: 'INVALID_PAYLOAD' } }])
    }
    expect(fleet.state.jobs.get(ids.job('j1'))?.status).toBe('running')
  })

  test('what a machine says of itself at length is left out, and says so', () => {
    const fleet = atWork('status_response')
    fleet.turn(
      eventOfFrame(ids.socket('socket-r1'), frameOf('status_response', { system_info: VALUES['an object'] ?? '' })),
    )
    expect(fleet.state.sessions.get(ids.robot('r1'))?.reported?.system_info).toEqual({
      dropped: `${SIZE + 18} characters are too many`,
    })
  })
})
