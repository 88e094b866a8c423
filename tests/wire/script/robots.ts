import type { RobotLine, Transcript } from '../transcript.ts'

/** Valid and invalid messages of robots, with the answers. */

const MIB = 1 << 20
const TEXT = 0x1
const MORE = 0x0
const PING = 0x9
const END = 0x80

const REGISTER = { robot_id: 'r', robot_name: 'R', environment: 'same', tags: ['a'], capabilities: { b: 1 } }
const ASKED = { workflow_id: 'same', robot_id: 'r', parameters: { a: 'Zürich 😀 \ud800' }, max_attempts: 2 }

export async function robots(to: Transcript, key: string): Promise<void> {
  to.title('Robots that are not let in')
  for (const [name, token] of [['no-key', {}], ['wrong-key', { auth_token: 'crpa_wrong' }]] as const) {
    const line = await to.connect(name)
    await line.say('heartbeat', { robot_id: name })
    await line.say('register', { robot_id: name }, token)
  }

  to.title('A robot that registers')
  const robot = await to.connect('r')
  await robot.secretly('register', REGISTER, { auth_token: key })
  await robot.secretly('register', { robot_id: 'other' }, { auth_token: key })
  await robot.say('status_response', { robot_id: 'r', status: 'odd', active_job_ids: [], uptime_seconds: 7 })
  await to.ask('GET', '/api/v1/robots/r')

  to.title('Frames that are no messages')
  await frames(robot)

  await offered(to, robot)
  await stopped(to, robot, key)

  to.title('Frames that end the connection')
  await ending(to)
}

async function offered(to: Transcript, robot: RobotLine): Promise<void> {
  to.title('A job from its offer to its end')
  const job = String((await to.ask('POST', '/api/v1/jobs', { body: ASKED }))['id'])
  const about = { job_id: job, robot_id: 'r' }
  await robot.writeReceived()
  await robot.say('job_complete', { ...about, offer: 7 })
  await robot.say('job_accept', about)
  await robot.say('job_progress', { ...about, progress: 45.4, current_node: 'n' })
  await robot.say('log_entry', { ...about, level: 'warn', message: 'Zürich 😀 \udc00', extra: { a: [1] } })
  await robot.say('log_batch', { ...about, entries: [{ level: 'chatty', message: 'm', timestamp: 'noon' }, {}] })
  await robot.say('job_failed', { ...about, error_message: 'reset', error_type: 'NotOneOfThem' })
  await robot.say('job_complete', { ...about, result: 'late' })
  await robot.say('job_accept', about)
  for (const page of ['', '/logs', '/history']) await to.ask('GET', `/api/v1/jobs/${job}${page}`)

  to.title('Word of jobs that are not its own')
  for (const type of ['job_accept', 'job_progress', 'job_complete', 'job_failed', 'job_cancelled', 'log_entry']) {
    const more = { progress: 1, level: 'INFO', message: 'm' }
    await robot.say(type, { job_id: 'none', robot_id: 'r' }, more)
    await robot.say(type, { job_id: 'none', robot_id: 'other' }, more)
  }
}

async function stopped(to: Transcript, robot: RobotLine, key: string): Promise<void> {
  to.title('A job that is called off, and what people tell the robot')
  const other = String((await to.ask('POST', '/api/v1/jobs', { body: ASKED }))['id'])
  await robot.writeReceived()
  await robot.say('job_accept', { job_id: other, robot_id: 'r' })
  await to.ask('POST', `/api/v1/jobs/${other}/cancel`, { body: { reason: 'Enough' } })
  await robot.writeReceived()
  await robot.say('job_cancelled', { job_id: other, robot_id: 'r' })
  await to.ask('GET', `/api/v1/jobs/${other}/history`)
  for (const verb of ['pause', 'resume', 'shutdown']) {
    await to.ask('POST', `/api/v1/robots/r/${verb}`)
    await robot.writeReceived()
  }
  const newer = await to.connect('r')
  await newer.secretly('register', REGISTER, { auth_token: key })
  await robot.writeReceived()
  await newer.say('disconnect', { robot_id: 'r', reason: 'Good night' })
  await to.ask('GET', '/api/v1/robots/r')
}

async function frames(robot: RobotLine): Promise<void> {
  const message = (type: unknown, payload: unknown, id: unknown = 'm') => JSON.stringify({ type, id, payload })
  await robot.raw('', '<empty>')
  await robot.raw(' ', '<a space>')
  const WRONG = ['{', '{"type":', 'null', '[]', '7', '"text"', '{}', '{"id":"m"}', '{"type":7,"id":"m"}']
  for (const frame of WRONG) await robot.raw(frame)
  await robot.raw('{"type":"heartbeat","id":"m","payload":null}')
  for (const id of [42, 1e21, '', null, {}, true, 'x'.repeat(400)]) await robot.raw(message('dance', {}, id))
  for (const type of ['toString', '__proto__', 'HEARTBEAT', 'x'.repeat(400)]) await robot.raw(message(type, {}))
  for (const type of ['register_ack', 'job_assign', 'shutdown']) await robot.raw(message(type, {}))
  for (const payload of [{}, [], 'r', { robot_id: 7 }, { robot_id: '' }]) await robot.raw(message('heartbeat', payload))
  await robot.raw(message('heartbeat', { robot_id: 'r', active_job_ids: 'none', current_jobs: -1, cpu_percent: 'x' }))
  await robot.raw(message('heartbeat', { robot_id: 'other' }))
  await robot.raw(message('error', { error_code: 'X', error_message: 'not answered' }))
  await robot.raw(message('heartbeat', { robot_id: 'r', status: '\0' }))
  await robot.raw('{"type":"dance\\ud800","id":"\\udc00"}')
  await robot.raw('{"type":"heartbeat","id":"m","timestamp":NaN,"payload":{"robot_id":"r","cpu_percent":Infinity}}')
  await robot.raw('{"type":"heartbeat","id":"first","id":"m","payload":{"robot_id":"r"}}')
  await robot.raw('\ufeff{"type":"heartbeat","id":"m"}', '<byte order mark>{"type":"heartbeat","id":"m"}')
  await robot.raw('\u0000', '<U+0000>')
  await robot.raw('[\ud83d\ude00', '[😀')
  const nested = `{"type":"error","id":"m","payload":${'{"a":'.repeat(70)}1${'}'.repeat(70)}}`
  await robot.raw(nested, '<nested 71 deep>')
  await robot.raw('['.repeat(100_000), '<100,000 opening brackets>')
  await robot.raw(message('error', { error_code: 'X', details: { a: Array(100_001).fill(0) } }), '<100,001 members>')
  await robot.raw(message('disconnect', { robot_id: 'r', reason: 'x'.repeat(MIB) }), '<over 1 MiB>')
  await robot.raw(message('disconnect', { robot_id: 'r', reason: 'ü'.repeat(MIB / 2) }), '<over 1 MiB, as UTF-8>')
  await robot.raw('x'.repeat(8 * MIB), '<8 MiB>')
  await robot.raw(new TextEncoder().encode(message('heartbeat', { robot_id: 'r' })), '<binary> a heartbeat')
  await robot.raw(new TextEncoder().encode('\ufeff{}'), '<binary> <byte order mark>{}')
  await robot.raw(new Uint8Array([0xff, 0xfe, 0x00, 0x80]))
  await robot.raw(new Uint8Array())
  await robot.raw(new Uint8Array([0x22, 0xff, 0x22]), '<binary> "<byte ff>"')
  const half = Buffer.from(message('heartbeat', { robot_id: 'r' }, 'in two'))
  const parts = [
    masked(TEXT, half.subarray(0, 9)),
    masked(END | PING, Buffer.from('p')),
    masked(END | MORE, half.subarray(9)),
  ]
  await robot.bytes(Buffer.concat(parts), '<in two fragments, with a ping between them> a heartbeat')
}

/** Each on a connection of its own, since that does not outlive it. */
async function ending(to: Transcript): Promise<void> {
  const ends: readonly (readonly [string, (line: RobotLine) => Promise<void>])[] = [
    ['too-large', (line) => line.raw('x'.repeat(8 * MIB + 1), '<8 MiB and a byte>')],
    [
      'too-large-as-utf8',
      (line) => line.raw('ü'.repeat(4 * MIB + 1), '<8 MiB and two bytes, half as many characters>'),
    ],
    ['no-utf8', (line) => line.bytes(masked(END | TEXT, Buffer.from([0x22, 0xff, 0x22])), '<text> "<byte ff>"')],
    ['says-goodbye', (line) => line.close(1000, 'done')],
    ['says-more', (line) => line.close(4321, 'for reasons of its own')],
    ['forgets-its-key', (line) => line.say('register', { robot_id: 'forgets-its-key' })],
    ['long-goodbye', (line) => line.say('disconnect', { robot_id: 'long-goodbye', reason: 'ü'.repeat(200) })],
  ]
  for (const [name, end] of ends) {
    await end(await to.registered(name))
  }
}

/** A frame as a client sends it: with a mask, here one that changes nothing. */
function masked(first: number, payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([first, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}
