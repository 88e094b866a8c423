import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MessageType, Outgoing } from '../../../core/protocol/message.ts'
import { Budget } from '../../../robot/budget.ts'
import { logLine } from '../../../robot/log-line.ts'
import { Telemetry } from '../../../robot/telemetry.ts'
import { gate, PATIENT, useLab } from './lab.ts'
import type { Connection } from './orchestrator.ts'

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
    expect(batch.payload.entries.map((line) => line?.message.slice(0, 6))).toEqual([
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
    const count = (type: string) => connection.all.filter((message) => message.type === type).length
    // Four at once, and twelve in the second after that.
    expect(count('job_progress') + count('log_batch')).toBeLessThanOrEqual(17)
    expect(count('job_progress')).toBeGreaterThan(1)
    expect(count('log_batch')).toBeGreaterThan(1)
  })

  test('of many progress reports only the first and the last are sent', async () => {
    const [, connection] = await lab.connected((job) => {
      for (let i = 0; i <= 100; i++) job.progress(i, `node ${i}`)
    })
    connection.assign('j1')
    await connection.next('job_complete')
    const reports = connection.all.filter(({ type }) => type === 'job_progress')
    expect(reports).toMatchObject([
      { payload: { progress: 0, current_node: 'node 0', offer: 1 } },
      { payload: { progress: 100, current_node: 'node 100' } },
    ])
  })
})

describe('at the end of a job', () => {
  const config = { log_batch_size: 10, rate_limit: { limit: 20, window_seconds: 0.5 } }
  const pace = { telemetryPerMinute: 100_000 }
  const lines = (connection: Connection): readonly string[] =>
    connection.all.flatMap((message) =>
      message.type === 'log_batch' ? message.payload.entries.map((line) => line?.message ?? '') : []
    )

  test('many lines do not hold up the result, and come after it, in large batches and in their order', async () => {
    const written = Array.from({ length: 1_200 }, (_, i) => `line ${i}`)
    const robot = lab.robotWith((job) => {
      for (const line of written) job.log('INFO', line)
    }, pace)
    const [connection] = await Promise.all([lab.orchestrator.registered(config), robot.start()])
    connection.assign('j1')
    await connection.next('job_complete')
    expect(lines(connection).length).toBeLessThan(1_200)
    await expect.poll(() => lines(connection).length).toBe(1_200)
    expect(lines(connection)).toEqual(written)
    expect(connection.types().filter((type) => type === 'log_batch').length).toBeLessThan(60)
  })

  test('a line for each of many jobs takes no more than is left beside their results', async () => {
    const limit = 50
    const robot = lab.robotWith((job) => job.log('INFO', job.id), pace)
    const rate_limit = { limit, window_seconds: 3_600 }
    const [connection] = await Promise.all([lab.orchestrator.registered({ rate_limit }), robot.start()])
    for (let i = 0; i < 200; i++) {
      connection.assign(`j${i}`)
      await connection.next('job_complete')
    }
    expect(lines(connection).length).toBeGreaterThan(0)
    expect(lines(connection).length).toBeLessThanOrEqual(0.2 * limit)
    expect(connection.types().lastIndexOf('log_batch')).toBeLessThan(limit)
  })

  test('the pace that the orchestrator asks for holds, and the rest comes after the result', async () => {
    const { handler, open, entered } = gate()
    const robot = lab.robotWith(async (job) => {
      job.progress(1)
      await handler(job)
      job.log('INFO', 'two')
      job.progress(99)
    })
    const slow = { progress_min_interval_ms: 3_600_000 }
    const [connection] = await Promise.all([lab.orchestrator.registered(slow), robot.start()])
    connection.assign('j1')
    ;(await entered).log('INFO', 'one')
    await connection.next('log_batch')
    open()
    await connection.next('job_complete')
    await connection.answerHeartbeat()
    const types = connection.types().filter((type) => type === 'log_batch' || type === 'job_progress')
    expect(types.toSorted()).toEqual(['job_progress', 'log_batch'])
  })

  test('and of the robot, stop waits for the last lines', async () => {
    const { handler, open, entered } = gate()
    const robot = lab.robotWith(async (job) => {
      await handler(job)
      job.log('INFO', 'two')
    }, PATIENT)
    const [connection] = await Promise.all([
      lab.orchestrator.registered({ progress_min_interval_ms: 100 }),
      robot.start(),
    ])
    await connection.answerHeartbeat()
    connection.assign('j1')
    ;(await entered).log('INFO', 'one')
    await connection.next('log_batch')
    open()
    await connection.next('job_complete')
    // The one that is on its way may be older than the result.
    const answering = (async (): Promise<never> => {
      for (;;) await connection.answerHeartbeat()
    })()
    await Promise.race([robot.stop(), answering])
    expect(lines(connection)).toEqual(['one', 'two'])
  })

  test('jobs whose lines could not be sent for too many others are counted in one line', () => {
    const sent: Outgoing[] = []
    let connected = false
    const send = (message: Outgoing): string | null => connected ? String(sent.push(message)) : null
    const waits = { logsMs: 3_600_000, progressMs: 1, pauseMs: 1 }
    const telemetry = new Telemetry({ robotId: 'r', perMinute: 60, ...waits, send, drained: () => {} })
    for (let i = 0; i < 1_100; i++) {
      const topic = { jobId: `j${i}`, offer: 1 }
      for (const text of ['a', 'b']) telemetry.log(topic, logLine('INFO', text))
      telemetry.finish(topic.jobId)
    }
    connected = true
    telemetry.reconnected(100, 1 << 20)
    telemetry.stop()
    const text = '200 log lines of 100 other jobs of this robot were dropped while they could not be sent'
    expect(sent[0]).toMatchObject({ payload: { job_id: 'j100', entries: [{ message: text }, {}, {}] } })
    expect(JSON.stringify(sent.slice(1))).not.toContain('dropped')
  })
})

test('the heartbeat that asks for a result, and what the robot was asked for, leave no less for reports', () => {
  const waitsAfter = (...types: MessageType[]): boolean => {
    const budget = new Budget(100_000)
    budget.setLimit({ limit: 2, window_seconds: 1 })
    for (const type of types) budget.messageSent(type, 0)
    return budget.waitMs(1) > 0
  }
  expect(waitsAfter('heartbeat')).toBe(true)
  expect(waitsAfter('job_complete')).toBe(true)
  expect(waitsAfter('status_response', 'status_response')).toBe(false)
  const budget = new Budget(100_000)
  budget.setLimit({ limit: 4, window_seconds: 1 })
  for (const type of ['job_accept', 'job_complete', 'heartbeat'] as const) budget.messageSent(type, 0)
  expect(budget.waitMs(1)).toBe(0)
  budget.messageSent('heartbeat', 1)
  expect(budget.waitMs(1)).toBeGreaterThan(0)
})

test('the replies to an offer leave no less for reports, and repeated ones do', () => {
  const budget = new Budget(100_000)
  budget.setLimit({ limit: 2, window_seconds: 1 })
  for (let job = 0; job < 1_000; job++) {
    budget.offered()
    for (const type of ['job_accept', 'job_complete', 'heartbeat'] as const) budget.messageSent(type, 0)
  }
  expect(budget.waitMs(1)).toBe(0)
  budget.messageSent('job_complete', 1)
  expect(budget.waitMs(2)).toBeGreaterThan(0)
})

test('the budget leaves its share of every window, whatever else is said', () => {
  const message = fc.record({ afterMs: fc.integer({ min: 0, max: 400 }), report: fc.boolean() })
  fc.assert(fc.property(fc.integer({ min: 1, max: 30 }), fc.array(message, { maxLength: 300 }), (limit, messages) => {
    const budget = new Budget(100_000)
    budget.setLimit({ limit, window_seconds: 1 })
    const at: number[] = []
    let now = 1_000_000
    for (const { afterMs, report } of messages) {
      now += afterMs
      const waitMs = report ? budget.waitMs(now) : 0
      if (waitMs > 0) continue
      budget.messageSent(report ? 'log_batch' : 'job_accept', now)
      at.push(now)
      const inWindow = at.filter((then) => then > now - 1_000).length
      if (report) {
        budget.reported()
        expect(inWindow).toBeLessThanOrEqual(Math.max(1, limit * 0.9))
      }
    }
    // After any wait, a report may leave at the announced time.
    const waitMs = budget.waitMs(now)
    expect(budget.waitMs(now + waitMs + 0.001)).toBe(0)
  }))
})
