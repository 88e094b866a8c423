import { afterAll, beforeAll, expect, test } from 'vitest'
import { hangUpAll, Wire } from '../wire/wire.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'

/** The two ports of the process, and who is let in where. What is said there is the same on every runtime: tests/wire. */

let server: Orchestrator

beforeAll(async () => {
  server = await Orchestrator.start()
})
afterAll(cleanUp)
afterAll(() => {
  hangUpAll()
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
  // Open to those without a key, and not to those with a wrong one.
  await expect(Wire.register(lab.robots, 'crpa_wrong', { robot_id: 'x' })).rejects.toThrow('Unknown API key')
  expect(await lab.stop()).toBe(0)
})
