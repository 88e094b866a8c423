import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CasareClient, CasareError, type ClientOptions } from '../../../client/client.ts'
import { cleanUp, Orchestrator } from '../../process/orchestrator.ts'

/** The client against the real server and a real robot. What only goes wrong on a network is put between by `fetch`. */

/** Everything in a list. */
async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of list) items.push(item)
  return items
}

type Fetch = NonNullable<ClientOptions['fetch']>

afterAll(cleanUp)

describe.sequential('a client of a running orchestrator', () => {
  let server: Orchestrator
  let client: CasareClient
  const withFetch = (fetch: Fetch): CasareClient => new CasareClient({ url: server.http, key: server.admin, fetch })
  const refusal = (call: Promise<unknown>): Promise<CasareError> =>
    call.then(() => Promise.reject(new Error('it was not refused')), (error: CasareError) => error)

  beforeAll(async () => {
    server = await Orchestrator.start({ robot: true, fixedPorts: true })
    client = new CasareClient({ url: `${server.http}/`, key: server.admin })
  })

  test('a job is submitted, followed to its end, and told of', async () => {
    const job = await client.jobs.submit({ workflow_id: 'orders-total', parameters: { region: 'north' } })
    expect(job).toMatchObject({ workflow_id: 'orders-total', completed_at: null })
    const ended = await client.jobs.wait(job.id)
    expect(ended).toMatchObject({ status: 'completed', progress: 100, parameters: { region: 'north' } })
    expect(ended.result).toMatchObject({ total: expect.any(Number) })
    const history = await all(client.jobs.history(job.id))
    expect(history.map(({ to_status }) => to_status).at(-1)).toBe('completed')
    expect((await all(client.jobs.logs(job.id))).map(({ level }) => level)).toContain('INFO')
    expect(await client.jobs.explain(job.id)).toMatchObject({ eligible: false, queue: null, blockers: [] })
  })

  test('it waits through kill -9 and a new start', async () => {
    let failed = (): void => {}
    const failure = new Promise<void>((resolve) => failed = resolve)
    const watched = withFetch((url, init) => {
      const answer = fetch(url, init)
      answer.catch(failed)
      return answer
    })
    const order = { workflow_id: 'orders-total', parameters: { region: 'west' } }
    const job = await watched.jobs.submit({ ...order, scheduled_time: new Date(Date.now() + 2_000).toISOString() })
    const ended = watched.jobs.wait(job.id)
    await server.kill()
    await Promise.race([failure, ended])
    await server.restart()
    expect(await ended).toMatchObject({ id: job.id, status: 'completed' })
  })

  test('lists are followed over their pages, and only as far as they are read', async () => {
    const body = { workflow_id: 'nothing', workflow_json: { nodes: {} }, required_tags: ['nobody'] }
    const made = await Promise.all([1, 2, 3, 4, 5].map((n) => client.jobs.submit({ ...body, parameters: { n } })))
    const urls: string[] = []
    const watched = withFetch((url, init) => {
      urls.push(url)
      return fetch(url, init)
    })
    const query = { status: ['queued', 'pending'], workflow_id: 'nothing', limit: 2 } as const
    const listed = await all(watched.jobs.list(query))
    expect(listed.map(({ id }) => id)).toEqual(made.map(({ id }) => id).toSorted().toReversed())
    expect(urls.length).toBe(3)
    for await (const { id } of watched.jobs.list(query)) if (id !== '') break
    expect(urls.length).toBe(4)
  })

  test('a job that waits is explained, called off, and run again', async () => {
    const job = await client.jobs.submit({ workflow_id: 'orders-total', required_tags: ['sap'] })
    const explained = await client.jobs.explain(job.id)
    expect(explained.blockers.map(({ code }) => code)).toContain('ROBOT_TAG_MISSING')
    expect(await client.jobs.cancel(job.id, { reason: 'not needed' })).toMatchObject({ status: 'cancelled' })
    expect(await client.jobs.retry(job.id)).toMatchObject({ retry_of: job.id, required_tags: ['sap'] })
    expect(await refusal(client.jobs.requeue(job.id))).toMatchObject({ code: 'CONFLICT', status: 409 })
  })

  test('what is refused is thrown, with everything that was said', async () => {
    const none = await refusal(client.jobs.get('none'))
    expect(none).toBeInstanceOf(CasareError)
    expect(none).toMatchObject({ code: 'NOT_FOUND', status: 404, message: 'Job with ID none not found' })
    expect(none).toMatchObject({ retryAfter: null, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    const wrong = await refusal(client.jobs.submit({ workflow_id: 'orders-total', max_attempts: 0 }))
    expect(wrong).toMatchObject({ code: 'INVALID_PAYLOAD', details: { fields: ['max_attempts'] } })
    const wrongKey = new CasareClient({ url: server.http, key: 'crpa_none' })
    expect(await refusal(wrongKey.stats.queue())).toMatchObject({ code: 'AUTHENTICATION_FAILED', status: 401 })
    expect(await refusal(client.robots.status('nobody'))).toMatchObject({ code: 'NOT_FOUND' })
    expect(() => new CasareClient({ url: 'localhost:8766' })).toThrow('url must start with http:// or https://')
    for (const key of ['', ' crpa_x', 'crpa_x\n', 'crpa x', 'crpa_\u00fc']) {
      expect(() => new CasareClient({ url: server.http, key }), key).toThrow('key must consist of ASCII')
    }
  })

  test('robots, workflows, triggers, keys and pools are put on record and listed', async () => {
    const robot = await client.robots.create({ id: 'r7', name: 'R7', tags: ['sap'], capabilities: { office: true } })
    expect(robot).toMatchObject({ id: 'r7', status: 'offline', max_concurrent_jobs: 1 })
    expect(await client.robots.update('r7', { name: 'R8' })).toMatchObject({ name: 'R8', tags: [] })
    expect(await client.robots.pause('r7')).toMatchObject({ mode: 'paused' })
    expect(await client.robots.resume('r7')).toMatchObject({ mode: 'resuming' })
    expect(await client.robots.get('r7')).toMatchObject({ name: 'R8' })
    expect(await refusal(client.robots.status('r7'))).toMatchObject({ code: 'CONNECTION_ERROR', status: 502 })
    expect(await client.robots.status('reference-robot')).toMatchObject({ robot_id: 'reference-robot' })
    expect((await all(client.robots.list())).map(({ id }) => id).toSorted()).toEqual([
      'r7',
      'reference-robot',
    ])

    const json_definition = { nodes: {}, connections: [] }
    const draft = await client.workflows.create({ id: 'empty', name: 'Empty', json_definition })
    expect(draft).toMatchObject({ status: 'draft', version: 1 })
    expect(await client.workflows.publish('empty')).toMatchObject({ status: 'published', published_version: 1 })
    const update = { name: 'Empty', json_definition: '{"nodes":{},"connections":[],"more":1}' }
    expect(await client.workflows.update('empty', update)).toMatchObject({ version: 2 })
    expect((await all(client.workflows.versions('empty'))).map(({ version }) => version)).toContain(2)
    expect(await client.workflows.get('empty')).toMatchObject({ published_version: 1 })
    expect((await all(client.workflows.list())).map(({ id }) => id)).toContain('orders-total')

    const trigger = await client.triggers.create({ name: 'T', workflow_id: 'empty', parameters: { a: 1 } })
    expect(trigger.secret).not.toBe(null)
    expect(await client.triggers.get(trigger.id)).toMatchObject({ has_secret: true, parameters: { a: 1 } })
    expect((await all(client.triggers.list())).length).toBe(2)
    const files = await client.triggers.create({
      name: 'F',
      trigger_type: 'file_watch',
      workflow_id: 'empty',
      config: { reported: true, patterns: ['*.pdf'] },
      enabled: false,
    })
    const paths = ['C:\\in\\a.pdf', 'C:\\in\\a.txt']
    const events = paths.map((file_path) => ({ file_path, event_type: 'created' } as const))
    expect((await client.triggers.reportFiles(files.id, { events })).items)
      .toMatchObject([{ outcome: 'refused', error_code: 'FORBIDDEN' }, { outcome: 'skipped', reason: 'patterns' }])

    const key = await client.keys.create({ name: 'reader', scopes: ['jobs:read'] })
    const reader = new CasareClient({ url: server.http, key: key.key })
    expect(await refusal(reader.keys.create({ name: 'x', scopes: ['admin'] }))).toMatchObject({ code: 'FORBIDDEN' })
    expect((await client.keys.revoke(key.id)).revoked_at).not.toBe(null)
    expect((await all(client.keys.list())).map(({ id }) => id)).toContain(key.id)

    expect(await client.pools.create({ name: 'finance', tags: ['sap'] })).toMatchObject({ workflows: [] })
    expect((await all(client.pools.list())).map(({ name }) => name)).toEqual(['finance'])
    expect(await client.stats.queue()).toMatchObject({ running: 0, by_priority: { critical: 0 } })
    expect(await client.stats.dispatcher()).toMatchObject({ total_robots: 2, strategy: 'least_loaded' })
    expect(await client.health()).toMatchObject({ status: 'ok', durability: 'full' })
  })

  test('a workflow is called by its name, and triggers are fired, changed and deleted', async () => {
    const trigger_type = 'workflow_call'
    const config = { call_alias: 'greet' }
    const trigger = { name: 'Greet', trigger_type, workflow_id: 'greeting', config } as const
    const { id } = await client.triggers.create(trigger)
    const called = await client.call('greet', { name: 'Ada' })
    expect(called).toMatchObject({ status: 'completed', ended: true, result: { greeting: 'Hello, Ada!' } })
    expect(await refusal(client.call('nobody'))).toMatchObject({ code: 'TRIGGER_NOT_FOUND', status: 404 })
    const changed = await client.triggers.update(id, { ...trigger, filter: "@.payload.name == 'Ada'" })
    expect(changed).toMatchObject({ revision: 2, trigger_count: 1 })
    expect(await client.call('greet', { name: 'Bob' })).toMatchObject({ job_id: null })
    expect(await client.triggers.fire(id, { payload: { name: 'Ada' } })).toMatchObject({ status: 'accepted' })
    expect(await client.triggers.disable(id)).toMatchObject({ enabled: false })
    expect(await client.triggers.enable(id)).toMatchObject({ enabled: true })
    expect((await all(client.triggers.events(id))).map(({ outcome }) => outcome)).toEqual(['fired', 'skipped', 'fired'])
    await client.triggers.delete(id)
    expect(await refusal(client.triggers.get(id))).toMatchObject({ code: 'TRIGGER_NOT_FOUND' })
  })

  test('a submission whose answer is lost is sent again, and is one job', async () => {
    const keys: string[] = []
    const lossy = withFetch(async (url, init) => {
      keys.push(new Headers(init.headers).get('idempotency-key') ?? '')
      const answer = await fetch(url, init)
      if (keys.length < 3) throw new TypeError('fetch failed', { cause: new Error('other side closed') })
      return answer
    })
    const job = await lossy.jobs.submit({
      workflow_id: 'lost',
      workflow_json: '{"nodes":{}}',
      required_tags: ['nobody'],
    })
    expect(new Set(keys).size).toBe(1)
    expect(keys.length).toBe(3)
    expect((await all(client.jobs.list({ workflow_id: 'lost' }))).map(({ id }) => id)).toEqual([job.id])
    const mine = { idempotencyKey: 'mine' }
    const one = await client.jobs.submit({ workflow_id: 'orders-total' }, mine)
    expect(await client.jobs.submit({ workflow_id: 'orders-total' }, mine)).toMatchObject({ id: one.id })
  })

  test('the orchestrator going away ends in an error, if it does not come back', async () => {
    await client.jobs.list({ status: 'running' }).next()
    expect(await server.stop()).toBe(0)
    const once = new CasareClient({ url: server.http, key: server.admin, retries: 0 })
    const away = await refusal(once.stats.queue())
    expect(away).toMatchObject({ code: 'CONNECTION_ERROR', status: 0 })
    expect(away.message).toMatch(/cannot be reached: .*ECONNREFUSED/)
  })
})

describe('what is sent again', () => {
  const refused = (status: number, code: string, after?: string) =>
    new Response(JSON.stringify({ type: 'error', payload: { error_code: code, error_message: 'No', details: {} } }), {
      status,
      headers: after === undefined ? {} : { 'Retry-After': after },
    })
  /** A client to which these answers are given, one after the other, and how many were asked for. */
  const scripted = (...answers: (() => Response)[]): { client: CasareClient; asked: () => number } => {
    let count = 0
    const fetch: Fetch = () => Promise.resolve((answers[count++] ?? ((): Response => new Response('{}')))())
    return { client: new CasareClient({ url: 'http://casare.test', fetch }), asked: () => count }
  }
  const late = (): Response => refused(503, 'UNAVAILABLE', '0')
  const often = (): Response => refused(429, 'RATE_LIMITED', '0')
  const broken = (): Response => refused(500, 'HANDLER_ERROR')

  const TABLE = [
    ['reading, when it is late', (c: CasareClient) => c.jobs.get('a'), [late, often], 3, null],
    ['submitting', (c: CasareClient) => c.jobs.submit({ workflow_id: 'a' }), [late, often], 3, null],
    ['revoking', (c: CasareClient) => c.keys.revoke('a'), [late], 2, null],
    ['pausing', (c: CasareClient) => c.robots.pause('a'), [late], 2, null],
    ['cancelling is not', (c: CasareClient) => c.jobs.cancel('a'), [late], 1, 'UNAVAILABLE'],
    ['running again is not', (c: CasareClient) => c.jobs.retry('a'), [often], 1, 'RATE_LIMITED'],
    ['making a key is not', (c: CasareClient) => c.keys.create({ name: 'k', scopes: [] }), [late], 1, 'UNAVAILABLE'],
    ['nothing that is broken', (c: CasareClient) => c.jobs.get('a'), [broken], 1, 'HANDLER_ERROR'],
    ['not for ever', (c: CasareClient) => c.jobs.get('a'), Array.from({ length: 9 }, () => late), 5, 'UNAVAILABLE'],
    ['not in an hour', (c: CasareClient) => c.jobs.get('a'), [() => refused(429, 'X', '3600')], 1, 'X'],
  ] as const

  for (const [name, call, answers, asked, code] of TABLE) {
    test(name, async () => {
      const { client, asked: count } = scripted(...answers)
      const outcome = await call(client).then(() => null, (error: CasareError) => error.code)
      expect([count(), outcome]).toEqual([asked, code])
    })
  }

  test('a wait that has begun is patient', async () => {
    const waits = (): Response => new Response('{"completed_at":null}')
    const ended = (): Response => new Response('{"completed_at":"2026-01-01T00:00:00.000Z"}')
    const { client, asked } = scripted(waits, ...Array.from({ length: 12 }, () => late), ended)
    expect(await client.jobs.wait('a')).toMatchObject({ completed_at: '2026-01-01T00:00:00.000Z' })
    expect(asked()).toBe(14)
    await expect(scripted(late, late, late, late, late).client.jobs.wait('a')).rejects.toThrow('No')
  })

  test('Retry-After is told, in seconds or as a date', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString()
    const error = await scripted(() => refused(429, 'RATE_LIMITED', date)).client.jobs.get('a').catch((cause) => cause)
    expect(error).toMatchObject({ code: 'RATE_LIMITED', status: 429, details: {} })
    expect(Math.abs(((error as CasareError).retryAfter ?? 0) - 3_500)).toBeLessThan(110)
    const answer = async (after: string): Promise<unknown> =>
      (await scripted(() => refused(500, 'X', after)).client.jobs.get('a').catch((cause: CasareError) =>
        cause
      ) as CasareError)
        .retryAfter
    expect(await answer('9'.repeat(400))).toBe(86_400)
    expect(await answer('1.5')).toBe(null)
  })

  test('an answer of somebody in between is no answer', async () => {
    const page = () => new Response('<h1>Sign in</h1>', { status: 403 })
    const error = await scripted(page).client.jobs.get('a').catch((cause) => cause)
    expect(error).toMatchObject({ code: 'CONNECTION_ERROR', status: 403 })
    expect(String(error)).toContain('answered 403, and not as an orchestrator does: <h1>Sign in</h1>')
  })

  test('a try that takes too long is given up; so is a call when its signal says so', async () => {
    const fetch: Fetch = (_url, { signal }) =>
      new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)))
    const client = new CasareClient({ url: 'http://casare.test', fetch, timeoutMs: 20, retries: 1 })
    await expect(client.stats.queue()).rejects.toMatchObject({ code: 'TIMEOUT', status: 0 })
    const patient = new CasareClient({ url: 'http://casare.test', fetch })
    await expect(patient.jobs.wait('a', { signal: AbortSignal.timeout(20) })).rejects.toThrow(/aborted due to timeout/)
    const { client: polling } = scripted(
      ...Array.from({ length: 99 }, () => () => new Response('{"completed_at":null}')),
    )
    const signal = AbortSignal.timeout(250)
    await expect(polling.jobs.wait('a', { signal })).rejects.toMatchObject({ name: 'TimeoutError' })
  })

  test('another fleet is another root', async () => {
    const urls: string[] = []
    const fetch: Fetch = (url) => {
      urls.push(url)
      return Promise.resolve(new Response('{}'))
    }
    const client = new CasareClient({ url: 'https://casare.test/at/', fleet: 'north & south', fetch })
    await client.jobs.get('a/b')
    await client.health()
    expect(urls).toEqual([
      'https://casare.test/at/fleets/north%20%26%20south/api/v1/jobs/a%2Fb',
      'https://casare.test/at/healthz',
    ])
  })
})
