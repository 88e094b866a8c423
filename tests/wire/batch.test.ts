import { afterEach, describe, expect, test } from 'vitest'
import { BATCH_JOBS_MAX } from '../../core/api/paths.ts'
import type { ErrorBody } from '../../core/api/error.ts'
import type { BatchOutcome } from '../../core/api/jobs.ts'
import type { Reply } from './api.ts'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'
import { closeAll } from './wire.ts'

/** Many jobs in one request. */

interface Answer extends Partial<ErrorBody> {
  readonly items: readonly BatchOutcome[]
}

/** Each outcome in a word or two. */
function outcomes({ body }: Reply<Answer>): readonly string[] {
  return body.items.map(({ status, error }) => [status, ...error === undefined ? [] : [error.error_code]].join(' '))
}

chapter('batches', (server) => {
  afterEach(closeAll)

  const send = (body: unknown, more: { key?: string; headers?: Record<string, string> } = {}) =>
    server.call<Answer>('POST', '/api/v1/jobs/batch', { ...more, body })
  const batch = (...jobs: readonly unknown[]) => send({ jobs })
  const job = (more: object = {}) => ({ workflow_id: 'greeting', required_tags: ['nobody'], ...more })
  const key = async (scopes: readonly string[] = ['jobs:submit', 'jobs:read']): Promise<string> =>
    String((await server.api('POST', '/keys', { name: crypto.randomUUID(), scopes }))['key'])

  test('each job is accepted or refused by itself, and answered in order', async () => {
    const sent = await batch(
      job({ priority: 'high', parameters: { n: 1.50 } }),
      job({ workflow_id: 'none' }),
      job({ prioritty: 1 }),
      'not a job',
      job({ idempotency_key: 'with a space' }),
      job({ max_attempts: 0, pool: 3 }),
      job(),
    )
    expect([sent.status, outcomes(sent)]).toEqual([200, [
      '201',
      '404 NOT_FOUND',
      '400 INVALID_PAYLOAD',
      '400 INVALID_PAYLOAD',
      '400 INVALID_PAYLOAD',
      '400 INVALID_PAYLOAD',
      '201',
    ]])
    const [first, , typo, none, spaced, two] = sent.body.items
    expect(typo?.error).toEqual({
      error_code: 'INVALID_PAYLOAD',
      error_message: 'Unknown field prioritty; did you mean priority?',
      details: { fields: ['prioritty'] },
      retry_after: null,
    })
    expect([none, spaced, two].map((one) => one?.error?.error_message)).toEqual([
      'A job must be a JSON object',
      'Field idempotency_key: must be 1 to 255 visible ASCII characters',
      expect.stringMatching(/^Field max_attempts: must be at least 1; Field pool: must be a string/),
    ])
    expect(first?.job).toEqual({
      id: expect.any(String),
      status: 'queued',
      workflow_id: 'greeting',
      created_at: expect.stringMatching(/Z$/),
    })
    const { body } = await server.call('GET', `/api/v1/jobs/${first?.job?.id}`)
    expect(body).toMatchObject({ priority: 2, parameters: { n: 1.5 }, required_tags: ['nobody'] })
  })

  test('jobs go to a robot in the order in which they stand', async () => {
    const robot = await Raw.register(server, { max_concurrent_jobs: 3 })
    const { body } = await batch(
      ...[1, 2, 3].map((n) => job({ required_tags: [], robot_id: robot.id, parameters: { n } })),
    )
    const made = body.items.map((item) => String(item.job?.id))
    for (const id of made) await robot.offered(id)
    expect(robot.offers).toEqual(made)
  })

  test('numbers keep their digits, and one that is read and cannot be kept is refused alone', async () => {
    const text = `{"jobs":[${
      ['{"parameters":{"n":9007199254740993,"f":1.10}', '{"timeout_seconds":9007199254740993', '{"priority":1'].map((
        one,
      ) => `${one},"workflow_id":"greeting","required_tags":["nobody"]}`).join(',')
    }]}`
    const sent = await send(text)
    expect(outcomes(sent)).toEqual(['201', '400 INVALID_PAYLOAD', '201'])
    expect(sent.body.items[1]?.error?.details).toEqual({ fields: ['timeout_seconds'] })
    const kept = await fetch(`${server.http}/api/v1/jobs/${sent.body.items[0]?.job?.id}`, {
      headers: { Authorization: `Bearer ${server.admin}` },
    })
    expect(await kept.text()).toContain('"parameters":{"n":9007199254740993,"f":1.10}')
  })

  describe('what is no batch is refused as a whole', () => {
    const many = Array.from({ length: BATCH_JOBS_MAX + 1 }, () => job())
    test.each<[string, unknown, number, RegExp]>([
      ['an array', [job()], 400, /^The body must be a JSON object with an array of jobs: \{"jobs": /],
      ['no jobs', {}, 400, /with an array of jobs/],
      ['jobs of another type', { jobs: { 0: job() } }, 400, /with an array of jobs/],
      ['another field', { jobs: [job()], wait: true }, 400, /^Unknown field wait: use jobs$/],
      ['none', { jobs: [] }, 400, /^jobs must not be empty$/],
      ['too many', { jobs: many }, 400, /^A batch has at most 1000 jobs, and this one has 1001: send them in several/],
      ['no JSON', '{"jobs":[', 400, /^Malformed JSON/],
      [
        'too many bytes',
        { jobs: [job({ parameters: { text: 'x'.repeat(1 << 20) } })] },
        413,
        /^The body must not exceed 1048576 bytes: send its parts in several requests$/,
      ],
    ])('%s', async (_name, body, status, message) => {
      const sent = await send(body)
      expect([sent.status, sent.body.payload?.error_message]).toEqual([status, expect.stringMatching(message)])
    })
  })

  test('a thousand jobs are one request, and an answer of some 150 bytes each', { timeout: 60_000 }, async () => {
    const made = await batch(...Array.from({ length: BATCH_JOBS_MAX }, (_, n) => job({ parameters: { n } })))
    expect(new Set(made.body.items.map((item) => item.job?.id)).size).toBe(BATCH_JOBS_MAX)
    expect(JSON.stringify(made.body).length).toBeLessThan(180 * BATCH_JOBS_MAX)
    const next = await batch(job())
    expect(outcomes(next)).toEqual(['201'])
  })

  describe('repeats', () => {
    test('by the keys of jobs, within a batch, in another one, and of a single submission', async () => {
      const [one, two] = [crypto.randomUUID(), crypto.randomUUID()]
      const first = await batch(
        job({ idempotency_key: one }),
        job({ idempotency_key: one }),
        job({ idempotency_key: one, priority: 3 }),
        job({ idempotency_key: two }),
      )
      expect(outcomes(first)).toEqual(['201', '200', '422 IDEMPOTENCY_MISMATCH', '201'])
      const [made, repeat] = first.body.items
      expect(repeat?.job).toEqual(made?.job)
      const again = await batch(job({ idempotency_key: two }), job({ idempotency_key: one }))
      expect(again.body.items.map((item) => item.job?.id)).toEqual([first.body.items[3]?.job?.id, made?.job?.id])
      const alone = await server.call('POST', '/api/v1/jobs', { body: job(), headers: { 'Idempotency-Key': one } })
      expect(alone.body['id']).toBe(made?.job?.id)
    })

    test('by the key of the request, each job at its place', async () => {
      const headers = { 'Idempotency-Key': crypto.randomUUID() }
      const jobs = [job({ parameters: { n: 1 } }), job({ workflow_id: 'none' }), job({ parameters: { n: 2 } })]
      const first = await send({ jobs }, { headers })
      await server.kill()
      await server.start()
      const again = await send({ jobs }, { headers })
      expect([outcomes(first), outcomes(again)]).toEqual([['201', '404 NOT_FOUND', '201'], [
        '200',
        '404 NOT_FOUND',
        '200',
      ]])
      expect(again.body.items.map((item) => item.job)).toEqual(first.body.items.map((item) => item.job))
      const moved = await send({ jobs: jobs.toReversed() }, { headers })
      expect(outcomes(moved)).toEqual(['422 IDEMPOTENCY_MISMATCH', '404 NOT_FOUND', '422 IDEMPOTENCY_MISMATCH'])
    }, 200_000)

    test('that are duplicates, within a batch and of an earlier one', async () => {
      const twin = job({ parameters: { of: crypto.randomUUID() }, check_duplicate: true })
      const first = await batch(twin, twin)
      expect(outcomes(first)).toEqual(['201', '409 DUPLICATE_JOB'])
      expect(first.body.items[1]?.error?.details['job_id']).toBe(first.body.items[0]?.job?.id)
      expect(outcomes(await batch(twin, { ...twin, check_duplicate: false }))).toEqual(['409 DUPLICATE_JOB', '201'])
    })
  })

  describe('a key', () => {
    test('that may not submit definitions has those refused, and no others', async () => {
      const own = { workflow_json: '{"nodes":{}}', required_tags: ['nobody'] }
      const some = await send({ jobs: [job(), own] }, { key: await key() })
      expect(outcomes(some)).toEqual(['201', '403 FORBIDDEN'])
      const others = await send({ jobs: [job(), own] }, { key: await key(['jobs:submit-definition']) })
      expect(outcomes(others)).toEqual(['403 FORBIDDEN', '201'])
      expect((await send({ jobs: [job()] }, { key: await key(['jobs:read']) })).status).toBe(403)
    })
  })
})

chapter('batches under limits', (server) => {
  test('each job counts for the limit of its key, and those beyond it say when to come again', async () => {
    const made = await server.api('POST', '/keys', { name: 'limited', scopes: ['jobs:submit'] })
    const job = { workflow_id: 'greeting', required_tags: ['nobody'] }
    const ask = (jobs: readonly object[]) =>
      server.call<Answer>('POST', '/api/v1/jobs/batch', { key: String(made['key']), body: { jobs } })
    const sent = await ask([job, { workflow_id: 'none' }, job, job, job])
    expect(outcomes(sent)).toEqual(['201', '404 NOT_FOUND', '201', '201', '429 RATE_LIMITED'])
    expect(sent.headers.get('x-ratelimit-remaining')).toBe('0')
    const { error } = sent.body.items.at(-1) ?? {}
    expect(error).toMatchObject({ details: { limit: 3, remaining: 0, retry_after_ms: expect.any(Number) } })
    expect(error?.retry_after).toBe(Math.ceil(Number(error?.details['retry_after_ms']) / 1_000))
    expect(outcomes(await ask([job]))).toEqual(['429 RATE_LIMITED'])
  })
}, { submissions_max: 3 })
