import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { JobView } from './api.ts'
import { Raw } from './raw.ts'
import { chapter } from './chapter.ts'

/**
 * `kill -9` between what was acknowledged and what comes of it, and a start on the same data. The longer test of this
 * kind, with many robots and a seed, is tests/process/crash.ts.
 */

/** Each kill takes a start, and the slowest runtime bundles its source for one. */
const SLOW = { timeout: 180_000 }

chapter('kill -9', (server) => {
  async function restart(): Promise<void> {
    await server.kill()
    await server.start()
  }

  /** The job has ended once, as its robot reported. */
  async function completedOnce(job: string, result: unknown): Promise<void> {
    expect(await server.job(job)).toMatchObject({ status: 'completed', result })
    expect((await server.events(job)).filter((event) => event === 'complete')).toEqual(['complete'])
  }

  describe('between the acknowledgement of a job and its result', () => {
    test('[P30] as soon as it was acknowledged', SLOW, async () => {
      const job = await server.submit({ workflow_id: 'greeting', robot_id: 'early', parameters: { n: 1 } })
      await restart()
      expect(await server.job(job)).toMatchObject({ status: 'queued', parameters: { n: 1 } })
      const robot = await Raw.register(server, { robot_id: 'early' })
      await robot.take(job)
      robot.say('job_complete', job, { result: 1 })
      await robot.beat()
      await completedOnce(job, 1)
    })

    test('[P30] while it was on offer: it keeps its attempt, and is offered under no other', SLOW, async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit()
      const offer = await robot.offered(job)
      await restart()
      expect(await server.job(job)).toMatchObject({ offer: offer.payload['offer'], robot_id: robot.id })
      const again = await robot.again()
      await again.beat({ active_job_ids: [job] })
      again.say('job_complete', job, { result: 2, offer: offer.payload['offer'] })
      await again.beat()
      expect(again.offers).toEqual([])
      await completedOnce(job, 2)
    })

    test('[P30] while it ran: the robot comes back and reports', SLOW, async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      robot.say('job_progress', job, { progress: 40 })
      robot.say('log_entry', job, { level: 'INFO', message: 'before' })
      await robot.beat()
      await restart()
      expect(await server.job(job)).toMatchObject({ status: 'running', progress: 40, offer: 1 })
      const again = await robot.again()
      again.say('log_entry', job, { level: 'INFO', message: 'after' })
      again.say('job_complete', job, { result: 3, offer: 1 })
      await again.beat({ active_job_ids: [] })
      await completedOnce(job, 3)
      expect((await server.job(job)).logs).toMatch(/INFO before\n\S+ INFO after$/)
      expect(again.offers).toEqual([])
    })

    test('[P20] with the result on its way: it is repeated, and recorded once', SLOW, async () => {
      for (let round = 0; round < 2; round++) {
        const robot = await Raw.register(server)
        const job = await robot.running()
        robot.say('job_complete', job, { result: round })
        // The operating system decides whether it has arrived and is durable by then.
        if (round === 1) await setTimeout(2)
        await restart()
        const again = await robot.again()
        again.say('job_complete', job, { result: round, offer: 1 })
        await again.beat({ active_job_ids: [] })
        await completedOnce(job, round)
      }
    })

    test('[P18] with a result that a heartbeat has made sure of: nobody has to repeat it', SLOW, async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      robot.say('job_complete', job, { result: 'sure' })
      await robot.beat()
      await restart()
      await completedOnce(job, 'sure')
    })
  })

  describe('behind an offer', () => {
    test('[P39] the robot has finished meanwhile and dropped the result: the job is not run again', SLOW, async () => {
      const tag = crypto.randomUUID()
      const robot = await Raw.register(server, { tags: [tag] })
      const job = await server.submit({ workflow_id: 'greeting', required_tags: [tag] })
      await robot.offered(job)
      await restart()
      const other = await Raw.register(server, { tags: [tag] })
      const again = await robot.again({ tags: [tag] })
      for (let list = 0; list < 2; list++) await again.beat({ active_job_ids: [] })
      expect(await server.job(job)).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN', offer: 1 })
      await other.beat({ active_job_ids: [] })
      expect([...again.offers, ...other.offers]).toEqual([])
    })

    test('[P39] another robot is there first: the result of the one that had the offer counts', SLOW, async () => {
      const tag = crypto.randomUUID()
      const robot = await Raw.register(server, { tags: [tag] })
      const job = await server.submit({ workflow_id: 'greeting', required_tags: [tag] })
      await robot.offered(job)
      await restart()
      const other = await Raw.register(server, { tags: [tag] })
      await other.beat({ active_job_ids: [] })
      const again = await robot.again({ tags: [tag] })
      again.say('job_complete', job, { result: 'done' })
      await again.beat({ active_job_ids: [] })
      await completedOnce(job, 'done')
      expect(other.offers).toEqual([])
    })

    test('[P41] a robot that remembers, and has not read the offer, gets it again at once', SLOW, async () => {
      const memory = { id: crypto.randomUUID(), start: 1, offers: [] }
      const robot = await Raw.register(server, { memory })
      const job = await robot.submit()
      await robot.offered(job)
      await restart()
      const again = await robot.again({ memory })
      await again.beat({ active_job_ids: [] })
      await again.take(job)
      expect(await server.job(job)).toMatchObject({ status: 'running', offer: 2 })
      again.say('job_complete', job)
      await again.beat({ active_job_ids: [] })
    })
  })

  test('[P30] whatever else was acknowledged is still so', SLOW, async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const key = await server.api('POST', '/keys', { name: 'k', scopes: ['jobs:read'] })
    const gone = await server.api('POST', '/keys', { name: 'gone', scopes: ['jobs:read'] })
    await server.api('DELETE', `/keys/${String(gone['id'])}`)
    const headers = { 'Idempotency-Key': crypto.randomUUID() }
    const call = { headers, body: { workflow_id: 'greeting', robot_id: 'nobody' } }
    const first = await server.call<JobView>('POST', '/api/v1/jobs', call)
    await server.api('POST', `/robots/${robot.id}/pause`)
    await server.api('POST', `/jobs/${job}/cancel`)
    await restart()
    const read = (secret: unknown) => server.call('GET', '/api/v1/jobs', { key: String(secret) })
    expect([(await read(key['key'])).status, (await read(gone['key'])).status]).toEqual([200, 401])
    const second = await server.call<JobView>('POST', '/api/v1/jobs', call)
    expect([second.headers.get('idempotency-replayed'), second.body]).toEqual(['true', first.body])
    expect((await server.job(job)).status).toBe('cancelled')
    // The robot hears both again: that it is paused, and that it is to stop.
    const again = await robot.again()
    await again.beat({ active_job_ids: [job] })
    expect(again.wire.frames.map(({ type }) => type).toSorted()).toEqual(
      ['heartbeat_ack', 'job_cancel', 'pause', 'register_ack', 'status_request'],
    )
  })

  test('[P30] round after round, each job is done once', SLOW, async () => {
    const jobs: string[] = []
    for (let round = 0; round < 3; round++) {
      const robot = await Raw.register(server, { robot_id: 'steady', max_concurrent_jobs: 8 })
      const running = jobs.slice(-2)
      for (const job of running) robot.say('job_complete', job, { result: job })
      await robot.beat({ active_job_ids: [] })
      for (let i = 0; i < 2; i++) jobs.push(await robot.running())
      await restart()
    }
    const robot = await Raw.register(server, { robot_id: 'steady', max_concurrent_jobs: 8 })
    for (const job of jobs) robot.say('job_complete', job, { result: job, offer: 1 })
    await robot.beat({ active_job_ids: [] })
    for (const job of jobs) await completedOnce(job, job)
    expect(robot.offers).toEqual([])
  })
})
