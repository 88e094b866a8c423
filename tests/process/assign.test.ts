import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { type Frame, hangUpAll, Wire } from '../wire/wire.ts'

/** Jobs on the wire: from the offer to the end, seen from both sides at once. */

let server: Orchestrator
let robots = 0

beforeAll(async () => {
  server = await Orchestrator.start()
})
afterEach(hangUpAll)
afterAll(cleanUp)
afterAll(async () => {
  expect(server.program.err).toBe('')
})

interface Entry {
  readonly event: string
  readonly to_status: string
  readonly robot_id: string | null
  readonly detail: string
}

interface Working {
  readonly robot: string
  readonly wire: Wire
  /** The job that the robot was offered, and the offer. */
  readonly job: string
  readonly offer: Frame
  /** What every message about the job holds. */
  readonly about: { readonly job_id: string; readonly robot_id: string }
}

/** A robot of its own for each test, and a job that no other may take, offered to it. */
async function offered(job: Readonly<Record<string, unknown>> = {}, slots = 1): Promise<Working> {
  const robot = `robot-${++robots}`
  const wire = await Wire.register(server.robots, server.admin, { robot_id: robot, max_concurrent_jobs: slots })
  const id = await server.submit({ workflow_id: 'greeting', robot_id: robot, ...job })
  const offer = await wire.next('job_assign')
  expect(offer.payload['job_id']).toBe(id)
  return { robot, wire, job: id, offer, about: { job_id: id, robot_id: robot } }
}

async function running(): Promise<Working> {
  const working = await offered()
  working.wire.send('job_accept', working.about)
  await working.wire.beat(working.robot)
  expect(await server.job(working.job)).toMatchObject({ status: 'running', attempt: 1 })
  return working
}

async function history(id: string): Promise<readonly Entry[]> {
  return (await server.api<{ readonly items: readonly Entry[] }>('GET', `/jobs/${id}/history`)).items
}

const events = async (id: string): Promise<readonly string[]> => (await history(id)).map(({ event }) => event)

test('job_assign is as the reference shows it, with the attempt beside it', async () => {
  const parameters = { name: 'Ada', list: [1, null, { deep: true }], text: 'Zürich 😀 "quoted"' }
  const { offer, job } = await offered({ parameters, priority: 'high', timeout_seconds: 90 })
  expect(offer).toEqual({
    type: 'job_assign',
    id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    timestamp: expect.stringMatching(/Z$/),
    payload: {
      job_id: job,
      workflow_id: 'greeting',
      workflow_name: 'Greeting',
      workflow_json: expect.any(String),
      priority: 2,
      timeout_seconds: 90,
      parameters,
      attempt: 1,
    },
  })
  const { body } = await server.call('GET', '/api/v1/workflows/greeting')
  expect(offer.payload['workflow_json']).toBe(body['json_definition'])
})

test('from the offer to the end, with progress and logs to be seen on the way', async () => {
  const { wire, robot, job, offer, about } = await offered()
  expect(await server.job(job)).toMatchObject({ status: 'queued', attempt: 1 })
  wire.send('job_accept', { ...about, attempt: offer.payload['attempt'] })
  wire.send('job_progress', { ...about, progress: 45, current_node: 'extract', message: 'Extracting' })
  wire.send('log_entry', { ...about, level: 'info', message: 'first', node_id: 'a', extra: { selector: '#x' } })
  wire.send('log_batch', {
    ...about,
    entries: [
      { level: 'DEBUG', message: 'second', timestamp: '2024-01-15T10:34:58Z' },
      { level: 'warn', message: 'third' },
    ],
  })
  wire.send('log_entry', { ...about, level: 'ERROR', message: 'fourth' })
  await wire.beat(robot)
  expect(await server.job(job)).toMatchObject({ status: 'running', progress: 45, current_node: 'extract' })
  const logs = await server.api<{ readonly items: readonly object[] }>('GET', `/jobs/${job}/logs`)
  expect(logs.items).toMatchObject([
    { level: 'INFO', message: 'first', node_id: 'a', extra: { selector: '#x' }, robot_id: robot },
    { level: 'DEBUG', message: 'second', robot_timestamp: '2024-01-15T10:34:58Z' },
    { level: 'WARNING', message: 'third', robot_timestamp: null },
    { level: 'ERROR', message: 'fourth' },
  ])
  const page = await server.api<{ readonly items: readonly object[]; readonly next_cursor: string }>(
    'GET',
    `/jobs/${job}/logs?limit=3`,
  )
  const rest = await server.api('GET', `/jobs/${job}/logs?limit=3&cursor=${page.next_cursor}`)
  expect([...page.items, ...rest['items'] as readonly object[]]).toEqual(logs.items)
  // Progress never falls within an attempt.
  wire.send('job_progress', { ...about, progress: 20 })
  wire.send('job_complete', { ...about, result: { records: 1_500 }, duration_ms: 900_000 })
  await wire.beat(robot)
  const done = await server.job(job)
  expect(done).toMatchObject({ status: 'completed', progress: 100, result: { records: 1_500 }, robot_id: robot })
  expect(done.logs.split('\n').map((line) => line.replace(/^\S+ /, ''))).toEqual([
    'INFO first',
    'DEBUG second',
    'WARNING third',
    'ERROR fourth',
  ])
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
})

test('a failure keeps what the robot says about it', async () => {
  const { wire, robot, job, about } = await running()
  const fault = { error_message: 'Element not found: #submit', error_type: 'ElementNotFoundError' }
  wire.send('job_failed', { ...about, ...fault, stack_trace: 'at line 1', failed_node: 'click' })
  await wire.beat(robot)
  const told = { ...fault, stack_trace: 'at line 1', failed_node: 'click' }
  expect(await server.job(job)).toMatchObject({ status: 'failed', ...told })
})

test('acceptance and end in one write are both recorded, in this order', async () => {
  const { wire, robot, job, about } = await offered()
  wire.together(() => {
    wire.send('job_accept', about)
    wire.send('job_complete', { ...about, result: 1 })
  })
  await wire.beat(robot)
  expect(await server.job(job)).toMatchObject({ status: 'completed', result: 1 })
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
})

test('an end that is sent again, here and after a reconnect, is recorded once', async () => {
  const { wire, robot, job, about } = await running()
  wire.send('job_complete', { ...about, result: 1 })
  wire.send('job_complete', { ...about, result: 1 })
  await wire.beat(robot)
  wire.terminate()
  const again = await Wire.register(server.robots, server.admin, { robot_id: robot })
  again.send('job_complete', { ...about, result: 1, attempt: 1 })
  await again.beat(robot, { active_job_ids: [] })
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
  expect(again.frames.map(({ type }) => type)).toEqual(['register_ack', 'status_request', 'heartbeat_ack'])
})

test('another end than the recorded one changes nothing, and leaves a line in the history', async () => {
  const { wire, robot, job, about } = await running()
  wire.send('job_failed', { ...about, error_message: 'no' })
  wire.send('job_complete', { ...about, result: 'yes' })
  await wire.beat(robot)
  expect(await server.job(job)).toMatchObject({ status: 'failed', result: {} })
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'fail', 'late_result'])
})

test('an end of another attempt than the present one changes nothing', async () => {
  const { wire, robot, job, about } = await running()
  wire.send('job_complete', { ...about, result: 'of attempt 2', attempt: 2 })
  wire.send('job_progress', { ...about, progress: 70, attempt: 2 })
  await wire.beat(robot)
  expect(await server.job(job)).toMatchObject({ status: 'running', progress: 0, attempt: 1 })
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'late_result'])
})

test('a job that is running when the line breaks is still running when it is back', async () => {
  const { wire, robot, job, about } = await running()
  wire.terminate()
  await expect.poll(async () => (await server.api('GET', `/robots/${robot}`))['status']).toBe('offline')
  expect(await server.job(job)).toMatchObject({ status: 'running' })
  const again = await Wire.register(server.robots, server.admin, { robot_id: robot })
  // It is asked what it runs, as every robot is.
  const question = await again.next('status_request')
  again.send('status_response', { robot_id: robot, active_job_ids: [job] })
  again.send('job_complete', { ...about, result: 1 })
  await again.beat(robot, { active_job_ids: [] })
  expect(question.payload).toEqual({ robot_id: robot })
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
})

test('a job that its robot has forgotten fails, since nobody can say how far it got', async () => {
  const { wire, robot, job } = await running()
  await wire.beat(robot, { active_job_ids: [] })
  expect((await server.job(job)).status).toBe('running')
  await wire.beat(robot, { active_job_ids: [] })
  expect(await server.job(job)).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
})

test('a rejected job waits, and says why', async () => {
  const { wire, robot, job, about } = await offered()
  wire.send('job_reject', { ...about, reason: 'At maximum capacity' })
  await wire.beat(robot)
  expect(await server.job(job)).toMatchObject({ status: 'pending', attempt: 1 })
  expect((await history(job)).at(-1)).toMatchObject({ event: 'back_off', detail: expect.stringMatching(/capacity$/) })
})

test('a second connection of a robot takes over, and the first can do nothing more', async () => {
  const { wire, robot, job, about } = await running()
  const newer = await Wire.connect(server.robots)
  // Both speak in one breath: whatever the older one still says arrives after it was replaced.
  newer.send('register', { robot_id: robot, auth_token: server.admin })
  expect((await newer.next('register_ack')).payload['success']).toBe(true)
  wire.send('job_complete', { ...about, result: 'from the older one' })
  expect(await wire.closed).toEqual({ code: 4409, reason: 'Replaced by a newer connection' })
  await newer.beat(robot, { active_job_ids: [job] })
  expect(await server.job(job)).toMatchObject({ status: 'running' })
  newer.send('job_complete', { ...about, result: 'from the newer one' })
  await newer.beat(robot)
  expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'from the newer one' })
})

test('what another robot says about a job changes nothing', async () => {
  const { wire, robot, job, about } = await running()
  const other = await Wire.register(server.robots, server.admin, { robot_id: 'meddler' })
  const mine = { ...about, robot_id: 'meddler' }
  for (const type of ['job_accept', 'job_reject', 'job_progress', 'job_complete', 'job_failed', 'job_cancelled']) {
    other.send(type, { ...mine, progress: 99, result: 1, attempt: 1 })
    other.send(type, { ...about, progress: 99, result: 1 })
  }
  other.send('log_entry', { ...mine, level: 'INFO', message: 'planted' })
  await other.beat('meddler', { active_job_ids: [job] })
  expect(await server.job(job)).toMatchObject({ status: 'running', progress: 0, robot_id: robot, logs: '' })
  const refusals = other.frames.filter(({ type }) => type === 'error').map(({ payload }) => payload['error_code'])
  expect(refusals.filter((code) => code === 'FORBIDDEN')).toHaveLength(6)
  wire.send('job_complete', { ...about, result: 'right' })
  await wire.beat(robot)
  expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'right' })
  const [last, ...others] = (await history(job)).toReversed()
  expect([last?.event, last?.robot_id]).toEqual(['complete', robot])
  expect(others.filter(({ event }) => event === 'late_result').every(({ robot_id }) => robot_id === 'meddler')).toBe(
    true,
  )
})

test('results for jobs that do not exist are refused, and the connection goes on', async () => {
  const { wire, robot } = await offered()
  const id = wire.send('job_complete', { job_id: 'none', robot_id: robot, result: 1 })
  expect(await wire.next('error')).toMatchObject({ payload: { error_code: 'NOT_FOUND' }, correlation_id: id })
  await wire.beat(robot)
})

test('slots are filled and no more, the most urgent first', async () => {
  const { wire, robot, job } = await offered({}, 2)
  for (const priority of [0, 3, 1]) await server.submit({ workflow_id: 'greeting', robot_id: robot, priority })
  // The low one came first, when a slot was free; of the two that had to wait the critical one goes before.
  expect((await wire.next('job_assign')).payload['priority']).toBe(0)
  await wire.beat(robot)
  expect(wire.frames.filter(({ type }) => type === 'job_assign')).toHaveLength(2)
  wire.send('job_complete', { job_id: job, robot_id: robot, result: 1 })
  expect((await wire.next('job_assign')).payload['priority']).toBe(3)
})

test('disconnect is answered with a close, and the robot is away', async () => {
  const { wire, robot, job } = await running()
  wire.send('disconnect', { robot_id: robot, reason: 'Scheduled maintenance' })
  expect(await wire.closed).toEqual({ code: 1000, reason: 'Scheduled maintenance' })
  expect(await server.api('GET', `/robots/${robot}`)).toMatchObject({ status: 'offline', current_jobs: 1 })
  expect((await server.job(job)).status).toBe('running')
})
