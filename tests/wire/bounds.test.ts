import { expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'

/** The limits on data kept of one robot. */

chapter('bounds', (server) => {
  test('[P74] texts of robots are kept up to a bound, and say how long they were', async () => {
    const long = (chars: number): string => 'x'.repeat(chars)
    const robot = await Raw.register(server, { robot_name: long(50_000) })
    const job = await robot.running()
    robot.say('job_progress', job, { progress: 10, current_node: long(10_000), message: long(100_000) })
    robot.say('log_entry', job, { level: 'INFO', message: 'm', node_id: long(300), extra: { text: long(20_000) } })
    await robot.beat({ status: long(1_000) })
    const kept = await server.api('GET', `/jobs/${job}`)
    expect(kept).toMatchObject({
      robot_name: `${long(200)}… (50000 characters)`,
      current_node: `${long(256)}… (10000 characters)`,
      progress_message: `${long(2_000)}… (100000 characters)`,
    })
    const { items } = await server.api<{ readonly items: readonly unknown[] }>('GET', `/jobs/${job}/logs`)
    expect(items).toMatchObject([{
      node_id: `${long(256)}… (300 characters)`,
      extra: { dropped: '20011 characters are too many' },
    }])
    robot.say('job_failed', job, { error_type: long(300), error_message: long(100_000), failed_node: long(300) })
    await robot.beat()
    expect(await server.api('GET', `/jobs/${job}`)).toMatchObject({
      error_type: `${long(200)}… (300 characters)`,
      error_message: `${long(65_536)}… (100000 characters)`,
      failed_node: `${long(256)}… (300 characters)`,
    })
  })

  test('[P74] capabilities that are too large are refused, and too many jobs are no list', async () => {
    const robot = await Raw.register(server, { capabilities: { browser: true } })
    const job = await robot.running()
    const id = robot.wire.send('register', { robot_id: robot.id, capabilities: { text: 'x'.repeat(70_000) } })
    const jobs = Array.from({ length: 2_001 }, (_, i) => `job-${i}`)
    await robot.beat({ active_job_ids: jobs })
    await robot.beat({ active_job_ids: jobs })
    await robot.beat()
    const refusals = robot.wire.frames.filter(({ type }) => type === 'error')
    expect(refusals.map(({ payload }) => payload['error_code'])).toEqual(Array(3).fill('INVALID_PAYLOAD'))
    expect(refusals[0]).toMatchObject({ correlation_id: id })
    expect(await server.api('GET', `/robots/${robot.id}`)).toMatchObject({ capabilities: { browser: true } })
    expect(await server.job(job)).toMatchObject({ status: 'running' })
  })

  test('[P77] the end of a job in a frame over 8 MiB is not read, and may be said again in fewer words', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    robot.say('job_complete', job, { result: 'x'.repeat(8 << 20) })
    expect((await robot.wire.closed).code).toBe(1009)
    const again = await robot.again()
    await again.beat({ active_job_ids: [job] })
    expect(await server.job(job)).toMatchObject({ status: 'running' })
    again.say('job_failed', job, { error_type: 'RESULT_TOO_LARGE', error_message: 'It is too large' })
    await again.beat()
    expect(await server.job(job)).toMatchObject({ status: 'failed', error_type: 'RESULT_TOO_LARGE' })
  })

  test('[P75] a result of a robot that never had the job stands in no history', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const other = await Raw.register(server)
    const id = other.wire.send('job_complete', { job_id: job, result: 'planted', offer: 1 })
    other.wire.send('job_failed', { job_id: job, error_message: 'planted' })
    await other.beat()
    const answer = other.wire.frames.find(({ correlation_id }) => correlation_id === id)
    expect(answer).toMatchObject({ type: 'error', payload: { error_code: 'NOT_FOUND' } })
    robot.say('job_complete', job, { result: 'right' })
    await robot.beat()
    other.wire.send('job_complete', { job_id: job, result: 'planted' })
    await other.beat()
    const history = await server.history(job)
    expect(history.map(({ event }) => event)).toEqual(['submit', 'offer', 'accept', 'complete'])
    expect(history.map(({ robot_id }) => robot_id)).not.toContain(other.id)
  })
})

chapter('how much of a robot is written down', (server) => {
  test('[P76] lines of a job beyond its half of the budget are missing from its log, which says how many', async () => {
    const robot = await Raw.register(server, { max_concurrent_jobs: 2 })
    const [job, other] = [await robot.running(), await robot.running()]
    const entries = Array.from({ length: 20 }, () => ({ message: 'x'.repeat(10_000) }))
    robot.say('log_batch', job, { entries })
    robot.say('log_entry', other, { message: 'of another job' })
    robot.say('job_complete', job, { result: 'kept' })
    await robot.beat({ active_job_ids: [other] })
    expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'kept' })
    const lines = String((await server.job(job)).logs).split('\n')
    expect(lines).toHaveLength(5)
    expect(lines[4]).toMatch(/ WARNING 16 lines dropped by the rate limit$/)
    expect((await server.job(other)).logs).toMatch(/ of another job$/)
  })
}, { robot_disk_bytes_per_minute: 100_000 })
