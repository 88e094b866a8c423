import { expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'

/** Invalid messages of robots must not leave their jobs running. */

const MIB = 1 << 20

chapter('flaws', (server) => {
  const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`
  const results: readonly [string, string, string][] = [
    ['too deep', nested(70), 'RESULT_TOO_DEEP'],
    ['too many members', `[${'0,'.repeat(100_000)}0]`, 'RESULT_TOO_LARGE'],
    ['over 1 MiB', `{"text":"${'x'.repeat(MIB)}"}`, 'RESULT_TOO_LARGE'],
    ['nearly 8 MiB', `[${'"x",'.repeat(2 * MIB - 200)}0]`, 'RESULT_TOO_LARGE'],
    ['not JSON', '{"text":"He said "no" to me"}', 'RESULT_INVALID'],
  ]

  test.each(results)('[P47] a result that cannot be kept ends its job: %s', async (_name, result, error_type) => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    robot.wire.raw(`{"type":"job_complete","id":7,"payload":{"job_id":"${job}","result":${result}}}`)
    expect((await robot.wire.next('error')).correlation_id).toBe(7)
    const ended = await server.job(job)
    expect(ended).toMatchObject({ status: 'failed', error_type, result: {}, stopping: false })
    expect(ended['logs']).toContain('The result begins: ')
    // Its slot is free.
    await robot.running()
  })

  test('[P47] its keys may come in any order, and the last of two counts', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const result = `{"job_id":"other","type":"heartbeat","text":"${'x'.repeat(MIB)}"}`
    robot.wire.raw(`{"payload":{"job_id":"none","result":${result},"job_id":"${job}"},"type":"job_complete"}`)
    await robot.beat()
    expect((await server.job(job))['error_type']).toBe('RESULT_TOO_LARGE')
  })

  test('[P48] a field of a wrong type is read as what it stands for, or left out, and the log says so', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const wrong = { robot_id: null, error_message: { code: 5 }, error_type: 500, offer: 'one' }
    robot.wire.raw(JSON.stringify({ type: 'job_failed', payload: { job_id: job, ...wrong } }))
    await robot.beat()
    const ended = await server.job(job)
    expect(ended).toMatchObject({ status: 'failed', error_message: '{"code":5}', error_type: '500' })
    expect(ended['logs']).toContain('error_type was 500 and was read as a text; offer was "one" and was left out')
  })

  test('[P48] a list of jobs that cannot be read says nothing of jobs', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    for (let i = 0; i < 3; i++) await robot.beat({ active_job_ids: [{ id: job }] })
    expect((await server.job(job)).status).toBe('running')
  })

  test('[P49] a batch with lines that cannot be read keeps the others, and the log counts them', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const entries = [{ message: 'one', level: 40 }, { level: 'INFO' }, 'two', null, { message: { a: 1 } }]
    robot.say('log_batch', job, { entries })
    await robot.beat()
    const { logs } = await server.job(job)
    expect(String(logs).split('\n').map((line) => line.slice(line.indexOf(' ') + 1))).toEqual([
      'ERROR one',
      'INFO two',
      'INFO {"a":1}',
      'WARNING 2 of 5 lines of a batch could not be read',
    ])
  })

  test('[P7] U+0000 becomes U+FFFD, in a result, in the text of an error and in a line', async () => {
    const robot = await Raw.register(server, { max_concurrent_jobs: 2 })
    const jobs = await Promise.all([1, 2].map(() => server.submit({ workflow_id: 'greeting', robot_id: robot.id })))
    const [done = '', broken = ''] = jobs
    for (const job of jobs) await robot.take(job)
    robot.say('log_entry', broken, { level: 'INFO', message: 'a\0b' })
    robot.say('job_complete', done, { result: { 'a\0': '\0' } })
    robot.say('job_failed', broken, { error_message: 'a\0b', error_type: '\0' })
    await robot.beat()
    expect(await server.job(done)).toMatchObject({ status: 'completed', result: { 'a\ufffd': '\ufffd' } })
    expect(await server.job(broken)).toMatchObject({
      status: 'failed',
      error_message: 'a\ufffdb',
      error_type: '\ufffd',
      logs: expect.stringMatching(/a\ufffdb$/),
    })
    expect(robot.wire.frames.filter(({ type }) => type === 'error')).toEqual([])
  })
})
