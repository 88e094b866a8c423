import { expect, test } from 'vitest'
import type { ErrorBody, JobView } from './api.ts'
import { chapter } from './chapter.ts'
import type { Server } from './server.ts'
import { Wire } from './wire.ts'

/** Fleets are tenants: a key of one is nothing in another, and neither are its robots and jobs, on every runtime. */

const WORKFLOW = {
  id: 'own',
  name: 'Own',
  json_definition: {
    metadata: { name: 'Own' },
    nodes: { start: { node_type: 'StartNode' }, end: { node_type: 'EndNode' } },
    connections: [],
  },
}

/** Lists whose entries are not looked up one by one. */
const WITHOUT_ADDRESS: readonly string[] = ['keys', 'pools']

/** Makes a fleet with a workflow of its own, and returns its admin key. */
async function make(server: Server, name: string): Promise<string> {
  const { admin_key: key, path } = await server.api<{ admin_key: string; path: string }>('POST', '/fleets', { name })
  expect([path, key]).toEqual([`/fleets/${name}`, expect.stringMatching(/^crpa_/)])
  for (const [at, body] of [['', WORKFLOW], ['/own/publish', {}]] as const) {
    const made = await server.call('POST', `${path}/api/v1/workflows${at}`, { key, body })
    expect(made.status).toBeLessThan(300)
  }
  return key
}

function robotsOf(server: Server, fleet: string): string {
  return new URL(`/fleets/${fleet}/ws`, server.robots).href
}

chapter('fleets', (server) => {
  test('there are none before one is made, and asking makes none', async () => {
    const { status, body } = await server.call<ErrorBody>('GET', '/fleets/N0t-A-Name/healthz')
    expect([status, body.payload.error_code]).toEqual([404, 'NOT_FOUND'])
    await expect(Wire.register(robotsOf(server, 'nobody'), server.admin, { robot_id: 'lost' })).rejects.toThrow()
    expect(await server.api('GET', '/fleets')).toEqual({ items: [], next_cursor: null })
  })

  test('one that is made has keys, jobs and robots of its own', async () => {
    const [acme, other] = [await make(server, 'acme'), await make(server, 'other')]
    expect(await server.api('GET', '/fleets')).toEqual({
      items: [{ name: 'acme', path: '/fleets/acme' }, { name: 'other', path: '/fleets/other' }],
      next_cursor: null,
    })
    const submit = (fleet: string, key: string) =>
      server.call<JobView>('POST', `/fleets/${fleet}/api/v1/jobs`, { key, body: { workflow_id: 'own' } })
    const made = await submit('acme', acme)
    expect(made.status).toBe(201)
    expect(made.headers.get('location')).toBe(`/fleets/acme/api/v1/jobs/${made.body.id}`)
    // Keys of one are nothing in another, the default one's included.
    for (const key of [other, server.admin]) expect((await submit('acme', key)).status).toBe(401)
    expect((await server.call('GET', '/api/v1/jobs', { key: acme })).status).toBe(401)
    expect((await server.call('GET', `/fleets/other/api/v1/jobs/${made.body.id}`, { key: other })).status).toBe(404)
    await expect(Wire.register(robotsOf(server, 'acme'), other, { robot_id: 'r' })).rejects.toThrow('Unknown API key')

    // Robots of the same name in each, and each gets its own fleet's job.
    const elsewhere = await Wire.register(robotsOf(server, 'other'), other, { robot_id: 'r' })
    const wire = await Wire.register(robotsOf(server, 'acme'), acme, { robot_id: 'r' })
    expect((await wire.next('job_assign')).payload['job_id']).toBe(made.body.id)
    wire.send('job_complete', { job_id: made.body.id, robot_id: 'r', result: { of: 'acme' } })
    await wire.beat('r')
    const job = await server.call<JobView>('GET', `/fleets/acme/api/v1/jobs/${made.body.id}`, { key: acme })
    expect(job.body).toMatchObject({ status: 'completed', result: { of: 'acme' } })
    await elsewhere.beat('r')
    expect(elsewhere.frames.filter(({ type }) => type === 'job_assign')).toEqual([])
  })

  test('what is made in one has its address below it, and is found there', async () => {
    const key = await make(server, 'located')
    const api = '/fleets/located/api/v1'
    const made = async (path: string, body?: object): Promise<Readonly<Record<string, unknown>>> => {
      const reply = await server.call('POST', `${api}/${path}`, { key, body })
      expect([path, reply.status]).toEqual([path, 201])
      const location = reply.headers.get('location')
      if (WITHOUT_ADDRESS.includes(path)) expect([path, location]).toEqual([path, null])
      else {
        expect(location).toContain(`${api}/`)
        expect([path, (await server.call('GET', location ?? '', { key })).status]).toEqual([path, 200])
      }
      return reply.body
    }
    const own = { name: 'Named', workflow_id: 'own' }
    const job = await made('jobs', { workflow_id: 'own' })
    await server.call('POST', `${api}/jobs/${job['id']}/cancel`, { key })
    await made(`jobs/${job['id']}/retry`)
    await made('workflows', { ...WORKFLOW, id: 'another' })
    await made('robots', { name: 'R', id: 'Zoë 1' })
    const schedule = await made('schedules', { ...own, frequency: 'daily' })
    await made(`schedules/${schedule['id']}/trigger`)
    const trigger = await made('triggers', own)
    await made(`triggers/${trigger['id']}/fire`)
    await made('webhooks', { url: 'https://receiver.example/', events: ['*'] })
    await made('keys', { name: 'reader', scopes: ['jobs:read'] })
    await made('pools', { name: 'finance', tags: [] })
    const called = { ...own, id: 'callee', trigger_type: 'workflow_call', config: { call_alias: 'own' } }
    await made('triggers', called)
    const { status, headers } = await server.call('POST', `${api}/calls/own`, { key })
    expect([status, headers.get('location')]).toEqual([202, expect.stringContaining(`${api}/calls/`)])
    expect((await server.call('GET', headers.get('location') ?? '', { key })).status).toBe(202)
  })

  test('[P55] a robot of one has an address of its own below it, where no other registers', async () => {
    const key = await make(server, 'robots')
    const own = (id: string): string =>
      `${server.http.replace('http', 'ws')}/fleets/robots/ws/robot/${encodeURIComponent(id)}`
    await Wire.register(own('Zoë / 1'), key, { robot_id: 'Zoë / 1' })
    const seen = await server.call('GET', `/fleets/robots/api/v1/robots/${encodeURIComponent('Zoë / 1')}`, { key })
    expect(seen.body).toMatchObject({ id: 'Zoë / 1', status: 'online' })
    const wire = await Wire.connect(own('one'))
    wire.send('register', { robot_id: 'two', auth_token: key })
    expect((await wire.next('register_ack')).payload).toMatchObject({
      success: false,
      message: expect.stringContaining('This address is for the robot one'),
    })
    expect((await wire.closed).code).toBe(4403)
    // Nor is it one in another fleet.
    await expect(Wire.register(own('one'), server.admin, { robot_id: 'one' })).rejects.toThrow('Unknown API key')
  })

  test('[P69] who is not known in a fleet cannot tell whether it exists', async () => {
    await make(server, 'tenant-a')
    const told = async (fleet: string, method: string, path: string, key: string | null): Promise<unknown> => {
      const headers: Record<string, string> = { 'X-Request-Id': 'same' }
      if (key !== null) headers['Authorization'] = `Bearer ${key}`
      const answer = await fetch(`${server.http}/fleets/${fleet}${path}`, { method, headers })
      const text = (await answer.text()).replaceAll(fleet, '<fleet>').replaceAll(/value="[^"]{60,}"/g, '<token>')
      return [path, answer.status, answer.headers.get('www-authenticate'), text]
    }
    const paths = [['GET', ''], ['GET', '/'], ['GET', '/healthz'], ['GET', '/api/v1/jobs'], ['POST', '/api/v1/jobs']]
    const addresses = [['POST', '/webhook/x'], ['GET', '/webhook/x'], ['GET', '/form/x'], ['POST', '/chat/x']]
    for (const [method = '', path = ''] of [...paths, ...addresses, ['GET', '/nothing'], ['GET', '/ws']]) {
      for (const key of [null, server.admin]) {
        expect(await told('tenant-a', method, path, key)).toEqual(await told('tenant-b', method, path, key))
      }
    }
    for (const [method = '', path = ''] of paths) {
      expect(await told('tenant-b', method, path, null)).toEqual([path, 401, 'Bearer', expect.any(String)])
    }
  })

  test('[P69] a robot shows its key at its registration, and whoever has none is turned away as in any fleet', async () => {
    const key = await make(server, 'lobby')
    const wire = await Wire.connect(robotsOf(server, 'lobby'))
    // Before registration, frames are answered as for any unregistered connection.
    wire.send('heartbeat', { robot_id: 'r' })
    await wire.next('error')
    const asked = wire.send('register', { robot_id: 'r', auth_token: key })
    expect(await wire.next('register_ack')).toMatchObject({ payload: { success: true }, correlation_id: asked })
    await wire.beat('r')
    const stranger = await Wire.connect(robotsOf(server, 'lobby'))
    stranger.send('register', { robot_id: 'r2', auth_token: server.admin })
    expect((await stranger.next('register_ack')).payload).toMatchObject({ success: false, message: 'Unknown API key' })
    expect((await stranger.closed).code).toBe(4401)
    const header = await Wire.connect(robotsOf(server, 'lobby'), { Authorization: `Bearer ${key}` })
    header.send('register', { robot_id: 'r3' })
    expect((await header.next('register_ack')).payload).toMatchObject({ success: true })
    await wire.beat('r')
  })

  test('a name is taken once, and only an admin of the default fleet makes one', async () => {
    const refusal = async (body: object, key?: string): Promise<readonly unknown[]> => {
      const reply = await server.call<ErrorBody>('POST', '/api/v1/fleets', {
        body,
        ...key === undefined ? {} : { key },
      })
      return [reply.status, reply.body.payload.error_code]
    }
    expect(await refusal({ name: 'acme' })).toEqual([409, 'CONFLICT'])
    expect(await refusal({ name: 'default' })).toEqual([409, 'CONFLICT'])
    for (const name of ['Acme', '-a', 'a/b', '', 'x'.repeat(64)]) {
      expect(await refusal({ name }), name).toEqual([400, 'INVALID_PAYLOAD'])
    }
    expect(await refusal({ name: 'mine' }, 'crpa_wrong')).toEqual([401, 'AUTHENTICATION_FAILED'])
    const { key } = await server.api<{ key: string }>('POST', '/keys', { name: 'reader', scopes: ['jobs:read'] })
    expect(await refusal({ name: 'mine' }, key)).toEqual([403, 'FORBIDDEN'])
  })

  test('its data is there after the process was killed', async () => {
    const key = await make(server, 'durable')
    const { body: job } = await server.call<JobView>('POST', '/fleets/durable/api/v1/jobs', {
      key,
      body: { workflow_id: 'own' },
    })
    await server.kill()
    await server.start()
    const again = await server.call<JobView>('GET', `/fleets/durable/api/v1/jobs/${job.id}`, { key })
    expect([again.status, again.body.id]).toEqual([200, job.id])
  })
})
