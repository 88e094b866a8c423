import { afterEach, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'
import { closeAll } from './wire.ts'

/** Robots' reports of other work, and two robots with one id. */

chapter('robots that are not alone', (server) => {
  afterEach(closeAll)

  const view = (robot: Raw) => server.api('GET', `/robots/${robot.id}`)
  const blockers = async (job: string) => {
    const { blockers: found } = await server.api<{ readonly blockers: readonly { readonly code: string }[] }>(
      'GET',
      `/jobs/${job}/explain`,
    )
    return found.map(({ code }) => code)
  }

  test('[P52] a robot that is busy with other work is offered what is free by its word', async () => {
    const robot = await Raw.register(server, { max_concurrent_jobs: 2 })
    await robot.beat({ status: 'busy', current_jobs: 1, active_job_ids: [] })
    const first = await robot.submit()
    await robot.take(first)
    await robot.beat({ status: 'busy', current_jobs: 2, active_job_ids: [first] })
    const second = await robot.submit()
    await robot.beat({ status: 'busy', current_jobs: 2, active_job_ids: [first] })
    expect(robot.offers).toEqual([first])
    expect(await blockers(second)).toContain('ROBOT_BUSY_ELSEWHERE')
    expect(await view(robot)).toMatchObject({ status: 'busy', current_jobs: 1 })
    await robot.beat({ status: 'online', current_jobs: 1, active_job_ids: [first] })
    await robot.take(second)
  })

  test('[P53] a robot that says it is offline is offered nothing, and its connection goes on', async () => {
    const robot = await Raw.register(server)
    await robot.beat({ status: 'offline' })
    const job = await robot.submit()
    await robot.beat({ status: 'offline' })
    expect(robot.offers).toEqual([])
    expect(await blockers(job)).toContain('ROBOT_SAYS_OFFLINE')
    expect(await view(robot)).toMatchObject({ status: 'offline', connected_since: expect.any(String) })
    await robot.beat()
    await robot.take(job)
  })

  test('[P54] two machines under one id: each is told, and so is whoever asks', async () => {
    const one = await Raw.register(server)
    const job = await one.running()
    expect(await view(one)).toMatchObject({ conflict: null })
    const [two, three] = [await one.again(), await one.again()]
    await one.again()
    expect(await two.wire.closed).toEqual({ code: 4409, reason: 'Replaced by a newer connection' })
    expect((await three.wire.closed).reason).toBe(
      'Replaced by a newer connection, 3 times by turns: another machine uses this robot id',
    )
    expect(three.wire.frames.at(-1)).toMatchObject({ type: 'error', payload: { error_code: 'CONFLICT' } })
    expect(await view(one)).toMatchObject({
      conflict: { since: expect.any(String), takeovers: 3 },
      last_disconnect: { at: expect.any(String), code: 4409 },
    })
    expect(await blockers(job)).toEqual(['ROBOT_ID_CONFLICT'])
    await expect.poll(() => server.warnings.filter((line) => line.includes(one.id))).toHaveLength(1)
  })

  test('what a robot said last is to be seen while it is away', async () => {
    const robot = await Raw.register(server)
    await robot.beat({ cpu_percent: 41, memory_percent: 42, disk_percent: 43 })
    robot.wire.send('disconnect', { robot_id: robot.id, reason: 'lunch' })
    await robot.wire.closed
    expect(await view(robot)).toMatchObject({
      status: 'offline',
      last_heartbeat: expect.any(String),
      metrics: { cpu_percent: 41, memory_percent: 42, disk_percent: 43 },
      last_disconnect: { code: 1000, reason: 'lunch' },
    })
  })

  test('a robot that never came was never seen', async () => {
    const made = await server.api('POST', '/robots', { name: 'Planned' })
    expect(made).toMatchObject({ last_seen: null, last_heartbeat: null, last_disconnect: null })
  })
})
