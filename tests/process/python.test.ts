import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Raw } from '../wire/raw.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { closeAll } from '../wire/wire.ts'

/** A robot like those in Python, without `attempt`, and jobs that are cancelled while it is running them. */

let server: Orchestrator

beforeAll(async () => {
  server = await Orchestrator.start()
})
afterEach(closeAll)
afterAll(cleanUp)
afterAll(() => expect(server.program.err).toBe(''))

const submit = (robot: Raw, more: object = {}): Promise<string> =>
  server.submit({ workflow_id: 'greeting', robot_id: robot.id, ...more })
const cancel = (job: string) => server.api('POST', `/jobs/${job}/cancel`, { reason: 'Enough' })
const events = async (job: string) => (await server.history(job)).map(({ event }) => event)

/** A robot that is running a cancelled job. */
async function cancelled(): Promise<[Raw, string]> {
  const robot = await Raw.register(server)
  const job = await submit(robot)
  await robot.take(job)
  await cancel(job)
  expect((await robot.wire.next('job_cancel')).payload).toEqual({ job_id: job, reason: 'Enough' })
  return [robot, job]
}

/** Its slot is free: it gets another job. */
async function isFree(robot: Raw): Promise<void> {
  await robot.take(await submit(robot))
}

test('it is asked how it is, right after it was let in', async () => {
  const robot = await Raw.register(server)
  await robot.beat()
  expect(robot.wire.frames.map(({ type }) => type)).toEqual(['register_ack', 'status_request', 'heartbeat_ack'])
  expect(robot.wire.frames[1]?.payload).toEqual({ robot_id: robot.id })
})

test('one that never answers that question works all the same', async () => {
  const robot = await Raw.register(server)
  await isFree(robot)
})

test('a job from offer to end without a word of attempts', async () => {
  const robot = await Raw.register(server)
  const job = await submit(robot)
  await robot.take(job)
  robot.say('job_progress', job, { progress: 50, current_node: 'a', message: 'half' })
  robot.say('job_complete', job, { result: { rows: 3 }, duration_ms: 5 })
  await robot.beat({ active_job_ids: [] })
  expect(await server.job(job)).toMatchObject({ status: 'completed', result: { rows: 3 }, offer: 1 })
})

test('it takes a job and ends it in one write', async () => {
  const robot = await Raw.register(server)
  const [job, next] = [await submit(robot), await submit(robot)]
  await robot.offered(job)
  robot.wire.together(() => {
    robot.say('job_accept', job)
    robot.say('job_complete', job, { result: 1 })
  })
  await robot.take(next)
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
})

test('job_cancelled frees the slot, once', async () => {
  const [robot, job] = await cancelled()
  robot.say('job_cancelled', job)
  robot.say('job_cancelled', job)
  await isFree(robot)
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'cancel', 'stopped'])
})

test.each(['job_complete', 'job_failed'])('%s after a cancel changes nothing, and frees the slot', async (type) => {
  const [robot, job] = await cancelled()
  robot.say('job_progress', job, { progress: 99 })
  robot.say(type, job, { result: 'done', error_message: 'broken' })
  await isFree(robot)
  expect(await server.job(job)).toMatchObject({ status: 'cancelled', progress: 0, result: {}, error_type: 'Cancelled' })
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'cancel', 'stopped', 'late_result'])
})

test('a list without the job frees the slot', async () => {
  const [robot, job] = await cancelled()
  await robot.beat({ active_job_ids: [job] })
  expect(await server.job(job)).toMatchObject({ stopping: true })
  await robot.beat({ active_job_ids: [] })
  expect(await server.job(job)).toMatchObject({ stopping: false })
  await isFree(robot)
})

test('one that was away when its job was called off is told when it returns', async () => {
  const robot = await Raw.register(server)
  const job = await submit(robot)
  await robot.take(job)
  robot.wire.terminate()
  await expect.poll(async () => (await server.api('GET', `/robots/${robot.id}`))['status']).toBe('offline')
  await cancel(job)
  for (let time = 0; time < 2; time++) {
    const again = await Raw.register(server, { robot_id: robot.id })
    expect((await again.wire.next('job_cancel')).payload['job_id']).toBe(job)
    again.wire.terminate()
  }
  const last = await Raw.register(server, { robot_id: robot.id })
  last.say('job_cancelled', job)
  await isFree(last)
})

test('a job is called off while it is on offer, and the robot that takes it is told again', async () => {
  const robot = await Raw.register(server)
  const job = await submit(robot)
  await robot.offered(job)
  await cancel(job)
  await robot.wire.next('job_cancel')
  robot.say('job_accept', job)
  await robot.wire.next('job_cancel')
  robot.say('job_cancelled', job)
  await isFree(robot)
  expect(await events(job)).toEqual(['submit', 'offer', 'cancel', 'stopped'])
})

test('it stops a job by itself', async () => {
  const robot = await Raw.register(server)
  const job = await submit(robot)
  await robot.take(job)
  robot.say('job_cancelled', job)
  await robot.beat()
  expect(await server.job(job)).toMatchObject({ status: 'cancelled', stopping: false })
  await isFree(robot)
})

test('with the status paused it is offered nothing, and keeps what it has', async () => {
  const robot = await Raw.register(server, { max_concurrent_jobs: 2 })
  const job = await submit(robot)
  await robot.take(job)
  await robot.beat({ status: 'paused', active_job_ids: [job] })
  expect(await server.api('GET', `/robots/${robot.id}`)).toMatchObject({ status: 'maintenance', mode: 'active' })
  const next = await submit(robot)
  await robot.beat({ status: 'paused', active_job_ids: [job] })
  expect(robot.offers).toEqual([job])
  robot.say('job_complete', job, { result: 1 })
  await robot.beat({ status: 'online', active_job_ids: [] })
  expect((await server.job(job)).status).toBe('completed')
  await robot.take(next)
})

test('a job that runs too long has ended, and its robot is told', async () => {
  const robot = await Raw.register(server)
  const job = await submit(robot, { timeout_seconds: 1 })
  await robot.take(job)
  expect((await robot.wire.next('job_cancel')).payload['job_id']).toBe(job)
  expect(await server.job(job)).toMatchObject({ status: 'timeout', stopping: true })
  robot.say('job_cancelled', job)
  await isFree(robot)
})
