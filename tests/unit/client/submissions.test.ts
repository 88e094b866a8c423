import { afterEach, describe, expect, test, vi } from 'vitest'
import { CasareError, type NewJob } from '../../../client/client.ts'
import { type Asked, BATCH, job, made, outcomes, reached, SINGLE, watched } from './watched.ts'

/** Submissions that are made at the same time, and the requests in which they go. */

const refusal = (error_code: string, retry_after: number | null = null) => ({
  error_code,
  error_message: 'No',
  details: { why: 'so' },
  retry_after,
})
const refused = (status: number, code: string, headers = {}): Response =>
  new Response(JSON.stringify({ type: 'error', payload: refusal(code) }), { status, headers })

describe('requests', () => {
  test('one submission is a request of its own, at once', async () => {
    const { client, asked } = watched()
    for (const n of [0, 1, 2]) {
      const call = client.jobs.submit(job(n), { idempotencyKey: `k${n}` })
      await reached(n + 1, asked)
      asked[n]?.answer(made(asked[n]))
      expect(await call).toEqual({ id: `w${n}` })
    }
    expect(asked.map(({ path, jobs }) => [path, jobs.map((one) => one.idempotency_key)])).toEqual(
      [0, 1, 2].map((n) => [SINGLE, [`k${n}`]]),
    )
  })

  test('those made at the same time share one, in order, with a key each', async () => {
    const { client, asked } = watched()
    const calls = Array.from({ length: 50 }, (_, n) => client.jobs.submit(job(n)))
    await reached(1, asked)
    asked[0]?.answer(made(asked[0]))
    expect(await outcomes(calls)).toEqual(Array.from({ length: 50 }, (_, n) => `w${n}`))
    expect(asked[0]?.path).toBe(BATCH)
    expect(new Set(asked[0]?.jobs.map((one) => one.idempotency_key)).size).toBe(50)
  })

  test('four are under way at a time, and what is submitted meanwhile shares the next one', async () => {
    const { client, asked } = watched()
    const calls: Promise<{ id: string }>[] = []
    for (let n = 0; n < 10; n++) {
      calls.push(client.jobs.submit(job(n)))
      if (n < 4) await reached(n + 1, asked)
    }
    expect(asked.map(({ jobs }) => jobs.map((one) => one.workflow_id))).toEqual([['w0'], ['w1'], ['w2'], ['w3']])
    asked[2]?.answer(made(asked[2]))
    await reached(5, asked)
    expect(asked[4]?.jobs.map((one) => one.workflow_id)).toEqual(['w4', 'w5', 'w6', 'w7', 'w8', 'w9'])
    for (const one of asked) one.answer(made(one))
    expect(await outcomes(calls)).toEqual(calls.map((_, n) => `w${n}`))
  })

  test('a batch has at most a thousand jobs, and a million bytes', async () => {
    const { client, asked } = watched()
    const calls = Array.from({ length: 2_500 }, (_, n) => client.jobs.submit({ ...job(n), parameters: { text: 'é€' } }))
    const large = Array.from(
      { length: 5 },
      (_, n) => client.jobs.submit({ ...job(n), parameters: { text: '€'.repeat(150_000) } }),
    )
    for (let done = 0; done < calls.length + large.length;) {
      await vi.waitFor(() => expect(asked.length).toBeGreaterThan(0), { interval: 1 })
      for (const one of asked.splice(0)) {
        expect(one.jobs.length).toBeLessThanOrEqual(1_000)
        expect(Buffer.byteLength(JSON.stringify({ jobs: one.jobs }))).toBeLessThanOrEqual(1_000_000)
        done += one.jobs.length
        one.answer(made(one))
      }
    }
    expect((await outcomes([...calls, ...large])).length).toBe(2_505)
  })

  test('what cannot be said in a batch goes alone', async () => {
    const { client, asked } = watched()
    const odd: [object, object?][] = [
      [{ workflow_id: 'a', idempotency_key: 'field' }],
      [{ workflow_id: 'b', parameters: { text: 'x'.repeat(400_000) } }],
      [{ workflow_id: 'c' }, { idempotencyKey: 'with space' }],
      [{ workflow_id: 'd' }, { idempotencyKey: 'x'.repeat(256) }],
    ]
    const calls = odd.map(([one, options]) => client.jobs.submit(one as NewJob, options))
    await reached(odd.length, asked)
    expect(asked.map(({ path }) => path)).toEqual(odd.map(() => SINGLE))
    for (const one of asked) one.answer(made(one))
    expect(await outcomes(calls)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('none are shared where an option says so', async () => {
    const { client, asked } = watched({ shareRequests: false })
    const calls = Array.from({ length: 20 }, (_, n) => client.jobs.submit(job(n)))
    await reached(20, asked)
    for (const one of asked) one.answer(made(one))
    expect([await outcomes(calls), asked.every(({ path }) => path === SINGLE)]).toEqual([
      calls.map((_, n) => `w${n}`),
      true,
    ])
  })

  describe('on Workers', () => {
    afterEach(() => vi.unstubAllGlobals())
    test.each([[undefined, 2], [true, 1]])(
      'where shareRequests is %s, two calls are %i requests',
      async (share, count) => {
        vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' })
        const { client, asked } = watched({ shareRequests: share })
        const calls = [client.jobs.submit(job(0)), client.jobs.submit(job(1))]
        await reached(count, asked)
        for (const one of asked) one.answer(made(one))
        expect(await outcomes(calls)).toEqual(['w0', 'w1'])
      },
    )
  })
})

describe('outcomes', () => {
  test('a refused job throws what it would have thrown alone, and only it', async () => {
    const { client, asked } = watched()
    const calls = [0, 1, 2].map((n) => client.jobs.submit(job(n)))
    await reached(1, asked)
    const item = { status: 409, error: refusal('DUPLICATE_JOB', 200_000) }
    const { body } = made(asked[0] as Asked, (id) => id === 'w1' ? item : undefined)
    asked[0]?.answer(new Response(body, { headers: { 'X-Request-Id': 'r1' } }))
    expect(await outcomes(calls)).toEqual(['w0', 'DUPLICATE_JOB', 'w2'])
    const error = await calls[1]?.catch((cause: unknown) => cause)
    expect(error).toBeInstanceOf(CasareError)
    expect(error).toMatchObject({
      message: 'No',
      status: 409,
      details: { why: 'so' },
      retryAfter: 86_400,
      requestId: 'r1',
    })
  })

  test('a job that is put off is sent again by itself, with its key', async () => {
    const { client, asked } = watched()
    const calls = [0, 1, 2].map((n) => client.jobs.submit(job(n)))
    await reached(1, asked)
    const late = { status: 429, error: refusal('RATE_LIMITED', 0) }
    asked[0]?.answer(made(asked[0], (id) => id === 'w1' ? late : undefined))
    await reached(2, asked)
    expect(asked[1]).toMatchObject({ path: SINGLE, jobs: [asked[0]?.jobs[1]] })
    asked[1]?.answer(made(asked[1]))
    expect(await outcomes(calls)).toEqual(['w0', 'w1', 'w2'])
  })

  test('jobs of a batch that is put off are sent again, as often as single ones', async () => {
    const { client, asked } = watched({ retries: 2 })
    const calls = [0, 1].map((n) => client.jobs.submit(job(n), { idempotencyKey: `k${n}` }))
    const all = outcomes(calls)
    const keys: string[] = []
    while (keys.length < 6) {
      await vi.waitFor(() => expect(asked.length).toBeGreaterThan(0), { interval: 1 })
      for (const one of asked.splice(0)) {
        keys.push(...one.jobs.map(({ idempotency_key }) => idempotency_key))
        one.answer(refused(503, 'UNAVAILABLE', { 'Retry-After': '0' }))
      }
    }
    expect([await all, keys.toSorted()]).toEqual([
      ['UNAVAILABLE', 'UNAVAILABLE'],
      ['k0', 'k0', 'k0', 'k1', 'k1', 'k1'],
    ])
    expect(asked).toEqual([])
  })

  test('a batch that one job spoils is divided until that one is alone', async () => {
    const { client, asked } = watched()
    const calls = Array.from({ length: 16 }, (_, n) => client.jobs.submit(job(n)))
    const all = outcomes(calls)
    let done = 0
    while (done < 16) {
      await vi.waitFor(() => expect(asked.length).toBeGreaterThan(0), { interval: 1 })
      const one = asked.shift() as Asked
      const isSpoilt = one.jobs.some(({ workflow_id }) => workflow_id === 'w5')
      one.answer(isSpoilt ? refused(500, 'HANDLER_ERROR') : made(one))
      if (!isSpoilt || one.jobs.length === 1) done += one.jobs.length
    }
    expect(await all).toEqual(calls.map((_, n) => n === 5 ? 'HANDLER_ERROR' : `w${n}`))
  })

  test('a key that is refused is refused once', async () => {
    const { client, asked } = watched()
    const calls = [0, 1, 2].map((n) => client.jobs.submit(job(n)))
    await reached(1, asked)
    asked[0]?.answer(refused(401, 'AUTHENTICATION_FAILED'))
    expect(await outcomes(calls)).toEqual(calls.map(() => 'AUTHENTICATION_FAILED'))
    expect(asked.length).toBe(1)
  })

  test('an answer with too little in it is the error of those that it lacks', async () => {
    const { client, asked } = watched()
    const calls = [0, 1].map((n) => client.jobs.submit(job(n)))
    await reached(1, asked)
    asked[0]?.answer(new Response('{"items":[{"status":201,"job":{"id":"w0"}}]}'))
    expect(await outcomes(calls)).toEqual(['w0', 'CONNECTION_ERROR'])
  })
})
