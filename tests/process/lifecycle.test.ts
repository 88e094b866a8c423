import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Raw } from '../wire/raw.ts'
import type { ErrorBody, JobView } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { closeAll } from '../wire/wire.ts'

/** Commands about jobs over HTTP: cancel, retry, deduplicate, and explain. */

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
const post = (path: string, body?: unknown, headers: Readonly<Record<string, string>> = {}) =>
  server.call<JobView & ErrorBody>('POST', `/api/v1${path}`, { body, headers })
const nobody = (): string => `nobody-${crypto.randomUUID()}`

/** A job that has ended as its robot reported. */
async function ended(type: 'job_complete' | 'job_failed', more: object = {}): Promise<string> {
  const robot = await Raw.register(server)
  const job = await submit(robot.id, more)
  await robot.take(job)
  robot.say(type, job, { result: 1, error_message: 'no' })
  await robot.beat()
  return job
}

describe('cancel', () => {
  test.each([
    ['pending', { scheduled_time: '2099-01-01T00:00:00Z' }],
    ['queued', {}],
  ])('a job that is %s', async (status, more) => {
    const job = await submit(nobody(), more)
    expect((await server.job(job)).status).toBe(status)
    const { status: code, body } = await post(`/jobs/${job}/cancel`, { reason: 'Not needed' })
    expect(code).toBe(200)
    expect(body).toMatchObject({ id: job, status: 'cancelled', error_message: 'Not needed', error_type: 'Cancelled' })
    expect(await server.job(job)).toMatchObject({ status: 'cancelled', stopping: false })
    expect((await server.history(job)).at(-1)).toMatchObject({
      event: 'cancel',
      from_status: status,
      to_status: 'cancelled',
      actor: 'admin',
      detail: 'Not needed',
      robot_id: null,
    })
  })

  test('[P31] a job that is running has ended at once, and its slot is taken until the robot confirms', async () => {
    const robot = await Raw.register(server)
    const [job, next] = [await submit(robot.id), await submit(robot.id)]
    await robot.take(job)
    expect((await post(`/jobs/${job}/cancel`)).body).toMatchObject({ status: 'cancelled', stopping: true })
    const cancel = await robot.wire.next('job_cancel')
    expect(cancel.payload).toEqual({ job_id: job, reason: 'Cancelled by user' })
    await robot.beat({ active_job_ids: [job] })
    expect(robot.offers).toEqual([job])
    expect(await server.api('GET', `/robots/${robot.id}`)).toMatchObject({ status: 'busy', current_jobs: 1 })
    robot.say('job_cancelled', job)
    await robot.take(next)
    expect(await server.job(job)).toMatchObject({ status: 'cancelled', stopping: false })
    expect((await server.history(job)).map(({ event, actor }) => [event, actor])).toEqual([
      ['submit', 'admin'],
      ['offer', 'orchestrator'],
      ['accept', `robot:${robot.id}`],
      ['cancel', 'admin'],
      ['stopped', `robot:${robot.id}`],
    ])
  })

  test('one that has ended stays as it is', async () => {
    const job = await ended('job_complete')
    const { status, body } = await post(`/jobs/${job}/cancel`)
    expect([status, body.payload.error_code, body.payload.details]).toEqual([409, 'CONFLICT', { status: 'completed' }])
    expect((await server.job(job)).status).toBe('completed')
  })

  test('one that there is not', async () => {
    const { status, body } = await post('/jobs/none/cancel')
    expect([status, body.payload.error_code]).toEqual([404, 'NOT_FOUND'])
  })

  test('a field that is none is refused, and nothing happens', async () => {
    const job = await submit(nobody())
    expect((await post(`/jobs/${job}/cancel`, { reson: 'typo' })).body.payload.error_message).toContain('reson')
    expect((await server.job(job)).status).toBe('queued')
  })
})

describe('retry', () => {
  test('is a new job with everything that was asked for', async () => {
    const asked = { parameters: { a: [1] }, priority: 3, timeout_seconds: 77, environment: 'default' }
    const job = await ended('job_failed', asked)
    const { status, body, headers } = await post(`/jobs/${job}/retry`)
    expect(status).toBe(201)
    expect(headers.get('location')).toBe(`/api/v1/jobs/${body.id}`)
    expect(await server.job(body.id)).toMatchObject({ ...asked, retry_of: job, status: 'queued', attempt: 0 })
    expect(await server.job(job)).toMatchObject({ status: 'failed', retry_of: null })
  })

  test('runs what it ran, whatever has been published since', async () => {
    const id = `changing-${crypto.randomUUID()}`
    const definition = (text: string) => ({
      name: 'Changing',
      json_definition: { metadata: { name: text }, nodes: {} },
    })
    await server.api('POST', '/workflows', { id, ...definition('first') })
    await server.api('POST', `/workflows/${id}/publish`)
    const job = await ended('job_failed', { workflow_id: id })
    await server.api('PUT', `/workflows/${id}`, definition('second'))
    await server.api('POST', `/workflows/${id}/publish`)
    const { body } = await post(`/jobs/${job}/retry`)
    expect(await server.job(body.id)).toMatchObject({
      workflow_version: 1,
      workflow_json: JSON.stringify({ metadata: { name: 'first' }, nodes: {} }),
    })
  })

  test('is refused while the job has not ended, and for no job', async () => {
    const job = await submit(nobody())
    const { status, body } = await post(`/jobs/${job}/retry`)
    expect([status, body.payload.details]).toEqual([409, { status: 'queued' }])
    expect((await post('/jobs/none/retry')).status).toBe(404)
  })
})

describe('requeue', () => {
  test('a transient failure is tried again, then it is a dead letter, until it is requeued', async () => {
    const robot = await Raw.register(server)
    const job = await submit(robot.id, { max_attempts: 2, parameters: { a: 1 } })
    const fail = { error_message: 'reset', error_type: 'ConnectionError' }
    await robot.take(job)
    robot.say('job_failed', job, fail)
    await robot.beat()
    expect(await server.job(job)).toMatchObject({ status: 'pending', attempt: 1, dead_lettered: false })
    expect((await server.history(job)).at(-1)?.detail).toMatch(/ConnectionError: reset; try 1 of 2$/)
    await robot.take(job)
    robot.say('job_failed', job, fail)
    await robot.beat()
    expect(await server.job(job)).toMatchObject({ status: 'failed', attempt: 2, offer: 2, dead_lettered: true })

    const dead = async (): Promise<readonly string[]> =>
      (await server.api<{ readonly items: readonly JobView[] }>('GET', '/jobs?dead_lettered=true')).items
        .map(({ id }) => id)
    expect(await dead()).toEqual([job])
    const { status, body } = await post(`/jobs/${job}/requeue`)
    expect(status).toBe(201)
    expect(await server.job(body.id)).toMatchObject({ retry_of: job, parameters: { a: 1 }, max_attempts: 2 })
    expect(await dead()).toEqual([])
    expect((await server.history(job)).at(-1)).toMatchObject({
      event: 'requeued',
      actor: 'admin',
      detail: `run again as ${body.id}`,
    })
    // It has been dealt with: a second time would run it twice.
    expect((await post(`/jobs/${job}/requeue`)).status).toBe(409)
  })

  test('other failures are final, and no dead letters', async () => {
    const job = await ended('job_failed', { max_attempts: 3 })
    expect(await server.job(job)).toMatchObject({ status: 'failed', attempt: 1, dead_lettered: false })
    const { status, body } = await post(`/jobs/${job}/requeue`)
    expect([status, body.payload.error_message]).toEqual([409, `Job ${job} is not in the dead letter list`])
  })

  test('the errors to try again after are the ones that the job names', async () => {
    const robot = await Raw.register(server)
    const job = await submit(robot.id, { max_attempts: 2, retry_on: ['SapBusy'] })
    await robot.take(job)
    robot.say('job_failed', job, { error_message: 'busy', error_type: 'SapBusy' })
    await robot.beat()
    expect((await server.job(job)).status).toBe('pending')
    const other = await submit(robot.id, { max_attempts: 2, retry_on: ['SapBusy'] })
    await robot.take(other)
    robot.say('job_failed', other, { error_message: 'reset', error_type: 'ConnectionError' })
    await robot.beat()
    expect((await server.job(other)).status).toBe('failed')
  })
})

describe('not twice', () => {
  const key = (): Record<string, string> => ({ 'Idempotency-Key': crypto.randomUUID() })

  test('the same request under the same key gets the same answer', async () => {
    const [headers, body] = [key(), { workflow_id: 'greeting', robot_id: nobody(), parameters: { a: 1, b: 2 } }]
    const first = await post('/jobs', body, headers)
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null])
    // Cancelled meanwhile: the answer is still the one that was given.
    await post(`/jobs/${first.body.id}/cancel`)
    const again = await post('/jobs', { ...body, parameters: { b: 2, a: 1 } }, headers)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true'])
    expect(again.body).toEqual(first.body)
    expect(again.headers.get('location')).toBe(first.headers.get('location'))
    type Listed = { readonly items: readonly { readonly pinned_robot_id: string }[] }
    const { items } = await server.api<Listed>('GET', '/jobs?limit=50')
    expect(items.filter(({ pinned_robot_id }) => pinned_robot_id === body.robot_id)).toHaveLength(1)
    const other = await post('/jobs', { ...body, priority: 3 }, headers)
    expect([other.status, other.body.payload]).toMatchObject([422, {
      error_code: 'IDEMPOTENCY_MISMATCH',
      details: { job_id: first.body.id },
    }])
  })

  test('many at once make one job', async () => {
    const [headers, body] = [key(), { workflow_id: 'greeting', robot_id: nobody() }]
    const replies = await Promise.all(Array.from({ length: 10 }, () => post('/jobs', body, headers)))
    expect(new Set(replies.map((one) => one.body.id)).size).toBe(1)
    expect(replies.filter((reply) => reply.headers.get('idempotency-replayed') === null)).toHaveLength(1)
  })

  test('a key is its owner’s, and a refused request uses none up', async () => {
    const made = await server.api<{ readonly key: string }>('POST', '/keys', { name: 'two', scopes: ['jobs:submit'] })
    const [headers, body] = [key(), { workflow_id: 'greeting', robot_id: nobody() }]
    expect((await post('/jobs', { workflow_id: 'none' }, headers)).status).toBe(404)
    const mine = await post('/jobs', body, headers)
    const theirs = await server.call<JobView>('POST', '/api/v1/jobs', { body, headers, key: made.key })
    expect([mine.status, theirs.status]).toEqual([201, 201])
    expect(theirs.body.id).not.toBe(mine.body.id)
    expect((await post('/jobs', body, { 'Idempotency-Key': 'a b' })).status).toBe(400)
  })

  test('a duplicate is refused if the submitter asks, with the id of the first', async () => {
    const job = { workflow_id: 'greeting', robot_id: nobody(), parameters: { a: 1, b: [2] }, check_duplicate: true }
    const first = await post('/jobs', job)
    const again = await post('/jobs', { ...job, parameters: { b: [2], a: 1 }, priority: 0 })
    expect([again.status, again.body.payload]).toMatchObject([409, {
      error_code: 'DUPLICATE_JOB',
      details: { job_id: first.body.id, status: 'queued' },
    }])
    expect((await post('/jobs', { ...job, parameters: { a: '1', b: [2] } })).status).toBe(201)
    expect((await post('/jobs', { ...job, check_duplicate: false })).status).toBe(201)
    // Its end does not clear it: the window does.
    await post(`/jobs/${first.body.id}/cancel`)
    expect((await post('/jobs', job)).status).toBe(409)
  })

  test('what was answered survives kill -9', async () => {
    const own = await Orchestrator.start()
    const submitted = (body: object) =>
      own.call<JobView & ErrorBody>('POST', '/api/v1/jobs', { body, headers: { 'Idempotency-Key': 'order-1' } })
    const body = { workflow_id: 'greeting', robot_id: 'none', check_duplicate: true }
    const first = await submitted(body)
    expect(first.status).toBe(201)
    await own.kill()
    await own.restart()
    const again = await submitted(body)
    expect([again.headers.get('idempotency-replayed'), again.body]).toEqual(['true', first.body])
    expect((await submitted({ ...body, priority: 2 })).status).toBe(422)
    const duplicate = await own.call<ErrorBody>('POST', '/api/v1/jobs', { body })
    expect([duplicate.status, duplicate.body.payload.details['job_id']]).toEqual([409, first.body.id])
    expect(await own.stop()).toBe(0)
  })
})
