import { describe, expect, test } from 'vitest'
import type { Message } from '../../../core/protocol/message.ts'
import { type RobotOptions, RobotRefused } from '../../../robot/robot.ts'
import { gate, PATIENT, useLab } from './lab.ts'

const lab = useLab()

describe('registration', () => {
  test('is the first frame, and carries the key in the payload and in the header', async () => {
    const robot = lab.robotWith(() => 1, { name: 'One', environment: 'prod', maxConcurrentJobs: 3, tags: ['sap'] })
    const started = robot.start()
    const connection = await lab.orchestrator.registered()
    await started
    expect(connection.all[0]).toMatchObject({
      type: 'register',
      payload: {
        robot_id: 'r1',
        robot_name: 'One',
        environment: 'prod',
        max_concurrent_jobs: 3,
        tags: ['sap'],
        auth_token: 'crpa_secret',
      },
    })
    expect(connection.headers.get('authorization')).toBe('Bearer crpa_secret')
    const heartbeat = await connection.answerHeartbeat()
    expect(heartbeat.payload).toMatchObject({ status: 'online', current_jobs: 0, active_job_ids: [] })
    expect(heartbeat.payload.memory_percent).toBeGreaterThan(0)
  })

  test.each<[string, Partial<RobotOptions>, object]>([
    ['the workflows that have handlers', { handlers: { a: () => 1, b: () => 2 } }, { workflows: ['a', 'b'] }],
    ['these beside other capabilities', { handlers: { a: () => 1 }, capabilities: { sap: 7 } }, {
      workflows: ['a'],
      sap: 7,
    }],
    ['these beside what its options say', { handlers: { a: () => 1 }, capabilities: { formats: ['custom'] } }, {
      workflows: ['a'],
      formats: ['custom'],
    }],
    ['these beside what its runner runs', {
      handlers: { a: () => 1 },
      runner: () => 2,
      capabilities: { node_types: ['X'] },
    }, { workflows: ['a'], node_types: ['X'] }],
    ['what its options say of workflows', { handlers: { a: () => 1 }, capabilities: { workflows: [] } }, {
      workflows: [],
    }],
    ['nothing where a runner takes every job', { handlers: { a: () => 1 }, runner: () => 2 }, {}],
  ])('says what the robot runs: %s', async (_, options, capabilities) => {
    const robot = lab.robotWith(() => 1, { runner: undefined, ...options })
    const [connection] = await Promise.all([lab.orchestrator.registered(), robot.start()])
    expect(connection.all[0]).toMatchObject({ type: 'register', payload: { capabilities } })
    expect(Object.keys((connection.all[0] as Message<'register'>).payload.capabilities)).toEqual(
      Object.keys(capabilities),
    )
  })

  test('adopts the heartbeat interval of the orchestrator', async () => {
    const robot = lab.robotWith(() => 1, { heartbeatMs: undefined })
    const [connection] = await Promise.all([lab.orchestrator.registered({ heartbeat_interval: 0.02 }), robot.start()])
    for (let i = 0; i < 3; i++) await connection.answerHeartbeat()
  })

  test('that is refused rejects start, and is not tried again', async () => {
    const robot = lab.robotWith(() => 1)
    const started = robot.start()
    const connection = await lab.orchestrator.connection()
    const { id } = await connection.next('register')
    const payload = { robot_id: 'r1', success: false, message: 'Authentication failed' }
    connection.send({ type: 'register_ack', payload, correlation_id: id })
    await expect(started).rejects.toThrow('Authentication failed')
    await expect(started).rejects.toBeInstanceOf(RobotRefused)
    expect(await robot.stopped).toBe('refused')
    await connection.closed
  })

  test.each([4401, 4403])('that ends in a close with %i rejects start', async (code) => {
    const started = lab.robotWith(() => 1).start()
    const connection = await lab.orchestrator.connection()
    connection.close(code, 'Unknown key')
    await expect(started).rejects.toMatchObject({ name: 'RobotRefused', code })
  })

  test('that is not answered is tried again, with more time for the answer', async () => {
    const robot = lab.robotWith(() => 1, { timings: { registerMs: 3, backoffCapMs: 60_000 } })
    const started = robot.start()
    await lab.orchestrator.connection()
    void lab.orchestrator.answerRegistrations()
    await started
    expect(lab.events).toContainEqual(expect.objectContaining({ type: 'disconnected' }))
  })

  test('of a newer connection (4409) stops the robot for good', async () => {
    const [robot, connection] = await lab.connected(() => 1)
    connection.close(4409, 'Replaced')
    expect(await robot.stopped).toBe('replaced')
    expect(lab.events.map(({ type }) => type)).toContain('error')
  })
})

describe('orders from the orchestrator', () => {
  test('pause makes the robot reject jobs until resume', async () => {
    const [, connection] = await lab.connected(() => 1)
    connection.send({ type: 'pause', payload: { robot_id: 'r1' } })
    expect((await connection.next('heartbeat')).payload.status).toBe('paused')
    connection.assign('j1')
    expect((await connection.next('job_reject')).payload.reason).toBe('Robot is paused')
    connection.send({ type: 'resume', payload: { robot_id: 'r1' } })
    connection.assign('j1')
    await connection.next('job_accept')
  })

  test('shutdown lets the running job end, and disconnects', async () => {
    const { handler, open, entered } = gate()
    const [robot, connection] = await lab.connected(handler, PATIENT)
    connection.assign('j1')
    await entered
    connection.send({ type: 'shutdown', payload: { robot_id: 'r1', graceful: true } })
    connection.assign('j2')
    expect((await connection.next('job_reject')).payload.reason).toBe('Robot is shutting down')
    open('done')
    await connection.next('job_complete')
    await connection.answerHeartbeat()
    await connection.next('disconnect')
    expect(await robot.stopped).toBe('shutdown')
    expect(await connection.closed).toBe(1000)
  })

  test('shutdown without grace aborts the running job', async () => {
    const { handler, entered } = gate()
    const [, connection] = await lab.connected(handler)
    connection.assign('j1')
    await entered
    connection.send({ type: 'shutdown', payload: { robot_id: 'r1', graceful: false } })
    expect((await connection.next('job_failed')).payload.error_type).toBe('RobotShutdown')
  })

  test('unknown messages and text that is no JSON are passed over', async () => {
    const [, connection] = await lab.connected(() => 1)
    connection.send({ type: 'party' } as never)
    connection.assign('j1')
    await connection.next('job_complete')
    expect(lab.events).toContainEqual(expect.objectContaining({ type: 'warning' }))
  })
})

describe('stop', () => {
  test('waits for the running job and for the confirmation of its result', async () => {
    const { handler, open, entered } = gate()
    const [robot, connection] = await lab.connected(handler, PATIENT)
    connection.assign('j1')
    await entered
    const stopped = robot.stop({ graceMs: 5_000 })
    open('in time')
    await connection.next('job_complete')
    await connection.answerHeartbeat()
    await connection.next('disconnect')
    await stopped
    expect(robot.unconfirmedResults).toBe(0)
    expect(await connection.closed).toBe(1000)
  })

  test('aborts the job when the grace is over', async () => {
    const { handler, entered } = gate()
    const [robot, connection] = await lab.connected(handler, PATIENT)
    connection.assign('j1')
    await entered
    const stopped = robot.stop({ graceMs: 10 })
    expect((await connection.next('job_failed')).payload.error_type).toBe('RobotShutdown')
    await connection.answerHeartbeat()
    await stopped
  })

  test('before the robot was registered rejects start', async () => {
    const robot = lab.robotWith(() => 1)
    const started = robot.start()
    await lab.orchestrator.connection()
    await robot.stop()
    await expect(started).rejects.toThrow('stopped before it was registered')
  })
})

test('a silent orchestrator is left and looked for again', async () => {
  const robot = lab.robotWith(() => 1, { heartbeatMs: 20, timings: { silenceMs: 10 } })
  const [first] = await Promise.all([lab.orchestrator.registered(), robot.start()])
  await first.closed
  await lab.orchestrator.registered()
})

test('what a listener throws does not end the robot', async () => {
  const [, connection] = await lab.connected(() => 1, {
    onEvent: () => {
      throw new Error('a bug of the listener')
    },
  })
  connection.assign('j1')
  await connection.next('job_complete')
})
