import { expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'

/** Robots' reports of their work are visible. */

chapter('reports of work', (server) => {
  interface Entry {
    readonly event: string
    readonly detail: string
  }

  const detail = (job: string) => server.api('GET', `/jobs/${job}`)

  test('[P50] what the robot is doing, in its words, and how long it took, by its clock', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    robot.say('job_progress', job, { progress: 40, current_node: 'n', message: 'Extracting customer records' })
    await robot.beat()
    expect(await server.job(job)).toMatchObject({ progress: 40, progress_message: 'Extracting customer records' })
    robot.say('job_complete', job, { duration_ms: 1 })
    await robot.beat()
    expect(await server.job(job)).toMatchObject({ status: 'completed', duration_ms: 1 })
    const other = await robot.running()
    robot.say('job_complete', other, { duration_ms: 86_400_000 })
    await robot.beat()
    expect(Number((await detail(other))['duration_ms'])).toBeLessThan(86_400_000)
  })

  test('[P50] a goodbye and a return, in the history of its jobs', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    robot.wire.send('disconnect', { robot_id: robot.id, reason: 'Scheduled maintenance' })
    await robot.wire.closed
    const again = await robot.again()
    await again.beat({ active_job_ids: [job] })
    const { items } = await server.api<{ readonly items: readonly Entry[] }>('GET', `/jobs/${job}/history`)
    expect(items.slice(-2).map(({ event, detail: words }) => `${event}: ${words}`)).toEqual([
      `disconnected: ${robot.id} has disconnected: Scheduled maintenance`,
      `reconnected: ${robot.id} is connected again`,
    ])
    expect((await server.job(job)).status).toBe('running')
  })

  test('[P50] when its lines were written, by its clock where that can be', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const made = Date.parse(String((await detail(job))['created_at']))
    const envelope = new Date(made).toISOString().slice(0, -1)
    robot.wire.raw(JSON.stringify({
      type: 'log_entry',
      timestamp: envelope,
      payload: { job_id: job, robot_id: robot.id, level: 'INFO', message: 'one' },
    }))
    robot.say('log_batch', job, { entries: [{ message: 'two', timestamp: '1999-12-31T23:59:59' }] })
    await robot.beat()
    const { items } = await server.api<{ readonly items: readonly Readonly<Record<string, unknown>>[] }>(
      'GET',
      `/jobs/${job}/logs`,
    )
    expect(items[0]).toMatchObject({ logged_at: `${envelope}Z`, robot_timestamp: envelope })
    expect(items[1]).toMatchObject({ logged_at: items[1]?.['timestamp'], robot_timestamp: '1999-12-31T23:59:59' })
    expect(String((await server.job(job)).logs).split('\n')[0]).toBe(`${envelope}Z INFO one`)
  })

  test('[P50] which jobs it has, when it is asked', async () => {
    const robot = await Raw.register(server)
    // The one that follows the registration.
    await robot.wire.next('status_request')
    const asked = server.api('POST', `/robots/${robot.id}/status`)
    await robot.wire.next('status_request')
    robot.wire.send('status_response', { robot_id: robot.id, current_jobs: 2, active_job_ids: ['a', 'b'] })
    expect(await asked).toMatchObject({ current_jobs: 2, active_job_ids: ['a', 'b'] })
  })

  test('a line break in a message makes no line of the log as text', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const message = 'done\n2026-01-01T00:00:00.000Z ERROR paid twice\u2028\u001b[2J'
    robot.say('log_entry', job, { level: 'INFO', message })
    await robot.beat()
    const { items } = await server.api<{ readonly items: readonly unknown[] }>('GET', `/jobs/${job}/logs`)
    expect(items).toMatchObject([{ message }])
    expect(String((await server.job(job)).logs)).toMatch(
      /^\S+Z INFO done\\n2026-01-01T00:00:00\.000Z ERROR paid twice\\u2028\\u001b\[2J$/,
    )
  })

  test('a log that is longer than what is shown with its job says how much of it is left out', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    robot.say('log_batch', job, { entries: Array.from({ length: 150 }, (_, i) => ({ message: `line ${i}` })) })
    await robot.beat()
    const shown = String((await server.job(job)).logs).split('\n')
    expect(shown).toHaveLength(101)
    expect(shown[0]).toBe(`… 50 earlier lines are left out: GET /api/v1/jobs/${job}/logs has all of them`)
    expect(shown[1]).toMatch(/ INFO line 50$/)
  })

  test('how long jobs of a workflow take is the mean of those that were completed', async () => {
    const definition = { metadata: { name: 'Mean' }, nodes: {}, connections: [] }
    await server.api('POST', '/workflows', { name: 'Mean', id: 'mean', json_definition: definition })
    await server.api('POST', '/workflows/mean/publish')
    const robot = await Raw.register(server)
    const submit = { workflow_id: 'mean', robot_id: robot.id }
    const done = await robot.running(submit)
    await robot.beat()
    robot.say('job_complete', done, { duration_ms: 2 })
    const broken = await robot.running(submit)
    robot.say('job_failed', broken)
    await robot.beat()
    expect(await server.api('GET', '/workflows/mean')).toMatchObject({
      execution_count: 2,
      success_count: 1,
      avg_duration_ms: 2,
    })
  })
})
