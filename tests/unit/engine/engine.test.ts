import { describe, expect, test } from 'vitest'
import { ExactNumber, JobPriority, OrchestratorEngine, parseExact } from '../../../adapters/engine/index.ts'
import { held, useLab } from './lab.ts'

/** The engine in this process, with real robots on real sockets. */

const lab = useLab()

describe('jobs', () => {
  test('from submission to the end', async () => {
    await lab.robot((job) => ({ got: job.parameters }))
    const job = await lab.submit({ params: { customer_id: 'C-1' }, priority: JobPriority.CRITICAL, requiredTags: [] })
    expect(job).toMatchObject({ status: 'queued', priority: 3, params: { customer_id: 'C-1' }, result: null })
    expect(job.createdAt).toBeInstanceOf(Date)
    const ended = await lab.engine.waitForJob(job.id)
    expect(ended).toMatchObject({ status: 'completed', result: { got: { customer_id: 'C-1' } }, robotId: 'r1' })
    // The job has already ended, so a later caller does not wait.
    expect(await lab.engine.waitForJob(job.id)).toEqual(await lab.engine.getJob(job.id))
  })

  test('the most urgent goes first', async () => {
    const order: unknown[] = []
    const jobs = []
    for (const priority of [JobPriority.LOW, JobPriority.CRITICAL, JobPriority.NORMAL, JobPriority.HIGH]) {
      jobs.push(await lab.submit({ priority }))
    }
    const ends = jobs.map(({ id }) => lab.engine.waitForJob(id).then(({ priority }) => order.push(priority)))
    await lab.robot(() => null)
    await Promise.all(ends)
    expect(order).toEqual([3, 2, 1, 0])
  })

  test('a running job is called off, and its robot stops', async () => {
    const { handler, entered } = held()
    await lab.robot(handler)
    const { id } = await lab.submit()
    await entered
    const waited = lab.engine.waitForJob(id)
    expect(await lab.engine.cancelJob(id, 'No longer needed')).toBe(true)
    expect(await waited).toMatchObject({ status: 'cancelled', errorMessage: 'No longer needed' })
    expect(await lab.engine.cancelJob(id)).toBe(false)
    // The slot is free again only because the robot has confirmed: its grace would be two minutes.
    const next = await lab.submit()
    await expect.poll(async () => (await lab.engine.getJob(next.id))?.status).toBe('running')
  })

  test('a retry has everything that was asked for', async () => {
    await lab.robot(() => Promise.reject(new Error('broken')), { tags: ['sap'] })
    const asked = { params: { a: 1 }, priority: JobPriority.HIGH, environment: 'default', requiredTags: ['sap'] }
    const first = await lab.engine.waitForJob((await lab.submit(asked)).id)
    expect(first).toMatchObject({ status: 'failed', errorMessage: 'broken' })
    const second = await lab.engine.retryJob(first.id)
    expect(second).toMatchObject({ ...asked, retryOf: first.id, pinnedRobotId: null, status: 'queued' })
    expect(await lab.engine.waitForJob(second.id)).toMatchObject({ status: 'failed' })
  })

  test('a job of another time waits for it', async () => {
    await lab.robot(() => null)
    const far = new Date(Date.now() + 3_600_000)
    expect(await lab.submit({ scheduledTime: far })).toMatchObject({ status: 'pending', scheduledTime: far })
    const at = new Date(Date.now() + 300)
    const { id } = await lab.submit({ scheduledTime: at })
    const { startedAt } = await lab.engine.waitForJob(id)
    expect(startedAt?.getTime()).toBeGreaterThanOrEqual(at.getTime())
  })

  test('the same under the same key is the same job', async () => {
    const { id } = await lab.submit({ idempotencyKey: 'order-1' })
    expect((await lab.submit({ idempotencyKey: 'order-1' })).id).toBe(id)
    await expect(lab.submit({ idempotencyKey: 'order-1', priority: 3 })).rejects.toMatchObject({
      code: 'IDEMPOTENCY_MISMATCH',
      details: { jobId: id },
    })
    expect((await lab.submit({ idempotencyKey: 'order-2' })).id).not.toBe(id)
  })

  test('whoever waits can stop waiting', async () => {
    const { id } = await lab.submit()
    const control = new AbortController()
    const waited = lab.engine.waitForJob(id, { signal: control.signal })
    control.abort(new Error('enough'))
    await expect(waited).rejects.toThrow('enough')
    await expect(lab.engine.waitForJob(id, { signal: control.signal })).rejects.toThrow('enough')
  })

  test('why a job waits, and what would let it run', async () => {
    await lab.robot(() => null, { id: 'r1', name: 'One' })
    const { id } = await lab.submit({ requiredTags: ['sap'] })
    expect(await lab.engine.explain(id)).toMatchObject({
      jobId: id,
      eligible: false,
      summary: 'No known robot has the tag sap.',
      blockers: [{ code: 'NO_SUITABLE_ROBOT' }, { code: 'ROBOT_TAG_MISSING', count: 1 }],
      robots: [{ robotId: 'r1', robotName: 'One', details: { missingTags: ['sap'] } }],
      queue: { position: 1, aheadByPriority: [0, 0, 0, 0] },
    })
    await lab.engine.cancelJob(id, 'Enough')
    const ended = await lab.engine.explain(id)
    expect(ended).toMatchObject({ status: 'cancelled', blockers: [], wouldRunIf: [], queue: null })
    expect(ended.summary).toContain('Enough')
  })
})

describe('robots', () => {
  test('one that is on record is known before it connects', async () => {
    const made = await lab.engine.registerRobot({ robotId: 'r9', name: 'Nine', maxConcurrentJobs: 3, tags: ['a_tag'] })
    expect(made).toMatchObject({ id: 'r9', status: 'offline', environment: 'default', maxConcurrentJobs: 3 })
    expect(lab.engine.getDispatcherStats()).toMatchObject({ totalRobots: 1, offline: 1, totalCapacity: 3 })
    expect((await lab.engine.registerRobot({ name: 'Nameless' })).id).toMatch(/^[0-9a-f-]{36}$/)
    await expect(lab.engine.registerRobot({ name: '' })).rejects.toMatchObject({ code: 'INVALID_PAYLOAD' })
    await lab.robot(() => null, { id: 'r9', maxConcurrentJobs: 5 })
    expect(lab.engine.getDispatcherStats()).toMatchObject({ totalRobots: 2, online: 1, totalCapacity: 6 })
  })

  test('without its key none gets in, unless any may', async () => {
    const intruder = lab.made(() => null)
    await expect(intruder.start()).rejects.toThrow(/Missing API key/)
    lab.engine = await lab.start({ robotsAuth: 'open' })
    const guest = lab.made(() => 'hello')
    await guest.start()
    expect((await lab.engine.waitForJob((await lab.submit()).id)).result).toBe('hello')
  })
})

test('over HTTP there are the same jobs, and pools keep their names', async () => {
  const { port } = await lab.engine.startHttp({ port: 0 })
  const headers = {
    'Authorization': `Bearer ${await lab.engine.createKey({ name: 'admin', scopes: ['admin'] })}`,
    'Content-Type': 'application/json',
  }
  const call = (path: string, init: RequestInit = {}) =>
    fetch(`http://127.0.0.1:${port}/api/v1${path}`, { headers, ...init }).then((reply) => reply.json())
  const { id } = await lab.submit({ params: { a: 1 } })
  expect(await call(`/jobs/${id}`)).toMatchObject({ id, created_by: 'engine', parameters: { a: 1 } })
  await call('/pools', { method: 'POST', body: JSON.stringify({ name: 'big_pool', tags: ['big'] }) })
  expect(lab.engine.getDispatcherStats().pools).toEqual({ big_pool: { robots: 0, available: 0, utilization: 0 } })
  expect(lab.engine.getQueueStats()).toEqual({
    queued: 1,
    running: 0,
    pending: 0,
    byPriority: { critical: 0, high: 0, normal: 1, low: 0 },
    totalTracked: 1,
  })
})

describe('stop', () => {
  test('waits for what is running', async () => {
    const { handler, entered, end } = held()
    await lab.robot(handler)
    const { id } = await lab.submit()
    await entered
    const waited = lab.engine.waitForJob(id)
    const stopped = lab.engine.stop()
    await expect(lab.submit()).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    end('done')
    expect(await waited).toMatchObject({ status: 'completed', result: 'done' })
    await stopped
    await expect(lab.submit()).rejects.toThrow('not running')
  })

  test('tells those who wait for what is not', async () => {
    const { id } = await lab.submit()
    const waited = lab.engine.waitForJob(id)
    const rejected = expect(waited).rejects.toThrow('stopped before the job had ended')
    await lab.engine.stop()
    await rejected
  })

  test('with a folder, everything is there again, and a running job is adopted', async () => {
    const data = lab.newFolder()
    lab.engine = await lab.start({ data })
    const { port } = new URL(lab.url)
    const { handler, entered, end } = held()
    await lab.robot(handler)
    const { id } = await lab.submit({ params: { a: 1 } })
    await entered
    await expect.poll(async () => (await lab.engine.getJob(id))?.status).toBe('running')
    await lab.engine.stop({ graceSeconds: 0 })
    lab.engine = new OrchestratorEngine({ data, log: () => {} })
    lab.stops.push(() => lab.engine.stop({ graceSeconds: 0 }))
    await lab.engine.start()
    expect(await lab.engine.getJob(id)).toMatchObject({ status: 'running', params: { a: 1 } })
    const waited = lab.engine.waitForJob(id)
    await lab.engine.startServer({ port: Number(port) })
    end('kept')
    expect(await waited).toMatchObject({ status: 'completed', result: 'kept', attempt: 1 })
  })

  test('a second engine on a folder in use does not start, and the first goes on', async () => {
    const data = lab.newFolder()
    lab.engine = await lab.start({ data })
    await expect(new OrchestratorEngine({ data }).start()).rejects.toThrow(/is in use by another orchestrator/)
    expect((await lab.submit()).status).toBe('queued')
    await lab.engine.stop()
    const next = new OrchestratorEngine({ data })
    await next.start()
    await next.stop()
  })

  test('without one, the next engine knows nothing', async () => {
    const { id } = await lab.submit()
    expect(await (await lab.start({})).getJob(id)).toBeUndefined()
  })
})

test('a workflow that no known robot runs is published, and the log says so', async () => {
  const lines: string[] = []
  const engine = await lab.start({ log: (level, message) => void lines.push(`${level} ${message}`) })
  const nodes = { a: { node_type: 'LogNode' }, b: { node_type: 'FaxNode' } }
  expect(await engine.publishWorkflow({ workflowId: 'fax', name: 'Fax', workflowJson: { nodes } })).toBe('fax')
  expect(lines.filter((line) => line.startsWith('warn'))).toEqual([
    'warn workflow fax: No known robot runs the node type FaxNode',
  ])
})

test('numbers keep every digit, as JSON and by parseExact', async () => {
  const { engine } = lab
  await lab.robot((job) => parseExact(job.parametersText))
  const params = { id: 9007199254740993n, huge: new ExactNumber('1e400') }
  const job = await engine.waitForJob((await lab.submit({ params })).id)
  expect(job).toMatchObject({ params: { id: 9007199254740992 }, paramsText: '{"id":9007199254740993,"huge":1e400}' })
  expect(parseExact(job.resultText ?? '')).toEqual(params)
})

test('a schedule runs a workflow that was published here, and says when', async () => {
  const { engine } = lab
  const workflowId = await engine.publishWorkflow({ name: 'Report', workflowJson: { nodes: {} } })
  const runAt = new Date(Date.now() + 86_400_000)
  const later = await engine.createSchedule({ name: 'Later', workflowId, frequency: 'once', runAt })
  expect(later).toMatchObject({ workflowName: 'Report', nextRun: runAt, lastRun: null, enabled: true })
  const everySecond = { frequency: 'cron', cronExpression: '* * * * * *', params: { a: 1 } } as const
  const schedule = await engine.createSchedule({ name: 'Soon', workflowId, ...everySecond })
  expect(engine.getUpcomingSchedules().map(({ id }) => id)).toEqual([schedule.id, later.id])
  const seen = new Promise<string>((resolve, reject) => {
    lab.robot((job) => {
      resolve(job.id)
      return { got: job.parameters }
    }).catch(reject)
  })
  const job = await engine.waitForJob(await seen)
  expect(job).toMatchObject({ scheduleId: schedule.id, dueAt: expect.any(Date), result: { got: { a: 1 } } })
  expect(job.dueAt?.getTime()).toBeGreaterThanOrEqual(schedule.nextRun?.getTime() ?? NaN)
})

test.each([
  [{ timezone: 'Mars/Olympus' }, /timezone must be an IANA/, 'timezone'],
  [{ cronExpression: '0 0 30 2 *' }, /cronExpression .* matches no day/, 'cronExpression'],
  [{ workflowId: 'nobody' }, /nobody not found/, 'workflowId'],
])('a schedule with %j is refused by the name of the field', async (more, message, field) => {
  const wrong = { name: 'Never', workflowId: 'w', frequency: 'cron', cronExpression: '0 9 * * *', ...more } as const
  await expect(lab.engine.createSchedule(wrong)).rejects.toMatchObject({
    name: 'RefusedError',
    message: expect.stringMatching(message) as string,
    details: { fields: [field] },
  })
})
