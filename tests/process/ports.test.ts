import { connect } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { closeAll, Wire } from '../wire/wire.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'

/**
 * The two ports of the process, and the clients that each admits. The answers are the same on every runtime:
 * tests/wire.
 */

let server: Orchestrator
/** The fate of connections on either port that send a byte of a header now and then. */
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
  const starts = ['GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ', 'GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nX-Slow: ']
  slow = Promise.all([server.http, server.robots].flatMap((url) => starts.map((start) => dribble(url, start))))
})
afterAll(cleanUp)
afterAll(() => {
  closeAll()
  expect(server.program.err).toBe('')
})

test('robots may ask for any path on their own port', async () => {
  const wire = await Wire.connect(`${server.robots}/ws/robot?api_key=${server.admin}`)
  wire.send('register', { robot_id: 'elsewhere' })
  expect((await wire.next('register_ack')).payload['success']).toBe(true)
})

test('who comes there without an upgrade is answered 426', async () => {
  expect((await fetch(server.robots.replace('ws', 'http'))).status).toBe(426)
})

test('with --robots-auth open any robot may register, and the API still asks for a key', async () => {
  const lab = await Orchestrator.start({ args: ['--robots-auth', 'open'] })
  const wire = await Wire.connect(lab.robots)
  wire.send('register', { robot_id: 'anybody' })
  expect((await wire.next('register_ack')).payload['success']).toBe(true)
  expect((await lab.call('GET', '/api/v1/jobs', { key: null })).status).toBe(401)
  // A robot with a key of its own must show it.
  const own = { name: 'own', scopes: ['robots:connect'], robot_id: 'guarded' }
  expect((await lab.call('POST', '/api/v1/keys', { body: own })).status).toBe(201)
  const stranger = await Wire.connect(lab.robots)
  stranger.send('register', { robot_id: 'guarded' })
  expect((await stranger.next('register_ack')).payload['message']).toMatch('has an API key of its own')
  // Open to those without a key, and not to those with a wrong one.
  await expect(Wire.register(lab.robots, 'crpa_wrong', { robot_id: 'x' })).rejects.toThrow('Unknown API key')
  // Nor for pages of other sites, or of a name that was pointed here.
  const rebound = { Origin: 'http://evil.example:8765', Host: 'evil.example:8765' }
  for (const headers of [{ Origin: 'https://evil.example' }, rebound]) {
    await expect(Wire.connect(lab.robots, headers)).rejects.toThrow('403')
  }
  await (await Wire.connect(lab.robots, { Origin: lab.robots.replace('ws', 'http') })).close()
  expect(await lab.stop()).toBe(0)
})

test('who does not get a header together is sent away', async () => {
  for (const { answer, ms } of await slow) {
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(ms).toBeGreaterThan(9_000)
    // Ten seconds, two until it is noticed, and what a busy machine takes; for ever without it.
    expect(ms).toBeLessThan(120_000)
  }
})
