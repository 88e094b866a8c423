import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ErrorBody } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { closeAll, Wire } from '../wire/wire.ts'

/** Resources of the API: lists and their pages, workflows and their versions, robots, keys. */

let server: Orchestrator

beforeAll(async () => {
  server = await Orchestrator.start()
})
afterAll(cleanUp)
afterAll(async () => {
  closeAll()
  expect(server.program.err).toBe('')
})

interface Item {
  readonly id: string
  readonly status: string
  readonly workflow_id: string
  readonly robot_id: string | null
  readonly trigger_id: string | null
  readonly priority: number
}

interface Page {
  readonly items: readonly Item[]
  readonly next_cursor: string | null
}

/** All pages of a list; `between` is done after each. */
async function pages(path: string, limit: number, between = async () => {}): Promise<readonly (readonly Item[])[]> {
  const all: (readonly Item[])[] = []
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = `${path.includes('?') ? '&' : '?'}limit=${limit}${cursor && `&cursor=${cursor}`}`
    const page: Page = await server.api<Page>('GET', path + query)
    all.push(page.items)
    cursor = page.next_cursor
    await between()
  }
  return all
}

describe('the list of jobs', () => {
  const COUNT = 230
  const made: string[] = []
  const submit = async (more: object = {}): Promise<void> => {
    made.push(await server.submit({ workflow_id: 'greeting', ...more }))
  }

  beforeAll(async () => {
    // Ten at a time, so that many share the millisecond in which they were made.
    for (let i = 0; i < COUNT; i += 10) {
      await Promise.all(Array.from({ length: 10 }, (_, k) => submit({ priority: k % 4 })))
    }
  })

  test.each([1, 7, 50, 200])('in pages of %i it has no gap and no double, while new ones are added', async (limit) => {
    const before = new Set(made)
    // A page of one takes as many requests as there are jobs, so that one begins late.
    const path = limit === 1 ? '/jobs?workflow_id=greeting&status=queued' : '/jobs'
    const all = await pages(path, limit, limit === 1 ? undefined : submit)
    const ids = all.flat().map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(new Set(ids)).toEqual(before)
    expect(all.slice(0, -1).every((page) => page.length === limit)).toBe(true)
  })

  test('the newest come first', async () => {
    await submit()
    const { items } = await server.api<Page>('GET', '/jobs?limit=1')
    expect(items.map(({ id }) => id)).toEqual(made.slice(-1))
  })

  test('filters are exact, and combine', async () => {
    const inline = await server.submit({
      workflow_json: { format: 'mine' },
      workflow_id: 'inline',
      workflow_name: 'Mine',
    })
    const later = await server.submit({ workflow_id: 'greeting', scheduled_time: '2099-01-01T00:00:00Z' })
    await server.api('POST', '/triggers', { id: 'filter', name: 'F', workflow_id: 'greeting', secret: null })
    const fired = await server.call('POST', '/webhook/filter', { key: null, body: { event_type: 'x' } })
    const wire = await Wire.register(server.robots, server.admin, { robot_id: 'filtered' })
    const done = String((await wire.next('job_assign')).payload['job_id'])
    wire.send('job_complete', { job_id: done, robot_id: 'filtered', result: 1 })
    const next = String((await wire.next('job_assign')).payload['job_id'])

    const ids = async (query: string) => (await pages(`/jobs?${query}`, 100)).flat().map(({ id }) => id)
    expect(await ids('workflow_id=inline')).toEqual([inline])
    expect(await ids('status=pending')).toEqual([later])
    expect(await ids('trigger_id=filter')).toEqual([String(fired.body['job_id'])])
    expect(await ids('robot_id=filtered&status=completed')).toEqual([done])
    expect(new Set(await ids('robot_id=filtered'))).toEqual(new Set([done, next]))
    expect(await ids('status=completed,pending')).toEqual([later, done])
    expect(await ids('workflow_id=inline&status=completed')).toEqual([])
    expect(await ids('workflow_id=none')).toEqual([])
    expect((await ids('status=queued,running,pending,completed')).length).toBe(made.length + 3)
    wire.send('disconnect', { robot_id: 'filtered' })
    await wire.closed
  })

  test.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=1.5', 'limit'],
    ['limit=many', 'limit'],
    ['limit=', 'limit'],
    ['cursor=garbage', 'cursor'],
    ['cursor=', 'cursor'],
    ['cursor=LTE6eA', 'cursor'],
    ['status=done', 'status'],
    ['status=queued,', 'status'],
    ['status=', 'status'],
    ['workflow_id=', 'workflow_id'],
    ['dead_lettered=yes', 'dead_lettered'],
    ['limit=1e1', 'limit'],
    ['limit=0x10', 'limit'],
    ['limit=+1', 'limit'],
  ])('?%s is refused', async (query, field) => {
    const { status, body } = await server.call<ErrorBody>('GET', `/api/v1/jobs?${query}`)
    expect(status).toBe(400)
    expect(body.payload).toMatchObject({ error_code: 'INVALID_PAYLOAD', details: { fields: [field] } })
  })

  test.each(['limit=0', 'limit=1001', 'cursor=-1', 'cursor=x', 'cursor=', 'level=INFO'])(
    'of the logs, ?%s is refused',
    async (query) => {
      expect((await server.call('GET', `/api/v1/jobs/${made[0]}/logs?${query}`)).status).toBe(400)
    },
  )

  test('a cursor of the greatest number is like one behind the end of time', async () => {
    const cursor = Buffer.from('9999999999999999:x').toString('base64url')
    expect((await server.call<Page>('GET', `/api/v1/jobs?limit=1&cursor=${cursor}`)).status).toBeLessThan(500)
  })
})

describe('workflows', () => {
  const definition = (name: string): object => ({ metadata: { name }, nodes: {} })

  test('versions are counted, kept, and published one by one', async () => {
    const created = await server.call('POST', '/api/v1/workflows', {
      body: { id: 'invoices', name: 'Invoices', tags: ['a'], json_definition: definition('one') },
    })
    expect([created.status, created.headers.get('location')]).toEqual([201, '/api/v1/workflows/invoices'])
    expect(created.body).toMatchObject({ status: 'draft', version: 1, published_version: null, created_by: 'admin' })
    expect(await server.api('POST', '/workflows/invoices/publish')).toMatchObject({
      status: 'published',
      published_version: 1,
    })
    const two = { name: 'Invoices 2', json_definition: JSON.stringify(definition('two')) }
    expect(await server.api('PUT', '/workflows/invoices', two)).toMatchObject({ version: 2, published_version: 1 })
    // The same text does not add a version.
    expect(await server.api('PUT', '/workflows/invoices', two)).toMatchObject({ version: 2 })
    const definitionOf = async () => {
      const id = await server.submit({ workflow_id: 'invoices' })
      return (await server.api('GET', `/jobs/${id}`))['workflow_json']
    }
    expect(await definitionOf()).toBe(JSON.stringify(definition('one')))
    await server.api('POST', '/workflows/invoices/publish')
    expect(await definitionOf()).toBe(JSON.stringify(definition('two')))
    const { items } = await server.api('GET', '/workflows/invoices/versions')
    expect(items).toMatchObject([{ version: 2 }, { version: 1 }])
    expect(await server.api('GET', '/workflows/invoices')).toMatchObject({
      name: 'Invoices 2',
      json_definition: two.json_definition,
    })
  })

  test('a canonical definition that is wrong is refused, and the place is named', async () => {
    const { body: sample } = await server.call('GET', '/api/v1/workflows/greeting')
    const broken = JSON.parse(String(sample['json_definition'])) as { connections: { target_node: string }[] }
    const [connection] = broken.connections
    if (connection !== undefined) connection.target_node = 'nowhere'
    const body = { id: 'broken', name: 'Broken', json_definition: broken }
    const reply = await server.call<ErrorBody>('POST', '/api/v1/workflows', { body })
    expect([reply.status, reply.body.payload.error_code]).toEqual([400, 'INVALID_PAYLOAD'])
    expect(JSON.stringify(reply.body.payload.details['problems'])).toMatch(/connections.*nowhere/)
    expect((await server.call('GET', '/api/v1/workflows/broken')).status).toBe(404)
  })

  test('the samples are there, with pages as the jobs have them', async () => {
    const ids = (await pages('/workflows', 2)).flat().map(({ id }) => id)
    expect(new Set(ids)).toEqual(new Set([...ids, 'greeting', 'orders-total', 'url-check', 'invoices']))
    expect(new Set(ids).size).toBe(ids.length)
  })
})

test('a robot is shown as it is just now', async () => {
  const shown = () => server.api('GET', '/robots/live')
  const wire = await Wire.register(server.robots, server.admin, {
    robot_id: 'live',
    robot_name: 'Live',
    environment: 'elsewhere',
    tags: ['browser'],
    capabilities: { office: false },
    max_concurrent_jobs: 0,
  })
  expect(await shown()).toMatchObject({ name: 'Live', environment: 'elsewhere', tags: ['browser'], status: 'busy' })
  const register = { robot_id: 'live', environment: 'elsewhere', max_concurrent_jobs: 1, auth_token: server.admin }
  await wire.beat('live', { cpu_percent: 45.2, memory_percent: 68.5 })
  expect(await shown()).toMatchObject({ metrics: { cpu_percent: 45.2, memory_percent: 68.5, disk_percent: null } })
  for (const [status, as] of [['paused', 'maintenance'], ['error', 'error']] as const) {
    await wire.beat('live', { status })
    expect((await shown())['status']).toBe(as)
  }
  await wire.beat('live')
  wire.send('register', register)
  await wire.next('register_ack')
  expect(await server.api('GET', '/robots?limit=200')).toMatchObject({
    items: expect.arrayContaining([expect.objectContaining({ id: 'live' })]),
  })
  // A waiting job goes to it at once, for it is of the right environment or of none.
  await wire.next('job_assign')
  expect(await shown()).toMatchObject({ status: 'busy', current_jobs: 1, active_job_ids: [expect.any(String)] })
  await wire.close()
  await expect.poll(async () => (await shown())['status']).toBe('offline')
})

test('a key is shown once, listed without itself, and worth nothing once it is revoked', async () => {
  const made = await server.call('POST', '/api/v1/keys', { body: { name: 'reader', scopes: ['jobs:read'] } })
  expect([made.status, made.body]).toMatchObject([201, { name: 'reader', scopes: ['jobs:read'], revoked_at: null }])
  const key = String(made.body['key'])
  const read = async () => (await server.call('GET', '/api/v1/jobs?limit=1', { key })).status
  expect(await read()).toBe(200)
  expect(JSON.stringify(await server.api('GET', '/keys'))).not.toMatch(/crpa_|secret|hash/)
  expect(await server.api('DELETE', `/keys/${String(made.body['id'])}`)).toMatchObject({
    revoked_at: expect.any(String),
  })
  expect(await read()).toBe(401)
})
