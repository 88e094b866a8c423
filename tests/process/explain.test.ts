import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Raw } from '../wire/raw.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { closeAll } from '../wire/wire.ts'

/** Jobs that wait because of concurrency limits, and the explanations for it. */

let server: Orchestrator

beforeAll(async () => {
  server = await Orchestrator.start()
})
afterEach(closeAll)
afterAll(cleanUp)
afterAll(() => expect(server.program.err).toBe(''))

/** A job that no robot of another test can take. */
const submit = (robot: string, more: object = {}): Promise<string> =>
  server.submit({ workflow_id: 'greeting', robot_id: robot, ...more })

describe('limits on concurrency', () => {
  test('a workflow with max_concurrent', async () => {
    const id = `narrow-${crypto.randomUUID()}`
    await server.api('POST', '/workflows', { id, name: 'Narrow', json_definition: { nodes: {} }, max_concurrent: 1 })
    await server.api('POST', `/workflows/${id}/publish`)
    const robot = await Raw.register(server, { max_concurrent_jobs: 5 })
    const [first, second] = [await submit(robot.id, { workflow_id: id }), await submit(robot.id, { workflow_id: id })]
    await robot.take(first)
    expect(robot.offers).toEqual([first])
    expect((await server.job(second)).status).toBe('pending')
    expect(await server.api('GET', `/jobs/${second}/explain`)).toMatchObject({
      eligible: false,
      blockers: [{ code: 'WORKFLOW_CONCURRENCY', message: expect.stringContaining('1 of at most 1') }],
    })
    robot.say('job_complete', first, { result: 1 })
    await robot.take(second)
  })

  test('a key with a limit, over different workflows', async () => {
    const robot = await Raw.register(server, { max_concurrent_jobs: 5 })
    const key = { concurrency_key: crypto.randomUUID(), concurrency_limit: 2 }
    const jobs = []
    for (const workflow_id of ['greeting', 'orders-total', 'greeting']) {
      jobs.push(await submit(robot.id, { workflow_id, ...key }))
    }
    const [first = '', second = '', third = ''] = jobs
    await robot.take(first)
    await robot.take(second)
    expect((await server.job(third)).status).toBe('pending')
    const why = await server.api<{ readonly blockers: readonly { readonly code: string }[] }>(
      'GET',
      `/jobs/${third}/explain`,
    )
    expect(why.blockers.map(({ code }) => code)).toContain('KEY_CONCURRENCY')
    await server.api('POST', `/jobs/${first}/cancel`)
    await robot.beat({ active_job_ids: [first, second] })
    // Cancelled, but its robot has not stopped: it is still inside.
    expect((await server.job(third)).status).toBe('pending')
    robot.say('job_cancelled', first)
    await robot.take(third)
  })
})

describe('explain', () => {
  test('without any robot', async () => {
    const own = await Orchestrator.start()
    const job = await own.submit({ workflow_id: 'greeting' })
    expect(await own.api('GET', `/jobs/${job}/explain`)).toMatchObject({
      job_id: job,
      status: 'queued',
      eligible: false,
      summary: 'No robot has ever registered.',
      blockers: [{ code: 'NO_ROBOTS' }],
      robots: [],
      queue: { position: 1, effective_priority: 1, aging_at: expect.stringMatching(/Z$/) },
      next_check_at: expect.stringMatching(/Z$/),
      as_of: expect.stringMatching(/Z$/),
    })
    await own.stop()
  })

  test('with a tag that is missing, and what would help does help', async () => {
    const environment = `env-${crypto.randomUUID()}`
    const robot = await Raw.register(server, { tags: ['browser'], environment })
    const job = await submit(robot.id, { required_tags: ['browser', 'sap'] })
    const why = await server.api<{
      readonly robots: readonly { readonly robot_id: string; readonly codes: readonly string[] }[]
      readonly would_run_if: readonly { readonly change: Readonly<Record<string, unknown>> }[]
    }>('GET', `/jobs/${job}/explain`)
    expect(why).toMatchObject({ eligible: false, status: 'queued' })
    expect(why.robots.find(({ robot_id }) => robot_id === robot.id)).toMatchObject({
      codes: ['ROBOT_TAG_MISSING'],
      details: { missing_tags: ['sap'] },
    })
    const change = why.would_run_if.map((one) => one.change).find(({ robot_id }) => robot_id === robot.id)
    expect(change).toEqual({ robot_id: robot.id, tags: expect.arrayContaining(['sap']) })
    robot.wire.terminate()
    const again = await Raw.register(server, { robot_id: robot.id, tags: ['browser', 'sap'], environment })
    await again.offered(job)
  })

  test('of a job that runs, that has ended, and that there is not', async () => {
    const robot = await Raw.register(server)
    const job = await submit(robot.id)
    await robot.take(job)
    const running = await server.api('GET', `/jobs/${job}/explain`)
    expect(running).toMatchObject({ status: 'running', eligible: true, blockers: [], would_run_if: [], queue: null })
    robot.say('job_failed', job, { error_message: 'broken' })
    await robot.beat()
    expect(await server.api('GET', `/jobs/${job}/explain`)).toMatchObject({
      status: 'failed',
      eligible: false,
      summary: 'It has ended, and is failed: broken.',
      blockers: [],
      robots: [],
      would_run_if: [],
      next_check_at: null,
    })
    expect((await server.call('GET', '/api/v1/jobs/none/explain')).status).toBe(404)
  })
})
