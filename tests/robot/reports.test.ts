import { describe, expect, test } from 'vitest'
import { gate, useLab } from './lab.ts'

const lab = useLab()

describe('reports', () => {
  test('log lines come in one batch, before the result, and cut to size', async () => {
    const [, connection] = await lab.connected((job) => {
      for (let i = 0; i < 5; i++) job.log('INFO', `line ${i}`, { nodeId: 'n', extra: { i } })
      job.log('ERROR', 'x'.repeat(20_000))
    })
    connection.assign('j1')
    const batch = await connection.next('log_batch')
    await connection.next('job_complete')
    expect(batch.payload.entries.map(({ message }) => message.slice(0, 6))).toEqual([
      ...[0, 1, 2, 3, 4].map((i) => `line ${i}`),
      'xxxxxx',
    ])
    expect(batch.payload.entries[1]).toMatchObject({ level: 'INFO', node_id: 'n', extra: { i: 1 } })
    expect(batch.payload.entries[5]?.message).toMatch(/… \[12000 characters cut\]$/)
  })

  test('log lines come by the batch size of the orchestrator, and by time', async () => {
    const { handler, entered } = gate()
    const robot = lab.robotWith(handler)
    const [connection] = await Promise.all([lab.orchestrator.registered({ log_batch_size: 2 }), robot.start()])
    connection.assign('j1')
    const job = await entered
    for (const message of ['a', 'b', 'c']) job.log('INFO', message)
    expect((await connection.next('log_batch')).payload.entries).toHaveLength(2)
    expect((await connection.next('log_batch')).payload.entries).toMatchObject([{ message: 'c' }])
  })

  test('log lines that pile up offline are dropped from the oldest on, and a line says how many', async () => {
    const { handler, entered } = gate()
    const [, first] = await lab.connected(handler)
    first.assign('j1')
    const job = await entered
    first.drop()
    const second = await lab.orchestrator.connection()
    const register = await second.next('register')
    for (let i = 0; i <= 11_000; i++) job.log('INFO', `line ${i}`)
    const payload = { robot_id: 'r1', success: true, config: { log_batch_size: 5_000 } }
    second.send({ type: 'register_ack', payload, correlation_id: register.id })
    const { entries } = (await second.next('log_batch')).payload
    expect(entries[0]?.message).toBe('1001 older log lines were dropped while they could not be sent')
    expect(entries[1]?.message).toBe('line 1001')
  })

  test('a batch that was refused for its rate is sent again', async () => {
    const { handler, entered } = gate()
    const [, connection] = await lab.connected(handler, { timings: { pauseMs: 30 } })
    connection.assign('j1')
    const job = await entered
    job.log('INFO', 'once')
    const { id } = await connection.next('log_batch')
    connection.send({ type: 'error', payload: { error_code: 'RATE_LIMITED' }, correlation_id: id })
    const again = await connection.next('log_batch')
    expect(again.payload.entries).toMatchObject([{ message: 'once' }])
  })

  test('the orchestrator says how often progress is reported, and how much may be said', async () => {
    const { handler, entered } = gate()
    const robot = lab.robotWith(handler, { telemetryPerMinute: 10_000, timings: { progressMs: 1, logsMs: 1 } })
    const config = { progress_min_interval_ms: 150, rate_limit: { limit: 20, window_seconds: 1 } }
    const [connection] = await Promise.all([lab.orchestrator.registered(config), robot.start()])
    connection.assign('j1')
    const job = await entered
    const begun = performance.now()
    for (let i = 0; performance.now() - begun < 1_000; i++) {
      job.progress(i, `node ${i}`)
      job.log('INFO', `line ${i}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const said = (type: string) => connection.all.filter((message) => message.type === type).length
    // Four at once, and twelve in the second after that.
    expect(said('job_progress') + said('log_batch')).toBeLessThanOrEqual(17)
    expect(said('job_progress')).toBeGreaterThan(1)
    expect(said('log_batch')).toBeGreaterThan(1)
  })

  test('of many progress reports only the first and the last are sent', async () => {
    const [, connection] = await lab.connected((job) => {
      for (let i = 0; i <= 100; i++) job.progress(i, `node ${i}`)
    })
    connection.assign('j1')
    await connection.next('job_complete')
    const reports = connection.all.filter(({ type }) => type === 'job_progress')
    expect(reports).toMatchObject([
      { payload: { progress: 0, current_node: 'node 0', attempt: 1 } },
      { payload: { progress: 100, current_node: 'node 100' } },
    ])
  })
})
