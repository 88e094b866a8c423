import { afterEach, beforeAll, expect, test } from 'vitest'
import type { Reply } from './api.ts'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'
import { closeAll } from './wire.ts'

/** The limits on jobs that robots and users may cause without submitting them, and on jobs that follow from one. */

type Answer = Reply<Record<string, unknown>>

chapter('how many jobs jobs may lead to', (server) => {
  beforeAll(async () => {
    for (const id of ['root', 'leaf', 'loop']) {
      await server.api('POST', '/workflows', { id, name: id, json_definition: { nodes: {} } })
      await server.api('POST', `/workflows/${id}/publish`)
    }
    const called = { name: 'Leaf', trigger_type: 'workflow_call', workflow_id: 'leaf', config: { call_alias: 'leaf' } }
    await server.api('POST', '/triggers', called)
    for (const id of ['loop-1', 'loop-2']) {
      const loops = { trigger_type: 'workflow_call', workflow_id: 'loop', config: { after: { workflows: ['loop'] } } }
      await server.api('POST', '/triggers', { ...loops, id, name: id })
    }
  })
  afterEach(closeAll)

  const keyFor = async (robot: Raw): Promise<string> =>
    String(
      (await server.api('POST', '/keys', { name: robot.id, scopes: ['robots:connect'], robot_id: robot.id }))['key'],
    )
  const call = (key: string, parent_job_id: string, once: string = crypto.randomUUID()): Promise<Answer> => {
    const headers = { 'Idempotency-Key': once }
    return server.call('POST', '/api/v1/calls/leaf', { key, body: { parent_job_id }, headers })
  }
  const code = ({ status, body }: Answer) => [status, (body['payload'] as { error_code?: string })?.error_code]

  // The first: its jobs go to any robot, and no others wait yet.
  test('a chain that fans out ends, and the events of its triggers say why', async () => {
    const robot = await Raw.register(server)
    const root = await robot.submit({ workflow_id: 'loop' })
    for (let done = 0; done < 4; done++) {
      const offer = await robot.wire.next('job_assign')
      robot.say('job_complete', String(offer.payload['job_id']), { result: {} })
    }
    await robot.beat()
    const events = await Promise.all(
      ['loop-1', 'loop-2'].map(async (id) =>
        (await server.api<{ readonly items: readonly { readonly reason: string }[] }>('GET', `/triggers/${id}/events`))
          .items
      ),
    )
    const reasons = events.flat().map(({ reason }) => reason).toSorted()
    expect(reasons).toEqual(['', '', '', ...Array.from({ length: 5 }, () => 'CALL_TOO_WIDE')])
    expect((await server.job(root)).status).toBe('completed')
  })

  test('[P73] a robot’s calls are limited as submissions are, by its key', async () => {
    const robot = await Raw.register(server, { max_concurrent_jobs: 20 })
    const key = await keyFor(robot)
    const [first, second] = [await robot.running(), await robot.running()]
    for (let n = 0; n < 3; n++) expect((await call(key, first)).status).toBe(202)
    expect((await call(key, second)).status).toBe(202)
    expect((await call(key, second, 'fifth')).status).toBe(202)
    const refused = await call(key, second)
    expect(code(refused)).toEqual([429, 'RATE_LIMITED'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('x-ratelimit-remaining')).toBe('0')
    expect((await call(key, second, 'fifth')).status, 'the same call again').toBe(202)
  })

  test('[P73] a call is refused where the first job above it has led to as many as one may', async () => {
    const robot = await Raw.register(server, { max_concurrent_jobs: 20 })
    const key = await keyFor(robot)
    const job = await robot.running()
    for (let n = 0; n < 3; n++) expect((await call(key, job)).status).toBe(202)
    const refused = await call(key, job)
    expect(code(refused)).toEqual([409, 'CALL_TOO_WIDE'])
    expect(refused.body['payload']).toMatchObject({ details: { limit: 3, root_job_id: job } })
    robot.say('job_complete', job, { result: {} })
    await robot.beat()
  })

  test('a job that is run again, and a schedule that is run by hand, count as submissions', async () => {
    const made = await server.api('POST', '/keys', { name: crypto.randomUUID(), scopes: ['jobs:submit'] })
    const key = String(made['key'])
    const schedule = { name: 'Yearly', workflow_id: 'root', frequency: 'cron', cron_expression: '0 0 1 1 *' }
    const { id } = await server.api('POST', '/schedules', { ...schedule, overlap: 'allow' })
    const ended = await server.submit({ workflow_id: 'root', required_tags: ['none'] })
    await server.api('POST', `/jobs/${ended}/cancel`)
    const again = () => server.call('POST', `/api/v1/jobs/${ended}/retry`, { key })
    const run = () => server.call('POST', `/api/v1/schedules/${String(id)}/trigger`, { key })
    const left = ({ status, headers }: Answer) => [status, headers.get('x-ratelimit-remaining')]
    expect([left(await again()), left(await run()), left(await again())]).toEqual([[201, '4'], [201, '3'], [201, '2']])
    expect([left(await run()), left(await run())]).toEqual([[201, '1'], [201, '0']])
    for (const refused of [await again(), await run()]) {
      expect(code(refused)).toEqual([429, 'RATE_LIMITED'])
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect((await server.call('POST', '/api/v1/jobs/none/retry', { key })).status, 'what is not there').toBe(404)
  })
}, { submissions_max: 5, descendants_max: 3 })
