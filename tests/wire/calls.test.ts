import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { closeAll, Wire } from './wire.ts'

/** Jobs that start other jobs: by their end, and by calling a workflow and waiting for it. */

chapter('jobs that start jobs', (server) => {
  let key = ''
  beforeAll(async () => {
    for (const id of ['outer', 'inner']) {
      await server.api('POST', '/workflows', { id, name: id, json_definition: { nodes: {} } })
      await server.api('POST', `/workflows/${id}/publish`)
    }
    const made = await server.api('POST', '/keys', { name: 'w', scopes: ['robots:connect'], robot_id: 'worker' })
    key = String(made['key'])
    await server.api('POST', '/triggers', {
      id: 'convert',
      name: 'Convert',
      trigger_type: 'workflow_call',
      workflow_id: 'inner',
      config: { call_alias: 'convert', required: ['amount'] },
      mapping: { euros: '$.payload.amount', caller: '$.metadata.parent_job_id' },
    })
  })
  afterEach(closeAll)

  /** A robot with room for several jobs, and one of them running. */
  const working = async () => {
    const robot = await Wire.register(server.robots, key, { robot_id: 'worker', max_concurrent_jobs: 5 })
    const { id } = await server.api('POST', '/jobs', { workflow_id: 'outer', robot_id: 'worker' })
    await take(robot, 'outer')
    return { robot, id: String(id) }
  }
  /** Takes the next job up, which must be of this workflow. */
  const take = async (robot: Wire, workflow: string) => {
    const { payload } = await robot.next('job_assign')
    expect(payload).toMatchObject({ workflow_id: workflow })
    robot.send('job_accept', { job_id: payload['job_id'], robot_id: 'worker' })
    return payload
  }
  const call = (body: object, given: { key?: string; headers?: Record<string, string> } = {}) =>
    server.call<Record<string, unknown>>('POST', '/api/v1/calls/convert', { key, body, ...given })

  test('a robot calls with its own key, waits, and gets the result', async () => {
    const { robot, id } = await working()
    const asked = call({ parameters: { amount: 5 }, parent_job_id: id, wait_seconds: 30 })
    const child = await take(robot, 'inner')
    expect(child['parameters']).toEqual({ euros: 5, caller: id })
    robot.send('job_complete', { job_id: child['job_id'], robot_id: 'worker', result: { sum: 10 }, duration_ms: 1 })
    const { status, body, headers } = await asked
    expect([status, body]).toEqual([200, {
      job_id: child['job_id'],
      workflow_id: 'inner',
      status: 'completed',
      ended: true,
      result: { sum: 10 },
      error_type: '',
      error_message: '',
      parent_job_id: id,
    }])
    expect(headers.get('location')).toBe(`/api/v1/calls/${child['job_id']}`)
    expect(await server.api('GET', `/jobs/${child['job_id']}`)).toMatchObject({ parent_job_id: id, depth: 1 })
    expect(await server.api('GET', `/jobs?parent_job_id=${id}`)).toMatchObject({ items: [{ id: child['job_id'] }] })
    expect(await server.events(id)).toContain('started_job')
    robot.send('job_complete', { job_id: id, robot_id: 'worker', result: {}, duration_ms: 1 })
  })

  test('202 while it runs, and asked again by the same call or by the job', async () => {
    const { robot, id } = await working()
    const headers = { 'Idempotency-Key': `${id}:1:1` }
    const first = await call({ parameters: { amount: 5 }, parent_job_id: id }, { headers })
    expect([first.status, first.body['ended']]).toEqual([202, false])
    const again = await call({ parameters: { amount: 5 }, parent_job_id: id }, { headers })
    expect(again.body['job_id']).toBe(first.body['job_id'])
    const path = `/api/v1/calls/${first.body['job_id']}`
    expect((await server.call('GET', `${path}?wait_seconds=0.2`, { key })).status).toBe(202)
    const child = await take(robot, 'inner')
    const waiting = server.call<Record<string, unknown>>('GET', `${path}?wait_seconds=20`, { key })
    const whole = server.api('GET', `/jobs/${first.body['job_id']}?wait_seconds=60`)
    robot.send('job_failed', { job_id: child['job_id'], robot_id: 'worker', error_message: 'no rate', error_type: 'X' })
    const { status, body } = await waiting
    expect([status, body]).toMatchObject([200, { status: 'failed', error_message: 'no rate', error_type: 'X' }])
    expect(await whole).toMatchObject({ status: 'failed', error_type: 'X' })
    robot.send('job_complete', { job_id: id, robot_id: 'worker', result: {}, duration_ms: 1 })
  })

  test('a robot calls for the jobs that it runs, and sees what those have called', async () => {
    const { robot, id } = await working()
    const code = async (asked: ReturnType<typeof call>) => {
      const { status, body } = await asked
      return [status, (body['payload'] as { error_code?: string } | undefined)?.error_code]
    }
    const parameters = { amount: 1 }
    expect(await code(call({ parameters }))).toEqual([403, 'FORBIDDEN'])
    expect(await code(call({ parameters, parent_job_id: 'none' }))).toEqual([404, 'NOT_FOUND'])
    expect(await code(call({ parent_job_id: id }))).toEqual([400, 'INVALID_PAYLOAD'])
    expect(await code(call({ parameters, parent_job_id: id, wait_seconds: 1_000 }))).toEqual([400, 'INVALID_PAYLOAD'])
    const other = server.call<Record<string, unknown>>('POST', '/api/v1/calls/none', { key, body: {} })
    expect(await code(other)).toEqual([404, 'TRIGGER_NOT_FOUND'])
    const stranger = await server.api('POST', '/keys', { name: 's', scopes: ['robots:connect'], robot_id: 'stranger' })
    const theirs = { key: String(stranger['key']) }
    expect(await code(call({ parameters, parent_job_id: id }, theirs))).toEqual([403, 'FORBIDDEN'])
    expect((await server.call('GET', `/api/v1/calls/${id}`, theirs)).status).toBe(404)
    const reader = await server.api('POST', '/keys', { name: 'r', scopes: ['jobs:read'] })
    expect(await code(call({ parameters }, { key: String(reader['key']) }))).toEqual([403, 'FORBIDDEN'])
    expect((await server.call('POST', '/api/v1/calls/convert', { key: null, body: {} })).status).toBe(401)
    robot.send('job_complete', { job_id: id, robot_id: 'worker', result: {}, duration_ms: 1 })
  })

  describe('by the end of a job', () => {
    test('its result becomes parameters of the next', async () => {
      await server.api('POST', '/triggers', {
        id: 'then',
        name: 'Then',
        trigger_type: 'workflow_call',
        workflow_id: 'inner',
        config: { after: { workflows: ['outer'] } },
        filter: '@.payload.result.total > 100',
        mapping: { total: '$.payload.result.total' },
      })
      const { robot, id } = await working()
      robot.send('job_complete', { job_id: id, robot_id: 'worker', result: { total: 150 }, duration_ms: 1 })
      const child = await take(robot, 'inner')
      expect(child['parameters']).toEqual({ total: 150 })
      expect(await server.api('GET', `/jobs/${child['job_id']}`)).toMatchObject({ parent_job_id: id })
      robot.send('job_complete', { job_id: child['job_id'], robot_id: 'worker', result: {}, duration_ms: 1 })
      const small = await server.api('POST', '/jobs', { workflow_id: 'outer', robot_id: 'worker' })
      await take(robot, 'outer')
      robot.send('job_complete', { job_id: small['id'], robot_id: 'worker', result: { total: 5 }, duration_ms: 1 })
      await server.jobIn(String(small['id']), 'completed')
      expect(await server.api('GET', '/triggers/then/events')).toMatchObject({
        items: [{ outcome: 'skipped', reason: 'filter' }, { outcome: 'fired', job_id: child['job_id'] }],
      })
    })
  })
})
