import { describe, expect, test } from 'vitest'
import type { JsonText } from '../../../core/base/ids.ts'
import { fromText, type JsonObject, toText } from '../../../core/base/json.ts'
import { JobError, parseExact } from '../../../robot/robot.ts'
import { gate, useLab } from './lab.ts'

const lab = useLab()

describe('jobs', () => {
  test('are accepted, run and completed, each message with the attempt', async () => {
    const [, connection] = await lab.connected((job) => ({ sum: Number(job.parameters['a']) + job.attempt }))
    const assignId = connection.assign('j1', { attempt: 7, offer: 9, parameters: { a: 1 } })
    const accept = await connection.next('job_accept')
    expect(accept).toMatchObject({ correlation_id: assignId, payload: { job_id: 'j1', robot_id: 'r1', offer: 9 } })
    const complete = await connection.next('job_complete')
    expect(complete.payload).toMatchObject({ job_id: 'j1', offer: 9, result: { sum: 8 } })
  })

  test('have their parameters as doubles and digit for digit, and give back every digit', async () => {
    const [, connection] = await lab.connected((job) => ({
      read: job.parameters,
      exact: parseExact(job.parametersText),
    }))
    const parameters = fromText('{"id":9007199254740993,"one":1.0,"huge":1e400}' as JsonText) as JsonObject
    connection.assign('j1', { parameters })
    const complete = await connection.next('job_complete')
    expect(toText(complete.payload.result)).toBe(
      '{"read":{"id":9007199254740992,"one":1,"huge":null},"exact":{"id":9007199254740993,"one":1,"huge":1e400}}',
    )
  })

  test('are rejected at capacity, and run when there is room again', async () => {
    const { handler, open, entered } = gate()
    const [, connection] = await lab.connected(handler)
    connection.assign('j1')
    await entered
    const second = connection.assign('j2')
    const reject = await connection.next('job_reject')
    expect(reject).toMatchObject({
      correlation_id: second,
      payload: { job_id: 'j2', reason: 'Maximum concurrent jobs reached', offer: 1 },
    })
    open()
    await connection.next('job_complete')
    connection.assign('j2')
    expect((await connection.next('job_accept')).payload.job_id).toBe('j2')
  })

  test('that are assigned twice are accepted twice and run once', async () => {
    let runs = 0
    const { handler, open, entered } = gate()
    const [, connection] = await lab.connected((job) => (runs++, handler(job)))
    connection.assign('j1')
    await entered
    connection.assign('j1')
    await connection.next('job_accept')
    await connection.next('job_accept')
    open('done')
    await connection.next('job_complete')
    expect(runs).toBe(1)
  })

  test('go to the handler of their workflow, and are rejected without one', async () => {
    const [, connection] = await lab.connected(() => 'never', {
      runner: undefined,
      handlers: { known: () => 'mine' },
    })
    connection.assign('j1', { workflow_id: 'known' })
    expect((await connection.next('job_complete')).payload.result).toBe('mine')
    connection.assign('j2', { workflow_id: 'other' })
    expect((await connection.next('job_reject')).payload.reason).toBe('No handler for workflow other')
  })

  test('fail with what the handler threw', async () => {
    const [, connection] = await lab.connected(() => {
      throw Object.assign(new RangeError('no such invoice'), { node: 'read' })
    })
    connection.assign('j1')
    const failed = await connection.next('job_failed')
    expect(failed.payload).toMatchObject({
      error_message: 'no such invoice',
      error_type: 'RangeError',
      failed_node: 'read',
      offer: 1,
    })
    expect(failed.payload.stack_trace).toContain('jobs.test.ts')
  })

  test('fail with the type property of an error before its name', async () => {
    const [, connection] = await lab.connected(() => Promise.reject(new JobError('PortalDown', 'x')))
    connection.assign('j1')
    expect((await connection.next('job_failed')).payload.error_type).toBe('PortalDown')
  })

  test('that run out of time are aborted and fail', async () => {
    const { handler } = gate()
    const [, connection] = await lab.connected(handler)
    connection.assign('j1', { timeout_seconds: 0.02 })
    expect((await connection.next('job_failed')).payload).toMatchObject({ error_type: 'TimeoutError' })
  })

  test('whose handler ignores the signal are ended after the grace', async () => {
    const [, connection] = await lab.connected(() => new Promise(() => {}))
    connection.assign('j1', { timeout_seconds: 0.01 })
    expect((await connection.next('job_failed')).payload).toMatchObject({ error_type: 'TimeoutError' })
  })

  test('are cancelled through the signal, and the answer names the request', async () => {
    const { handler, entered } = gate()
    const [, connection] = await lab.connected(handler)
    connection.assign('j1')
    await entered
    const cancelId = connection.send({ type: 'job_cancel', payload: { job_id: 'j1', reason: 'x' } })
    const cancelled = await connection.next('job_cancelled')
    expect(cancelled).toMatchObject({ correlation_id: cancelId, payload: { job_id: 'j1', offer: 1 } })
  })

  test('that do not run are reported as cancelled at once', async () => {
    const [, connection] = await lab.connected(() => 1)
    const cancelId = connection.send({ type: 'job_cancel', payload: { job_id: 'ghost' } })
    expect(await connection.next('job_cancelled')).toMatchObject({ correlation_id: cancelId })
  })
})

describe('results that cannot be sent', () => {
  const cycle: Record<string, unknown> = {}
  cycle['self'] = cycle

  test.each([
    ['too large', 'x'.repeat(70_000), 'ResultTooLarge', '70002 bytes'],
    ['cyclic', cycle, 'ResultNotSerializable', 'circular'],
    ['a function', () => 1, 'ResultNotSerializable', 'function'],
    ['too deep', JSON.parse(`${'['.repeat(63)}${']'.repeat(63)}`), 'ResultNotSerializable', 'deeper than 64 levels'],
  ])('become a failure: %s', async (_, result, error_type, message) => {
    const robot = lab.robotWith(() => result)
    const [connection] = await Promise.all([lab.orchestrator.registered({ max_message_bytes: 65_536 }), robot.start()])
    connection.assign('j1')
    const { payload } = await connection.next('job_failed')
    expect(payload.error_type).toBe(error_type)
    expect(payload.error_message).toContain(message)
  })

  test('become a failure when the orchestrator refuses them', async () => {
    const [robot, connection] = await lab.connected(() => 'odd')
    connection.assign('j1')
    const { id } = await connection.next('job_complete')
    const payload = { error_code: 'INVALID_PAYLOAD', error_message: 'too deep' }
    connection.send({ type: 'error', payload, correlation_id: id })
    expect((await connection.next('job_failed')).payload).toMatchObject({ error_type: 'ResultRefused', offer: 1 })
    expect(robot.unconfirmedResults).toBe(1)
  })
})
