import { expect, test } from 'vitest'
import { CasareClient, CasareError, type ClientOptions, type NewJob, type SubmittedJob } from '../../client/client.ts'
import { chapter } from './chapter.ts'

/** Submissions of the client that share requests: each has the outcome that it would have had alone. */

chapter('a client', (server) => {
  /** A client, and the paths that it has asked. */
  const watched = (options: Partial<ClientOptions> = {}) => {
    const paths: string[] = []
    const counting: ClientOptions['fetch'] = (url, init) => {
      paths.push(url.slice(server.http.length))
      return (options.fetch ?? fetch)(url, init)
    }
    return { paths, client: new CasareClient({ url: server.http, key: server.admin, ...options, fetch: counting }) }
  }
  const job = (more: object = {}): NewJob => ({ workflow_id: 'greeting', required_tags: ['nobody'], ...more })

  /** A job without what differs from one to the next, or everything that an error says. */
  const outcome = (call: Promise<SubmittedJob>): Promise<object> =>
    call.then(
      ({ id: _id, created_at: _at, warnings = [], ...rest }) => ({
        ...rest,
        warnings: warnings.map(({ code }) => code),
      }),
      (error: CasareError) => ({
        code: error.code,
        status: error.status,
        message: error.message.replace(/[0-9a-f-]{36}/, '…'),
        // Ids of jobs, which differ.
        details: Object.keys(error.details),
        retryAfter: error.retryAfter,
        hasRequestId: error.requestId !== null,
      }),
    )

  test('submits jobs of the same time in one request, and those after one another in one each', async () => {
    const { client, paths } = watched()
    const made = await Promise.all(Array.from({ length: 40 }, (_, n) => client.jobs.submit(job({ parameters: { n } }))))
    expect(paths).toEqual(['/api/v1/jobs/batch?whole=true'])
    const read = await Promise.all(made.map(({ id }) => client.jobs.get(id)))
    expect(read.map(({ parameters }) => parameters['n'])).toEqual(made.map((_, n) => n))
    paths.length = 0
    for (const n of [1, 2]) await client.jobs.submit(job({ parameters: { n } }))
    expect(paths).toEqual(['/api/v1/jobs', '/api/v1/jobs'])
  })

  test('has the outcomes of requests of their own', async () => {
    const deep = Array.from({ length: 200 }).reduce<object>((inner) => ({ inner }), {})
    const calls = (same: string): readonly [object, { readonly idempotencyKey: string }?][] => [
      [job()],
      [job({ required_tags: [], priority: 'high', timeout_seconds: 7, parameters: { n: 9007199254740993n } })],
      [{ workflow_id: 'none' }],
      [job({ prioritty: 1 })],
      [job({ max_attempts: 0, pool: 3 })],
      [{}],
      [job({ idempotency_key: 'in the body' })],
      [job(), { idempotencyKey: 'with a space' }],
      [job({ parameters: deep })],
      [job({ parameters: { text: 'x'.repeat(1 << 20) } })],
      [job({ workflow_id: 'own', workflow_json: { nodes: {} }, workflow_name: 'Own' })],
      [job({ workflow_json: '{' })],
      [job({ check_duplicate: true, parameters: { same } })],
      [job({ check_duplicate: true, parameters: { same } })],
      [job({ priority: 2 }), { idempotencyKey: same }],
      [job({ priority: 2 }), { idempotencyKey: same }],
      [job({ priority: 3 }), { idempotencyKey: same }],
    ]
    const alone = watched({ shareRequests: false }).client
    const expected: object[] = []
    for (const [one, options] of calls(crypto.randomUUID())) {
      expected.push(await outcome(alone.jobs.submit(one as NewJob, options)))
    }
    const { client, paths } = watched()
    const found = await Promise.all(
      calls(crypto.randomUUID()).map(([one, options]) => outcome(client.jobs.submit(one as NewJob, options))),
    )
    expect(found).toEqual(expected)
    expect(paths.filter((path) => path.includes('/batch')).length).toBeGreaterThan(0)
  })

  test('makes each job once where an answer is lost, with and without a restart', async () => {
    let lost = 0
    const { client, paths } = watched({
      async fetch(url, init) {
        const answer = await fetch(url, init)
        await answer.arrayBuffer()
        if (lost++ > 0) return await fetch(url, init)
        await server.kill()
        await server.start()
        throw new TypeError('fetch failed', { cause: new Error('other side closed') })
      },
    })
    const workflow_id = crypto.randomUUID()
    const own = { workflow_id, workflow_json: '{"nodes":{}}', required_tags: ['nobody'] }
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, n) => client.jobs.submit({ ...own, parameters: { n } })),
    )
    expect(paths.length).toBeGreaterThan(1)
    const listed: string[] = []
    for await (const { id } of client.jobs.list({ workflow_id })) listed.push(id)
    expect(listed.toSorted()).toEqual(made.map(({ id }) => id).toSorted())
  }, 200_000)

  test('aborts one and submits the others', async () => {
    const { client, paths } = watched()
    const controller = new AbortController()
    const calls = [0, 1, 2].map((n) => client.jobs.submit(job(), n === 1 ? { signal: controller.signal } : {}))
    controller.abort(new Error('gone'))
    const settled = await Promise.allSettled(calls)
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(paths).toEqual(['/api/v1/jobs/batch?whole=true'])
  })
})

chapter('a client under limits', (server) => {
  test('throws for the jobs beyond it what a request of their own would', async () => {
    const { key } = await new CasareClient({ url: server.http, key: server.admin }).keys.create({
      name: 'limited',
      scopes: ['jobs:submit'],
    })
    const client = new CasareClient({ url: server.http, key, retries: 0 })
    const job = { workflow_id: 'greeting', required_tags: ['nobody'] }
    const settled = await Promise.all(
      [0, 1, 2, 3, 4].map(() => client.jobs.submit(job).then(() => null, (error: CasareError) => error)),
    )
    const alone = await client.jobs.submit(job).then(() => null, (error: CasareError) => error)
    expect(settled.slice(0, 3)).toEqual([null, null, null])
    for (const error of settled.slice(3)) {
      expect(error).toMatchObject({ code: 'RATE_LIMITED', status: 429, message: alone?.message })
      expect(error?.retryAfter).toBeGreaterThanOrEqual(alone?.retryAfter ?? Infinity)
    }
  })
}, { submissions_max: 3 })
