import { Agent, request } from 'node:http'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { closeAll } from '../wire/wire.ts'
import { Raw } from '../wire/raw.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'

/** Stopping a process: no client is cut off, and no client can delay it. */

afterAll(cleanUp)
afterAll(closeAll)

interface Outcome {
  readonly status: number
  readonly retryAfter: string | undefined
  readonly connection: string | undefined
  readonly id: string
}

/** One submission over a connection that is kept. Rejects with the system's code. */
function submit(server: Orchestrator, agent: Agent, path: string, key: string): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ workflow_id: 'greeting', parameters: { note: 'x'.repeat(2_000) } })
    const headers = { 'Authorization': `Bearer ${key}`, 'Content-Type': 'application/json' }
    const sent = request(`${server.http}${path}`, { method: 'POST', agent, headers }, async (response) => {
      let text = ''
      for await (const part of response.setEncoding('utf8')) text += part
      const { 'retry-after': retryAfter, connection } = response.headers
      resolve({
        status: response.statusCode ?? 0,
        retryAfter,
        connection,
        id: String((JSON.parse(text) as { id?: string }).id),
      })
    })
    sent.on('error', (error: NodeJS.ErrnoException) => reject(new Error(error.code)))
    sent.end(body)
  })
}

test('SIGTERM answers every submission that was sent, keeps what it accepted, and closes robots with 1001', async () => {
  const server = await Orchestrator.start()
  const { admin_key } = await server.api<{ readonly admin_key: string }>('POST', '/fleets', { name: 'acme' })
  const saved = {
    id: 'greeting',
    name: 'Own',
    json_definition: { metadata: { name: 'Own' }, nodes: {}, connections: [] },
  }
  expect((await server.call('POST', '/fleets/acme/api/v1/workflows', { key: admin_key, body: saved })).status).toBe(201)
  expect((await server.call('POST', '/fleets/acme/api/v1/workflows/greeting/publish', { key: admin_key })).status).toBe(
    200,
  )
  const robot = await Raw.register(server)
  const agent = new Agent({ keepAlive: true, maxSockets: 40 })
  const outcomes: Outcome[] = []
  const codes: string[] = []
  let accepted = 0
  let enough = (): void => {}
  const warm = new Promise<void>((resolve) => void (enough = resolve))
  const submitting = async (i: number): Promise<void> => {
    const [path, key] = i % 4 === 0 ? ['/fleets/acme/api/v1/jobs', admin_key] : ['/api/v1/jobs', server.admin]
    for (;;) {
      const outcome = await submit(server, agent, path, key).catch((error: Error) => error.message)
      if (typeof outcome === 'string') return void codes.push(outcome)
      outcomes.push(outcome)
      if (outcome.status === 201 && ++accepted === 200) enough()
      if (outcome.status !== 201) return
    }
  }
  const all = Promise.all(Array.from({ length: 40 }, (_, i) => submitting(i)))
  await warm
  server.program.signal('SIGTERM')
  await all
  expect(await server.program.exited).toBe(0)
  agent.destroy()
  // A client that connects after that is refused, and has sent nothing.
  expect(codes.filter((code) => code !== 'ECONNREFUSED')).toEqual([])
  const refused = outcomes.filter(({ status }) => status !== 201)
  expect(refused.length).toBeGreaterThan(0)
  for (const { status, retryAfter, connection } of refused) {
    expect([status, retryAfter, connection]).toEqual([503, '5', 'close'])
  }
  expect((await robot.wire.closed).code).toBe(1001)
  await server.restart()
  for (const [path, key] of [['/fleets/acme/api/v1', admin_key], ['/api/v1', server.admin]] as const) {
    const kept = new Set<string>()
    for (let cursor = '';;) {
      const { body } = await server.call<{ items: { id: string }[]; next_cursor: string | null }>(
        'GET',
        `${path}/jobs?limit=200${cursor}`,
        { key },
      )
      for (const { id } of body.items) kept.add(id)
      if (body.next_cursor === null) break
      cursor = `&cursor=${body.next_cursor}`
    }
    for (const { status, id } of outcomes) if (status === 201 && kept.has(id)) accepted--
  }
  expect(accepted).toBe(0)
  expect(await server.stop()).toBe(0)
})

test('a client that never comes to the end of its request does not hold the process', async () => {
  const server = await Orchestrator.start()
  const { hostname, port } = new URL(server.http)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(
    `POST /webhook/orders-total HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
  )
  // After this answer on another connection, earlier input has been read.
  expect((await server.call('GET', '/healthz')).status).toBe(200)
  expect(await server.stop()).toBe(0)
  socket.destroy()
})

test('a later start says how to get keys, should nobody have seen the first ones', async () => {
  const server = await Orchestrator.start()
  expect(server.program.out).not.toContain('--new-keys')
  await server.kill()
  await server.restart()
  expect(server.program.out).toContain('--new-keys makes and shows others')
  await server.kill()
  await server.restart(['--new-keys'])
  expect(server.admin).toMatch(/^crpa_/)
  expect((await server.call('GET', '/api/v1/keys')).status).toBe(200)
  expect(await server.stop()).toBe(0)
})

test('what the making of a fleet has left behind is gone after the next start, and nothing else', async () => {
  const server = await Orchestrator.start()
  await server.api('POST', '/fleets', { name: 'acme' })
  await server.kill()
  const folder = join(server.data, 'fleets')
  mkdirSync(folder, { recursive: true })
  const draft = `.beta.${crypto.randomUUID()}`
  for (const suffix of ['', '-wal', '-shm', '-copy', '-generation', '-generation.new']) {
    writeFileSync(join(folder, draft + suffix), 'x')
  }
  writeFileSync(join(folder, '.note'), 'mine')
  await server.restart()
  expect(readdirSync(folder).filter((file) => file.startsWith('.'))).toEqual(['.note'])
  expect(existsSync(join(folder, 'acme.db'))).toBe(true)
  expect(await server.stop()).toBe(0)
})
