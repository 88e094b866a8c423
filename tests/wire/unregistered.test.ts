import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { closeCode, Peer, textFrame, upgradeTo } from './flood.ts'
import { closeAll, Wire } from './wire.ts'

/** Limits for unregistered connections, and their low cost: the rules P64 to P67. */

const FRAMES_MAX = 20
const BYTES_MAX = 65_536
const REASON = `More than ${FRAMES_MAX} messages or ${BYTES_MAX} bytes before a registration`

const heartbeat = (id: string): string => JSON.stringify({ type: 'heartbeat', id, payload: {} })

chapter('strangers', (server) => {
  const peers = new Set<Peer>()

  function peer(url = server.robots): Peer {
    const one = new Peer(url)
    peers.add(one)
    return one
  }

  /** A peer whose upgrade was accepted. */
  async function stranger(): Promise<Peer> {
    const one = peer()
    one.write(upgradeTo(server.robots))
    await one.until('HTTP/1.1 101')
    return one
  }

  afterEach(async () => {
    closeAll()
    for (const one of peers) one.socket.destroy()
    await Promise.all([...peers].map((one) => one.closed))
    peers.clear()
  })

  describe('before a registration', () => {
    test('[P64] twenty messages are answered, and the next one ends the connection', async () => {
      const wire = await Wire.connect(server.robots)
      for (let n = 0; n < FRAMES_MAX; n++) {
        wire.send('heartbeat', {})
        expect((await wire.next('error')).payload['error_code']).toBe('AUTHENTICATION_FAILED')
      }
      wire.send('heartbeat', {})
      expect(await wire.closed).toEqual({ code: 4429, reason: REASON })
    })

    test("[P64] the twentieth may be the registration, and whatever comes right behind it is no stranger's", async () => {
      const wire = await Wire.connect(server.robots)
      const robot = crypto.randomUUID()
      wire.together(() => {
        for (let n = 1; n < FRAMES_MAX; n++) wire.raw('no message')
        wire.send('register', { robot_id: robot, auth_token: server.admin })
        for (let n = 0; n < 200; n++) wire.send('heartbeat', { robot_id: robot, padding: 'x'.repeat(1_000) })
      })
      expect((await wire.next('register_ack')).payload['success']).toBe(true)
      for (let n = 0; n < 200; n++) await wire.next('heartbeat_ack')
      await wire.beat(robot)
    })

    test('[P64] a registration that is refused opens nothing', async () => {
      const wire = await Wire.connect(server.robots)
      wire.together(() => {
        wire.send('register', { robot_id: 'r', auth_token: 'crpa_wrong' })
        for (let n = 0; n < FRAMES_MAX + 10; n++) wire.send('heartbeat', {})
      })
      expect([4401, 4429]).toContain((await wire.closed).code)
    })

    test('[P64] so do 65,536 bytes, whole messages or not', async () => {
      const whole = await Wire.connect(server.robots)
      whole.raw('x'.repeat(BYTES_MAX + 1))
      expect(await whole.closed).toEqual({ code: 4429, reason: REASON })
      const two = await Wire.connect(server.robots)
      two.raw('x'.repeat(BYTES_MAX))
      expect((await two.next('error')).payload['error_code']).toBe('INVALID_JSON')
      two.raw('x')
      expect(await two.closed).toEqual({ code: 4429, reason: REASON })
    })

    test('[P64] who shows a key of a robot on the upgrade may say a megabyte', async () => {
      const wire = await Wire.connect(server.robotsWith(server.admin))
      wire.send('register', { robot_id: 'of many words', padding: 'x'.repeat(900_000) })
      expect((await wire.next('register_ack')).payload['success']).toBe(true)
      const wrong = await Wire.connect(server.robotsWith('crpa_wrong'))
      wrong.raw('x'.repeat(BYTES_MAX + 1))
      expect((await wrong.closed).code).toBe(4429)
    })

    test('[P64] no flood keeps another robot waiting: it is closed, and nothing more of it is read', async () => {
      const wire = await Wire.register(server.robots, server.admin, { robot_id: 'another' })
      const flooders = await Promise.all(Array.from({ length: 30 }, stranger))
      const frames = Buffer.concat(Array.from({ length: 200 }, () => textFrame(heartbeat('x'))))
      for (const flooder of flooders) flooder.flood(frames, 10)
      const over = Promise.all(flooders.map((flooder) => flooder.until(closeCode(4429))))
      for (let beats = 0; beats < 20; beats++) await wire.beat('another')
      await over
      // Those that were not disconnected keep writing.
      for (let beats = 0; beats < 20; beats++) await wire.beat('another')
      await wire.close()
    })

    test('[P64] who sends on in long messages is cut off soon, for they cost as much unread', async () => {
      const flooder = await stranger()
      flooder.flood(textFrame('x'.repeat(400_000)), 1_000)
      await flooder.closed
      // Some were on their way.
      expect(flooder.socket.bytesWritten).toBeLessThan(100_000_000)
    })
  })

  describe('what is answered', () => {
    test('[P65] of a long id and a long type a hundred characters come back', async () => {
      const long = 'é'.repeat(10_000)
      const wire = await Wire.connect(server.robots)
      wire.raw(JSON.stringify({ type: long, id: long }))
      const unknown = await wire.next('error')
      expect(unknown.correlation_id).toBe('é'.repeat(100))
      expect(unknown.payload['details']).toEqual({ received_type: 'é'.repeat(100) })
      wire.send('register', { robot_id: 'long-winded', auth_token: server.admin }, long)
      expect((await wire.next('register_ack')).correlation_id).toBe('é'.repeat(100))
      wire.send('heartbeat', { robot_id: 'long-winded' }, 'x'.repeat(900_000))
      expect((await wire.next('heartbeat_ack')).correlation_id).toBe('x'.repeat(100))
      wire.send('job_progress', { job_id: 'x'.repeat(900_000), progress: 1 }, 'x'.repeat(100_000))
      await wire.next('error')
      expect(wire.texts.every((text) => text.length < 2_000)).toBe(true)
    })

    test('[P65] for a stranger that does not read less than 65,536 bytes wait', async () => {
      const one = await stranger()
      one.socket.pause()
      const long = 'x'.repeat(1_400)
      const frames = Array.from({ length: FRAMES_MAX + 1 }, () => textFrame(JSON.stringify({ type: long, id: long })))
      await new Promise((resolve) => one.socket.write(Buffer.concat(frames), resolve))
      // The server has dealt with all of it when it has dealt with what came to it later.
      const later = await Wire.connect(server.robots)
      later.send('heartbeat', {})
      await later.next('error')
      one.socket.resume()
      await one.until(closeCode(4429))
      await setImmediate()
      expect(one.received.length).toBeLessThan(BYTES_MAX)
    })
  })

  describe('requests for a connection', () => {
    const wrong: readonly [string, Readonly<Record<string, string | null>>, string?][] = [
      ['a host that is none', { Host: 'a b' }],
      ['a host with a path', { Host: 'a/b' }],
      ['a host with a bad port', { Host: 'a:port' }],
      ['no host', { Host: null }],
      ['two hosts', { 'Host': 'a', 'host': 'b' }],
      ['a version that is none', { 'Sec-WebSocket-Version': '7' }],
      ['no key of the handshake', { 'Sec-WebSocket-Key': null }],
    ]
    test.each(wrong)('[P67] with %s is refused', async (_what, headers, target) => {
      const one = peer()
      one.write(upgradeTo(server.robots, { ...headers }, target))
      await one.until('\r\n\r\n')
      expect(one.received.toString()).toMatch(/^HTTP\/1\.1 4\d\d /)
      one.socket.end()
      await one.closed
    })

    test('[P67] whatever is accepted is closed when nobody registers', async () => {
      const { pathname, host } = new URL(server.robots)
      const targets = [`${pathname}?api_key=%ff%`, `${pathname}?%`, `http://${host}${pathname}`]
      const accepted = targets.map((target) => {
        const one = peer()
        one.write(upgradeTo(server.robots, {}, target))
        return one
      })
      for (const one of accepted) {
        await one.until('\r\n\r\n')
        const isAccepted = one.received.toString('latin1').startsWith('HTTP/1.1 101 ')
        if (isAccepted) await one.until(closeCode(4408))
        else expect(one.received.toString()).toMatch(/^HTTP\/1\.1 4\d\d /)
      }
    })

    test('[P67] another upgrade is passed over: the request is served as it is', async () => {
      const headers =
        'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n'
      const { host } = new URL(server.http)
      const one = peer(server.http)
      one.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`)
      await one.until('"status":"ok"')
      const key = `Authorization: Bearer ${server.admin}\r\nContent-Type: application/json\r\n`
      const body = JSON.stringify({ workflow_id: 'greeting' })
      const post =
        `POST /api/v1/jobs HTTP/1.1\r\nHost: ${host}\r\n${key}Content-Length: ${body.length}\r\n${headers}\r\n`
      one.write(post + body.slice(0, 10))
      await setImmediate()
      one.write(body.slice(10))
      await one.until('HTTP/1.1 201')
      one.write(
        `POST /api/v1/jobs HTTP/1.1\r\nHost: ${host}\r\n${key}Transfer-Encoding: chunked\r\n${headers}\r\n5\r\n${
          body.slice(0, 5)
        }\r\n`,
      )
      one.write(`${(body.length - 5).toString(16)}\r\n${body.slice(5)}\r\n0\r\n\r\n`)
      while ((one.received.toString().match(/HTTP\/1\.1 201/g) ?? []).length < 2) await setImmediate()
      one.write(`GET /other HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      await one.until('There is nothing at GET /other')
      const text = one.received.toString()
      expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 201', 'HTTP/1.1 201', 'HTTP/1.1 404'])
    })
  })

  test('a connection on which no byte comes is closed', { timeout: 120_000 }, async () => {
    await Promise.all([peer(server.http).closed, peer(server.robots).closed])
  })
}, { register_seconds: 5 })

chapter('places', (server) => {
  afterEach(closeAll)

  test('[P66] strangers make room for those who come after them, and a robot with its key for nobody', async () => {
    const robots: [string, Wire][] = []
    for (const n of [1, 2]) robots.push([`robot ${n}`, await Wire.connect(server.robotsWith(server.admin))])
    const strangers: Wire[] = []
    const come = async (): Promise<Wire> => {
      const wire = await Wire.connect(server.robots)
      strangers.push(wire)
      // It has its place when it is answered.
      wire.raw('no message')
      await wire.next('error')
      return wire
    }
    for (let n = 0; n < 4; n++) await come()
    await come()
    expect(await strangers.shift()?.closed).toEqual({
      code: 1013,
      reason: 'Too many connections of this address have not registered',
    })
    for (const n of [3, 4, 5, 6, 7, 8]) {
      const robot = `robot ${n}`
      robots.push([robot, await Wire.register(server.robotsWith(server.admin), server.admin, { robot_id: robot })])
      // Up to the fourth there is room beside four strangers.
      if (n <= 4) continue
      expect(await strangers.shift()?.closed).toEqual({
        code: 1013,
        reason: 'Too many connections have not registered',
      })
    }
    const late = await Wire.connect(server.robots)
    expect(await late.closed).toEqual({ code: 1013, reason: 'Too many connections' })
    for (const [robot, wire] of robots) {
      wire.send('register', { robot_id: robot })
      await wire.beat(robot)
    }
  })
}, { sockets_max: 8, unregistered_sockets_max: 4 })
