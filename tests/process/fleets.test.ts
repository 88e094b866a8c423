import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ErrorBody, type JobView, until } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { closeAll, Wire } from '../wire/wire.ts'

/** Several tenants in one process: each with its own file, keys, robots and jobs, and nobody sees another's. */

let server: Orchestrator

beforeAll(async () => {
  server = await Orchestrator.start()
})

afterAll(cleanUp)
afterAll(() => {
  closeAll()
  // A robot with the key of another fleet is warned about, and nothing else is.
  expect(server.program.err.replaceAll(/^.*"msg":"a robot is not let in".*\n/gm, '')).toBe('')
})

/** Makes a fleet and returns its admin key. */
async function make(name: string, on = server): Promise<string> {
  const { admin_key } = await on.api<{ readonly admin_key: string }>('POST', '/fleets', { name })
  return admin_key
}

const WORKFLOW = {
  id: 'own',
  name: 'Own',
  json_definition: {
    metadata: { name: 'Own' },
    nodes: { start: { node_type: 'StartNode' }, end: { node_type: 'EndNode' } },
    connections: [],
  },
}

/** Publishes a workflow in a fleet, which begins with none. */
async function publish(fleet: string, key: string, on = server): Promise<void> {
  const made = await on.call('POST', `/fleets/${fleet}/api/v1/workflows`, { key, body: WORKFLOW })
  expect(made).toMatchObject({ status: 201 })
  expect(made.headers.get('location')).toBe(`/fleets/${fleet}/api/v1/workflows/own`)
  expect((await on.call('POST', `/fleets/${fleet}/api/v1/workflows/own/publish`, { key })).status).toBe(200)
}

async function submit(fleet: string, key: string, more: object = {}, on = server): Promise<string> {
  const body = { workflow_id: 'own', ...more }
  const { body: job } = await on.call<{ readonly id: string }>('POST', `/fleets/${fleet}/api/v1/jobs`, { key, body })
  return job.id
}

const jobOf = async (fleet: string, key: string, id: string, on = server): Promise<JobView> =>
  (await on.call<JobView>('GET', `/fleets/${fleet}/api/v1/jobs/${id}`, { key })).body

const files = (on = server): readonly string[] => readdirSync(join(on.data, 'fleets')).filter((f) => f.endsWith('.db'))

describe('making fleets', () => {
  test('there are none to begin with, and no file for one that is asked for', async () => {
    expect(await server.api('GET', '/fleets')).toEqual({ items: [], next_cursor: null })
    for (const path of ['/fleets/nobody/api/v1/jobs', '/fleets/nobody/healthz', '/fleets/nobody']) {
      const { status, body } = await server.call<ErrorBody>('GET', path)
      expect([path, status, body.payload.error_code]).toEqual([path, 401, 'AUTHENTICATION_FAILED'])
    }
    for (const path of ['/fleets/', '/fleets']) expect((await server.call('GET', path)).status).toBe(404)
    expect(existsSync(join(server.data, 'fleets'))).toBe(false)
  })

  test('one is made with its first admin key, which is shown this once', async () => {
    const made = await server.call('POST', '/api/v1/fleets', { body: { name: 'acme' } })
    expect(made).toMatchObject({
      status: 201,
      body: { name: 'acme', path: '/fleets/acme', admin_key: expect.stringMatching(/^crpa_[\w-]{43}$/) },
    })
    expect(files()).toEqual(['acme.db'])
    expect(await server.api('GET', '/fleets')).toEqual({
      items: [{ name: 'acme', path: '/fleets/acme' }],
      next_cursor: null,
    })
    const key = String(made.body['admin_key'])
    expect((await server.call('GET', '/fleets/acme/api/v1/jobs', { key })).body).toEqual({
      items: [],
      next_cursor: null,
      searched: null,
    })
    expect((await server.call('GET', '/fleets/acme', { key })).body).toMatchObject({ api: '/fleets/acme/api/v1' })
  })

  test('a name that exists is a conflict, and the default fleet exists', async () => {
    for (const name of ['acme', 'default']) {
      const { status, body } = await server.call<ErrorBody>('POST', '/api/v1/fleets', { body: { name } })
      expect([status, body.payload.error_code]).toEqual([409, 'CONFLICT'])
    }
  })

  test('of many requests for one name at the same time one makes it', async () => {
    const made = await Promise.all(
      Array.from({ length: 8 }, () => server.call('POST', '/api/v1/fleets', { body: { name: 'race' } })),
    )
    expect(made.map(({ status }) => status).toSorted()).toEqual([201, ...Array<number>(7).fill(409)])
    const key = String(made.find(({ status }) => status === 201)?.body['admin_key'])
    expect((await server.call('GET', '/fleets/race/api/v1/keys', { key })).status).toBe(200)
  })

  test.each(['', 'Acme', '-a', 'a b', '../x', 'a/b', 'a.db', 'é', 'a'.repeat(64)])('%j is no name', async (name) => {
    const { status, body } = await server.call<ErrorBody>('POST', '/api/v1/fleets', { body: { name } })
    expect([status, body.payload.error_code]).toEqual([400, 'INVALID_PAYLOAD'])
    const path = `/fleets/${encodeURIComponent(name)}/healthz`
    expect((await server.call('GET', path)).status).toBe(404)
  })

  test('only an admin of the default fleet makes and lists them', async () => {
    const { key } = await server.api<{ readonly key: string }>('POST', '/keys', { name: 'r', scopes: ['jobs:read'] })
    const other = await make('no-root')
    for (const [who, status] of [[null, 401], [key, 403], [other, 401]] as const) {
      expect((await server.call('GET', '/api/v1/fleets', { key: who })).status).toBe(status)
      expect((await server.call('POST', '/api/v1/fleets', { key: who, body: { name: 'more' } })).status).toBe(status)
    }
    expect((await server.call('GET', '/fleets/no-root/api/v1/fleets', { key: other })).status).toBe(404)
    expect(files()).not.toContain('more.db')
  })

  test('the default fleet answers under its name as well', async () => {
    expect((await server.call('GET', '/fleets/default/api/v1/workflows/greeting')).status).toBe(200)
    const wire = await Wire.register(`${server.robots}/fleets/default`, server.admin, { robot_id: 'by-name' })
    expect((await server.api('GET', '/robots/by-name'))['status']).toBe('online')
    await wire.close()
  })
})

describe('two fleets and the default one', () => {
  let red = ''
  let blue = ''
  const ws = (): string => server.http.replace('http', 'ws')

  beforeAll(async () => {
    red = await make('red')
    blue = await make('blue')
    await publish('red', red)
  })

  test('a key of one is nothing in another', async () => {
    const bases = { '': server.admin, '/fleets/red': red, '/fleets/blue': blue }
    for (const [base, own] of Object.entries(bases)) {
      for (const key of Object.values(bases)) {
        const { status } = await server.call('GET', `${base}/api/v1/jobs`, { key })
        expect([base, status]).toEqual([base, key === own ? 200 : 401])
      }
    }
    for (const url of [`${server.robots}/fleets/red`, `${server.robots}/fleets/red/ws`, `${ws()}/fleets/red/ws`]) {
      await expect(Wire.register(url, blue, { robot_id: 'spy' })).rejects.toThrow('Unknown API key')
      await expect(Wire.register(url, server.admin, { robot_id: 'spy' })).rejects.toThrow('Unknown API key')
      await (await Wire.register(url, red, { robot_id: 'r1' })).close()
    }
  })

  test('jobs go to robots of their own fleet', async () => {
    const stranger = await Wire.register(server.robots, server.admin, { robot_id: 'r1' })
    const neighbour = await Wire.register(`${server.robots}/fleets/blue`, blue, { robot_id: 'r1' })
    const robot = await Wire.register(`${server.robots}/fleets/red`, red, { robot_id: 'r1' })
    const id = await submit('red', red)
    const { payload } = await robot.next('job_assign')
    expect(payload['job_id']).toBe(id)
    robot.send('job_complete', { job_id: id, robot_id: 'r1', result: { colour: 'red' } })
    await robot.beat('r1')
    expect(await jobOf('red', red, id)).toMatchObject({ status: 'completed', result: { colour: 'red' } })
    await Promise.all([stranger.beat('r1'), neighbour.beat('r1')])
    expect([stranger, neighbour].flatMap(({ frames }) => frames.filter(({ type }) => type === 'job_assign'))).toEqual(
      [],
    )
    expect((await server.call('GET', `/api/v1/jobs/${id}`)).status).toBe(404)
    expect((await server.call('GET', `/fleets/blue/api/v1/jobs/${id}`, { key: blue })).status).toBe(404)
    expect((await server.call('GET', '/fleets/red/healthz', { key: red })).body).toMatchObject({ robots_connected: 1 })
    await Promise.all([stranger, neighbour, robot].map((wire) => wire.close()))
  })

  test('a webhook of one is none of another', async () => {
    const trigger = { id: 'hook', name: 'Hook', workflow_id: 'own', secret: 'a secret of 16 characters' }
    expect((await server.call('POST', '/fleets/red/api/v1/triggers', { key: red, body: trigger })).status).toBe(201)
    const call = {
      key: null,
      headers: { 'X-Webhook-Secret': trigger.secret },
      body: { event_type: 'e', data: {} },
    }
    const fired = await server.call('POST', '/fleets/red/webhook/hook', call)
    expect(fired).toMatchObject({ status: 200, body: { status: 'accepted' } })
    expect((await server.call('POST', '/fleets/blue/webhook/hook', call)).status).toBe(404)
    expect((await server.call('POST', '/webhook/hook', call)).status).toBe(404)
  })

  test('robots of a fleet that does not exist are turned away, and make none', async () => {
    for (const url of [`${server.robots}/fleets/none`, `${ws()}/fleets/none/ws`]) {
      await expect(Wire.register(url, red, { robot_id: 'r1' })).rejects.toThrow('Unknown API key')
    }
    await expect(Wire.connect(`${server.robots}/fleets/NONE/ws`)).rejects.toThrow('404')
    await expect(Wire.connect(`${ws()}/fleets/red`)).rejects.toThrow('404')
    expect(files()).not.toContain('none.db')
  })
})

/** Settings under which idle fleets are closed at once, and two may be open. */
async function small(): Promise<Orchestrator> {
  const settings = join((await Orchestrator.start()).data, 'settings.json')
  writeFileSync(settings, JSON.stringify({ fleets_open_max: 2, fleet_idle_seconds: 0.3 }))
  return Orchestrator.start({ args: ['--settings', settings] })
}

/** Opening one writes into its WAL, and closing it empties that. */
function isOpen(on: Orchestrator, name: string): boolean {
  return (statSync(join(on.data, 'fleets', `${name}.db-wal`), { throwIfNoEntry: false })?.size ?? 0) > 0
}

test('an idle fleet is closed, one with a job to come is not, and a connection holds its own open', async () => {
  const on = await small()
  const keys = new Map<string, string>()
  for (const name of ['a', 'b', 'c']) keys.set(name, await make(name, on))
  const key = (name: string): string => keys.get(name) ?? ''
  await publish('a', key('a'), on)
  expect(isOpen(on, 'a')).toBe(true)
  await until('a is closed', () => isOpen(on, 'a') ? undefined : true)

  // Its time is beyond the horizon of memory: the job is on disk only, and still has to happen.
  const scheduled_time = new Date(Date.now() + 7_200_000).toISOString()
  const far = await submit('a', key('a'), { scheduled_time }, on)
  const wire = await Wire.register(`${on.robots}/fleets/b`, key('b'), { robot_id: 'r' })
  const { status, headers, body } = await on.call<ErrorBody>('GET', '/fleets/c/api/v1/jobs', { key: key('c') })
  expect([status, headers.get('retry-after'), body.payload.error_code]).toEqual([503, '5', 'UNAVAILABLE'])
  const late = await Wire.connect(`${on.robots}/fleets/c`)
  late.send('register', { robot_id: 'r', auth_token: key('c') })
  expect((await late.closed).code).toBe(1013)
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  expect([isOpen(on, 'a'), isOpen(on, 'b')]).toEqual([true, true])
  await wire.beat('r')

  await wire.close()
  await until('c is open', async () => {
    const { status: answered } = await on.call('GET', '/fleets/c/api/v1/jobs', { key: key('c') })
    return answered === 200 ? true : undefined
  })
  expect(await jobOf('a', key('a'), far, on)).toMatchObject({ status: 'pending' })
  expect(await on.stop()).toBe(0)
  expect(on.program.err).toBe('')
})

test('kill -9 loses nothing in any fleet, and what is due in one happens though nobody asks for it', async () => {
  const on = await Orchestrator.start()
  const key = await make('acme', on)
  const idle = await make('idle', on)
  await publish('acme', key, on)
  const scheduled_time = new Date(Date.now() + 2_500).toISOString()
  const id = await submit('acme', key, { scheduled_time }, on)
  await on.kill()
  writeFileSync(join(on.data, 'fleets/broken.db'), 'These are my notes.\n'.repeat(300), { mode: 0o600 })
  await on.restart()
  const due = Math.max(Date.now(), Date.parse(scheduled_time))
  await until('its time has come', () => Date.now() > due + 2_000 ? true : undefined)
  // Nobody has asked for the fleet until now, so what it wrote down before it wrote by itself.
  const asked = Date.now()
  const { body } = await on.call<{ readonly items: readonly { to_status: string; at: string }[] }>(
    'GET',
    `/fleets/acme/api/v1/jobs/${id}/history`,
    { key },
  )
  const queued = body.items.find(({ to_status }) => to_status === 'queued')
  const at = Date.parse(String(queued?.at))
  expect([at >= Date.parse(scheduled_time), at < asked], `${queued?.at} for ${scheduled_time}`).toEqual([true, true])
  expect((await on.call('GET', '/fleets/idle/api/v1/jobs', { key: idle })).status).toBe(200)
  // One that cannot be used is reported, and keeps nobody else from working.
  const broken = await on.call<ErrorBody>('GET', '/fleets/broken/healthz')
  expect([broken.status, broken.body.payload.error_code]).toEqual([503, 'UNAVAILABLE'])
  expect(await on.stop()).toBe(0)
  expect(on.program.err.split('\n').filter((line) => line !== '').every((line) => line.includes('"broken"'))).toBe(true)
})

test('--new-keys makes keys of the fleet that --fleet names, and of none that does not exist', async () => {
  const on = await Orchestrator.start()
  const { admin: root } = on
  await make('acme', on)
  await on.stop()
  await on.restart(['--new-keys', '--fleet', 'acme'])
  expect((await on.call('GET', '/fleets/acme/api/v1/keys')).status).toBe(200)
  expect((await on.call('GET', '/api/v1/keys')).status).toBe(401)
  expect((await on.call('GET', '/api/v1/keys', { key: root })).status).toBe(200)
  expect(await on.stop()).toBe(0)
  on.launch(['--new-keys', '--fleet', 'acne'])
  expect(await on.program.exited).toBe(1)
  await on.program.closed
  expect(on.program.err).toBe('casare: no keys can be made: There is no fleet acne\n')
})
