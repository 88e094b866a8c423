import { describe, expect, test } from 'vitest'
import { type JobHandler } from '../../../robot/robot.ts'
import { gate, useLab } from './lab.ts'

const lab = useLab()

describe('the outbox', () => {
  test('confirms a result by the heartbeat that follows it', async () => {
    const [robot, connection] = await lab.connected(() => 1)
    connection.assign('j1')
    await connection.next('job_complete')
    expect(robot.unconfirmedResults).toBe(1)
    const heartbeat = await connection.answerHeartbeat()
    expect(heartbeat.payload.active_job_ids).toEqual([])
    await expect.poll(() => robot.unconfirmedResults, { interval: 2 }).toBe(0)
  })

  test('does not take the answer to an earlier heartbeat for a confirmation', async () => {
    const { handler, open, entered } = gate()
    const [robot, connection] = await lab.connected(handler, { timings: { confirmMs: 10_000 } })
    connection.assign('j1')
    await entered
    connection.send({ type: 'pause', payload: { robot_id: 'r1' } })
    const early = await connection.next('heartbeat')
    open('x')
    await connection.next('job_complete')
    connection.send({ type: 'heartbeat_ack', payload: {}, correlation_id: early.id })
    const statusId = connection.send({ type: 'status_request', payload: { robot_id: 'r1' } })
    expect((await connection.next('status_response')).correlation_id).toBe(statusId)
    expect(robot.unconfirmedResults).toBe(1)
  })

  test('sends unconfirmed results again after a drop, with the same ids and in order, and then no more', async () => {
    const [robot, first] = await lab.connected((job) => job.id, { maxConcurrentJobs: 2 })
    first.assign('j1')
    const one = await first.next('job_complete')
    first.assign('j2')
    const two = await first.next('job_complete')
    first.drop()
    const second = await lab.orchestrator.registered()
    expect((await second.next('job_complete')).id).toBe(one.id)
    expect(await second.next('job_complete')).toMatchObject({ id: two.id, payload: { job_id: 'j2', offer: 1 } })
    await second.answerHeartbeat()
    await expect.poll(() => robot.unconfirmedResults, { interval: 2 }).toBe(0)
    second.drop()
    const third = await lab.orchestrator.registered()
    await third.answerHeartbeat()
    expect(third.types()).toEqual(['register', 'heartbeat'])
  })

  test('delivers the result of a job that ended while there was no connection, and then its logs', async () => {
    const { handler, open, entered } = gate()
    const [robot, first] = await lab.connected(async (job) => {
      const result = await handler(job)
      job.log('INFO', 'written in the dark')
      return result
    })
    first.assign('j1')
    await entered
    first.drop()
    const second = await lab.orchestrator.connection()
    const register = await second.next('register')
    open('late')
    await expect.poll(() => robot.runningJobs, { interval: 2 }).toBe(0)
    const payload = { robot_id: 'r1', success: true }
    second.send({ type: 'register_ack', payload, correlation_id: register.id })
    expect((await second.next('job_complete')).payload).toMatchObject({ result: 'late', offer: 1 })
    await second.answerHeartbeat()
    expect(second.types()).toEqual(['register', 'job_complete', 'log_batch', 'heartbeat'])
  })

  test('lists jobs that go on during a disconnection as active', async () => {
    const { handler, entered } = gate()
    const [, first] = await lab.connected(handler)
    first.assign('j1')
    await entered
    first.drop()
    const second = await lab.orchestrator.registered()
    expect((await second.answerHeartbeat()).payload).toMatchObject({ status: 'busy', active_job_ids: ['j1'] })
  })

  test('answers an assignment of a finished job with its result, under a newer attempt too', async () => {
    let runs = 0
    const [, connection] = await lab.connected(() => ++runs, { timings: { confirmMs: 10_000 } })
    connection.assign('j1')
    const first = await connection.next('job_complete')
    connection.assign('j1')
    await connection.next('job_accept')
    expect((await connection.next('job_complete')).id).toBe(first.id)
    connection.assign('j1', { offer: 2 })
    expect((await connection.next('job_complete')).payload).toMatchObject({ result: 1, offer: 2 })
    expect(runs).toBe(1)
  })

  test('lets a failed job run again under a newer attempt', async () => {
    let runs = 0
    const fails: JobHandler = () => {
      throw new Error(`run ${++runs}`)
    }
    const [, connection] = await lab.connected(fails, { timings: { confirmMs: 10_000 } })
    connection.assign('j1')
    await connection.next('job_failed')
    connection.assign('j1', { offer: 2 })
    expect((await connection.next('job_failed')).payload).toMatchObject({ error_message: 'run 2', offer: 2 })
  })
})
