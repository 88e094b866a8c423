import { request } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { closeAll, Wire } from './wire.ts'

/** Addresses of robots, the ids that they allow, and the answers to others: the rule P55. */

chapter('addresses of robots', (server) => {
  afterEach(closeAll)

  const own = (robot: string): string => `${server.http.replace('http', 'ws')}/ws/robot/${encodeURIComponent(robot)}`

  /** The answer to an upgrade that is not accepted. */
  function upgrade(path: string): Promise<{ readonly status: number | undefined; readonly text: string }> {
    const { hostname, port } = new URL(server.http)
    const headers = {
      'Connection': 'Upgrade',
      'Upgrade': 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    }
    return new Promise((resolve, reject) => {
      const asked = request({ hostname, port, path, headers }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
        response.on('end', () => resolve({ status: response.statusCode, text }))
      })
      asked.on('error', reject).on('upgrade', (_response, socket) => {
        socket.destroy()
        reject(new Error('the upgrade was accepted'))
      })
      asked.end()
    })
  }

  test.each(['plain', 'with a / and a space', 'Zoë'])('[P55] /ws/robot/{id} is the address of %s', async (name) => {
    const robot = `${name} ${crypto.randomUUID()}`
    await Wire.register(own(robot), server.admin, { robot_id: robot })
    expect(await server.api('GET', `/robots/${encodeURIComponent(robot)}`)).toMatchObject({
      id: robot,
      status: 'online',
    })
  })

  test('[P55] its key may stand in the address, and another robot may not register there', async () => {
    const url = new URL(own('one'))
    url.searchParams.set('api_key', server.admin)
    const wire = await Wire.connect(url.href)
    wire.send('register', { robot_id: 'two' })
    const ack = await wire.next('register_ack')
    expect(ack.payload).toMatchObject({
      success: false,
      message: 'This address is for the robot one: register with that robot_id, or connect at /ws',
    })
    expect((await wire.closed).code).toBe(4403)
    const again = await Wire.connect(url.href)
    again.send('register', { robot_id: 'one' })
    expect((await again.next('register_ack')).payload['success']).toBe(true)
  })

  test('[P55] an upgrade at another path is answered with the address', async () => {
    const { status, text } = await upgrade('/nowhere')
    const { host } = new URL(server.http)
    expect([status, text]).toEqual([
      404,
      `Robots do not connect at /nowhere, but at ws://${host}/ws or ws://${host}/ws/robot/{robot_id}\n`,
    ])
  })

  test('[P55] an address with an id that no robot can have is none', async () => {
    for (const id of ['x'.repeat(257), 'a%0Ab', '%E0%A4%A']) {
      expect((await upgrade(`/ws/robot/${id}`)).status, id).toBe(404)
    }
  })

  test('[P55] a flat register is answered with the name of its dialect, also in the log', async () => {
    const wire = await Wire.connect(own('flat'))
    wire.raw(JSON.stringify({ type: 'register', robot_id: 'flat', capabilities: {}, environment: 'production' }))
    const ack = await wire.next('register_ack')
    expect(ack.payload).toMatchObject({ robot_id: 'flat', success: false })
    expect(ack.payload['message']).toMatch(/^register: the fields stand at the top level, as in the flat dialect/)
    expect((await wire.next('error')).payload).toMatchObject({
      error_code: 'INVALID_PAYLOAD',
      error_message: ack.payload['message'],
      details: { dialect: 'flat' },
    })
    await expect.poll(() => server.warnings.filter((line) => line.includes('flat dialect'))).toHaveLength(1)
    wire.send('register', { robot_id: 'flat', auth_token: server.admin })
    expect((await wire.next('register_ack')).payload['success']).toBe(true)
  })

  test('[P16] a robot without a key is told how to show one and where it comes from', async () => {
    const wire = await Wire.connect(server.robots)
    wire.send('register', { robot_id: 'key\u202eless' })
    const { message } = (await wire.next('register_ack')).payload
    expect(message).toMatch(/auth_token.*\?api_key=.*POST \/api\/v1\/keys/)
    expect(await wire.closed).toEqual({ code: 4401, reason: message })
    // In the log nothing hides.
    await expect.poll(() => server.warnings.filter((line) => line.includes('"key\\u202eless"'))).toHaveLength(1)
  })

  describe('ids that no URL can carry', () => {
    test.each(['.', '..', 'a\nb', '\u007f', ''])('[P55] %j is none for a robot, however it is made', async (id) => {
      const wire = await Wire.connect(server.robots)
      wire.send('register', { robot_id: id, auth_token: server.admin })
      expect((await wire.next('error')).payload).toMatchObject({
        error_code: 'INVALID_PAYLOAD',
        error_message: expect.stringMatching(/^register: Field robot_id: must not /),
      })
      const refused = async (path: string, body: object) => {
        const reply = await server.call('POST', `/api/v1${path}`, { body })
        expect([path, reply.status]).toEqual([path, 400])
      }
      await refused('/robots', { id, name: 'R' })
      await refused('/keys', { name: 'k', scopes: ['robots:connect'], robot_id: id })
      await refused('/jobs', { workflow_id: 'greeting', robot_id: id })
    })
  })
})
