import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Robot, type RobotOptions } from '../../robot/robot.ts'
import { Raw } from './raw.ts'
import type { ErrorBody, Reply } from './api.ts'
import { chapter } from './chapter.ts'
import { Server } from './server.ts'

/** Commands to robots over HTTP, and the messages that robots get. */

chapter('people and robots', (server) => {
  /** Sent at the very beginning to a robot that never answers, since the timeout takes a while. */
  let unanswered: Promise<Reply<ErrorBody>>
  let mute: Raw
  const stops: (() => Promise<void>)[] = []

  const post = <T = Record<string, unknown>>(path: string, body?: unknown) =>
    server.call<T>('POST', `/api/v1${path}`, { body })
  const view = (robot: string) => server.api('GET', `/robots/${robot}`)

  beforeAll(async () => {
    mute = await Raw.register(server, { robot_id: 'mute' })
    await mute.wire.next('status_request')
    unanswered = post<ErrorBody>('/robots/mute/status')
  })
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop()
  })

  /** A robot of the SDK. */
  async function sdk(id: string, more: Partial<RobotOptions> = {}): Promise<Robot> {
    const robot = new Robot({
      url: server.robots,
      key: server.admin,
      id,
      runner: () => null,
      stateFile: false,
      ...more,
    })
    stops.push(() => robot.stop({ graceMs: 0 }))
    await robot.start()
    return robot
  }

  describe('robots on record', () => {
    test('one is made before it has ever connected, and changed', async () => {
      const asked = {
        name: 'One',
        environment: 'production',
        max_concurrent_jobs: 3,
        tags: ['sap'],
        capabilities: { a: 1 },
      }
      const { status, headers, body } = await post('/robots', { id: 'made', ...asked })
      expect([status, headers.get('location')]).toEqual([201, '/api/v1/robots/made'])
      expect(body).toMatchObject({ id: 'made', status: 'offline', mode: 'active', current_jobs: 0, ...asked })
      expect(await view('made')).toEqual(body)
      const changed = await server.api('PUT', '/robots/made', { name: 'Two', tags: [] })
      expect(changed).toMatchObject({ name: 'Two', tags: [], max_concurrent_jobs: 1, environment: 'default' })
      expect(changed['created_at']).toBe(body['created_at'])
      expect((await post('/robots', { name: 'Unnamed' })).body['id']).toMatch(/^[0-9a-f-]{36}$/)
    })

    test('what it says when it registers wins', async () => {
      await post('/robots', { id: 'says', name: 'Record', max_concurrent_jobs: 3 })
      const robot = await Raw.register(server, { robot_id: 'says', robot_name: 'Itself', max_concurrent_jobs: 1 })
      expect(await view(robot.id)).toMatchObject({ name: 'Itself', max_concurrent_jobs: 1, status: 'online' })
    })

    test.each([
      ['no name', {}, 'Missing required field: name'],
      ['slots that are none', { name: 'n', max_concurrent_jobs: -1 }, 'max_concurrent_jobs'],
      ['an unknown field', { name: 'n', slots: 2 }, 'slots'],
    ])('%s', async (_what, body, words) => {
      const reply = await post<ErrorBody>('/robots', body)
      expect([reply.status, reply.body.payload.error_message]).toEqual([400, expect.stringContaining(words)])
    })
  })

  describe('pause and resume', () => {
    test('[P32] a robot that is paused is told, also when it returns, and offered nothing until it is resumed', async () => {
      const robot = await Raw.register(server)
      const { status, body } = await post(`/robots/${robot.id}/pause`)
      expect([status, body['mode'], body['status']]).toEqual([200, 'paused', 'maintenance'])
      expect((await robot.wire.next('pause')).payload).toEqual({ robot_id: robot.id })
      const job = await server.submit({ workflow_id: 'greeting', robot_id: robot.id })
      await robot.beat()
      const why = await server.api<{ readonly blockers: readonly { readonly code: string }[] }>(
        'GET',
        `/jobs/${job}/explain`,
      )
      expect(why.blockers.map(({ code }) => code)).toContain('ROBOT_PAUSED')
      robot.wire.terminate()
      const again = await Raw.register(server, { robot_id: robot.id })
      expect((await again.wire.next('pause')).payload).toEqual({ robot_id: robot.id })
      await again.beat()
      expect([...robot.offers, ...again.offers]).toEqual([])
      expect((await post(`/robots/${robot.id}/resume`)).body).toMatchObject({ mode: 'resuming' })
      await again.offered(job)
      await again.beat()
      expect(await view(robot.id)).toMatchObject({ mode: 'active' })
      expect(again.wire.frames.some(({ type }) => type === 'resume')).toBe(true)
    })

    test('a robot that is away is paused too', async () => {
      await post('/robots', { id: 'away', name: 'Away' })
      expect((await post('/robots/away/pause')).body).toMatchObject({ mode: 'paused', status: 'offline' })
      const robot = await Raw.register(server, { robot_id: 'away' })
      await robot.wire.next('pause')
    })

    test('a robot of the SDK goes on with what it has, and takes nothing new', async () => {
      let end: () => void = () => {}
      const ended = new Promise<void>((resolve) => (end = resolve))
      await sdk('sdk-paused', { runner: () => ended, maxConcurrentJobs: 2 })
      const asked = { workflow_id: 'greeting', robot_id: 'sdk-paused' }
      const job = await server.submit(asked)
      await server.jobIn(job, 'running')
      await post('/robots/sdk-paused/pause')
      const next = await server.submit(asked)
      end()
      await server.jobIn(job, 'completed')
      expect((await server.job(next)).status).toBe('queued')
      await post('/robots/sdk-paused/resume')
      await server.jobIn(next, 'completed')
    })
  })

  describe('shutdown', () => {
    test('a robot is told how, is offered nothing, and comes back to work', async () => {
      const robot = await Raw.register(server)
      expect((await post(`/robots/${robot.id}/shutdown`, { graceful: false })).body['mode']).toBe('draining')
      expect((await robot.wire.next('shutdown')).payload).toEqual({ robot_id: robot.id, graceful: false })
      const job = await server.submit({ workflow_id: 'greeting', robot_id: robot.id })
      await robot.beat()
      expect(robot.offers).toEqual([])
      robot.wire.send('disconnect', { robot_id: robot.id, reason: 'As told' })
      await robot.wire.closed
      expect(await view(robot.id)).toMatchObject({ mode: 'active', status: 'offline' })
      await (await Raw.register(server, { robot_id: robot.id })).offered(job)
    })

    test('a robot of the SDK ends its job, and stops', async () => {
      let end: () => void = () => {}
      const ended = new Promise<void>((resolve) => (end = resolve))
      const robot = await sdk('sdk-shutdown', { runner: () => ended })
      const job = await server.submit({ workflow_id: 'greeting', robot_id: 'sdk-shutdown' })
      await server.jobIn(job, 'running')
      await post('/robots/sdk-shutdown/shutdown')
      end()
      expect(await robot.stopped).toBe('shutdown')
      expect((await server.job(job)).status).toBe('completed')
      expect(await view('sdk-shutdown')).toMatchObject({ status: 'offline', mode: 'active' })
    })
  })

  describe('status', () => {
    test('[P33] the robot itself answers', async () => {
      await sdk('sdk-status', { maxConcurrentJobs: 2 })
      const { status, body } = await post('/robots/sdk-status/status')
      expect(status).toBe(200)
      expect(body).toMatchObject({
        robot_id: 'sdk-status',
        status: 'online',
        current_jobs: 0,
        active_job_ids: [],
        uptime_seconds: expect.any(Number),
        system_info: expect.any(Object),
        metrics: { memory_percent: expect.any(Number) },
        at: expect.stringMatching(/Z$/),
      })
    })

    test('whatever a raw one says, to everybody who asked', async () => {
      const robot = await Raw.register(server)
      await robot.wire.next('status_request')
      const asked = [1, 2].map(() => post(`/robots/${robot.id}/status`))
      await robot.wire.next('status_request')
      await robot.wire.next('status_request')
      robot.wire.send('status_response', {
        robot_id: robot.id,
        status: 'busy',
        uptime_seconds: 7,
        system_info: { os: 'x' },
      })
      for (const { status, body } of await Promise.all(asked)) {
        expect([status, body]).toMatchObject([200, { status: 'busy', uptime_seconds: 7, system_info: { os: 'x' } }])
      }
    })

    test('one that is not connected, or goes before it has answered', async () => {
      await post('/robots', { id: 'absent', name: 'Absent' })
      const absent = await post<ErrorBody>('/robots/absent/status')
      expect([absent.status, absent.body.payload.error_code]).toEqual([502, 'CONNECTION_ERROR'])
      const robot = await Raw.register(server)
      await robot.wire.next('status_request')
      const asked = post<ErrorBody>(`/robots/${robot.id}/status`)
      await robot.wire.next('status_request')
      robot.wire.terminate()
      const gone = await asked
      expect([gone.status, gone.body.payload.error_code]).toEqual([502, 'CONNECTION_ERROR'])
    })

    test('one that does not answer', async () => {
      const { status, body, headers } = await unanswered
      expect([status, body.payload.error_code, headers.get('retry-after')]).toEqual([504, 'TIMEOUT', '5'])
      // It is connected all the same.
      await mute.beat()
    })
  })

  test.each(['pause', 'resume', 'shutdown', 'status'])('%s of no robot', async (verb) => {
    const { status, body } = await post<ErrorBody>(`/robots/none/${verb}`)
    expect([status, body.payload.error_code]).toEqual([404, 'NOT_FOUND'])
  })

  describe('pools', () => {
    test('a pool is robots with its tags, as many jobs as it may, and the workflows that it runs', async () => {
      const pool = { name: 'finance', tags: ['sap', 'eu'], max_concurrent: 1, workflows: ['greeting'] }
      const made = await post('/pools', pool)
      expect([made.status, made.body]).toEqual([201, { ...pool, created_at: expect.stringMatching(/Z$/) }])
      expect(await server.api('GET', '/pools')).toEqual({ items: [made.body], next_cursor: null })
      const outside = await Raw.register(server, { tags: ['sap'], max_concurrent_jobs: 5 })
      const inside = await Raw.register(server, { tags: ['sap', 'eu', 'more'], max_concurrent_jobs: 5 })
      const job = { workflow_id: 'greeting', pool: 'finance' }
      const [first, second] = [await server.submit(job), await server.submit(job)]
      await inside.take(first)
      expect(await server.job(second)).toMatchObject({ status: 'pending', pool: 'finance' })
      expect(await server.api('GET', `/jobs/${second}/explain`)).toMatchObject({
        blockers: [{ code: 'POOL_CONCURRENCY' }],
      })
      expect(await server.api('GET', '/stats/dispatcher')).toMatchObject({
        pools: { finance: { robots: 1, available: 1, utilization: 20 } },
      })
      inside.say('job_complete', first, { result: 1 })
      await inside.take(second)
      await outside.beat()
      expect(outside.offers).toEqual([])
      const other = await post<ErrorBody>('/jobs', { ...job, workflow_id: 'orders-total' })
      expect([other.status, other.body.payload.error_code]).toEqual([403, 'FORBIDDEN'])
      const none = await post<ErrorBody>('/jobs', { ...job, pool: 'none' })
      expect([none.status, none.body.payload.details]).toEqual([404, { fields: ['pool'] }])
    })
  })

  test('statistics have the shapes of the reference', async () => {
    const own = new Server(server.target)
    await own.start()
    const robot = await Raw.register(own, { robot_id: 'r1', max_concurrent_jobs: 2 })
    await own.api('POST', '/robots', { id: 'r2', name: 'Two', max_concurrent_jobs: 2 })
    const job = await own.submit({ workflow_id: 'greeting', robot_id: 'r1' })
    await robot.take(job)
    for (const priority of [0, 1, 1, 3]) await own.submit({ workflow_id: 'greeting', robot_id: 'r2', priority })
    await own.submit({ workflow_id: 'greeting', scheduled_time: '2099-01-01T00:00:00Z' })
    expect(await own.api('GET', '/stats/queue')).toEqual({
      queued: 4,
      running: 1,
      pending: expect.any(Number),
      by_priority: { critical: 1, high: 0, normal: 2, low: 1 },
      total_tracked: expect.any(Number),
    })
    expect(await own.api('GET', '/stats/dispatcher')).toEqual({
      total_robots: 2,
      online: 1,
      busy: 0,
      offline: 1,
      error: 0,
      maintenance: 0,
      total_capacity: 4,
      current_load: 1,
      utilization: 25,
      strategy: 'least_loaded',
      pools: {},
    })
    robot.wire.terminate()
    await own.stop()
  })
}, { status_seconds: 4 })
