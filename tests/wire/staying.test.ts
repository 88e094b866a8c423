import { afterEach, describe, expect, test } from 'vitest'
import { Raw } from './raw.ts'
import { chapter } from './chapter.ts'
import { closeAll } from './wire.ts'

/** A robot and its connection: what is sure by when, what may be repeated, and what it finds when it comes back. */

chapter('staying connected', (server) => {
  afterEach(closeAll)

  /** The robot's connection breaks, and the orchestrator has noticed. */
  async function breakOff(robot: Raw): Promise<void> {
    robot.wire.terminate()
    await expect.poll(async () => (await server.api('GET', `/robots/${robot.id}`))['status']).toBe('offline')
  }

  describe('in order, and sure', () => {
    test('[P18] each heartbeat is answered once, in its turn', async () => {
      const robot = await Raw.register(server)
      const ids: string[] = []
      robot.wire.together(() => {
        for (let i = 0; i < 20; i++) ids.push(robot.wire.send('heartbeat', { robot_id: robot.id }))
      })
      await robot.beat()
      const acks = robot.wire.frames.filter(({ type }) => type === 'heartbeat_ack')
      expect(acks.map(({ correlation_id }) => correlation_id).slice(0, -1)).toEqual(ids)
      expect(acks[0]?.payload).toEqual({ robot_id: robot.id })
    })

    test('[P18] what was said before a heartbeat that is answered has been dealt with, errors included', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      robot.say('job_complete', job, { result: 1 })
      const wrong = robot.wire.send('job_complete', { job_id: 'none', robot_id: robot.id })
      await robot.beat()
      expect((await server.job(job)).status).toBe('completed')
      expect(robot.wire.frames.at(-2)).toMatchObject({ type: 'error', correlation_id: wrong })
    })

    test('[P19] acceptance and end in one write are both recorded, in this order', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit()
      await robot.offered(job)
      robot.wire.together(() => {
        robot.say('job_accept', job)
        robot.say('job_complete', job, { result: 1 })
      })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'completed', result: 1 })
      expect(await server.events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
    })

    test('[P19] many messages in one write are acted upon one after the other', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      const lines = Array.from({ length: 200 }, (_, i) => `line ${i}`)
      robot.wire.together(() => {
        for (const message of lines) robot.say('log_entry', job, { level: 'INFO', message })
        robot.say('job_progress', job, { progress: 10, current_node: 'first' })
        robot.say('job_progress', job, { progress: 90, current_node: 'second' })
        robot.say('job_failed', job, { error_message: 'first of all' })
        robot.say('job_complete', job)
      })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'failed', progress: 90, current_node: 'second' })
      const { items } = await server.api<{ readonly items: readonly { readonly message: string }[] }>(
        'GET',
        `/jobs/${job}/logs?limit=200`,
      )
      expect(items.map(({ message }) => message)).toEqual(lines)
    })

    test('[P20] a result that is repeated, here and after a reconnect, is recorded once and no error', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      robot.say('job_complete', job, { result: 1 })
      robot.say('job_complete', job, { result: 1 })
      await robot.beat()
      await breakOff(robot)
      const again = await robot.again()
      again.say('job_complete', job, { result: 1, offer: 1 })
      await again.beat({ active_job_ids: [] })
      expect(await server.events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
      expect(again.wire.frames.map(({ type }) => type)).toEqual(['register_ack', 'status_request', 'heartbeat_ack'])
    })

    test('[P20] a failure that is repeated is one too', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      for (let i = 0; i < 3; i++) robot.say('job_failed', job, { error_message: 'no' })
      await robot.beat()
      expect(await server.events(job)).toEqual(['submit', 'offer', 'accept', 'fail'])
      expect(robot.wire.frames.filter(({ type }) => type === 'error')).toEqual([])
    })
  })

  describe('attempts', () => {
    test('[P21] the first offer is number 1, and the next one 2', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit({ retry_safety: 'unless_accepted' })
      expect((await robot.offered(job)).payload['offer']).toBe(1)
      await breakOff(robot)
      const again = await robot.again()
      await again.beat({ active_job_ids: [] })
      expect((await again.offered(job)).payload).toMatchObject({ offer: 2, attempt: 1 })
    })

    test('[P21] what is said of another offer changes nothing, and a result leaves one line', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      for (let i = 0; i < 2; i++) robot.say('job_complete', job, { result: 'of offer 2', offer: 2 })
      robot.say('job_progress', job, { progress: 70, offer: 2 })
      robot.say('job_cancelled', job, { offer: 2 })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'running', progress: 0, offer: 1 })
      expect(await server.events(job)).toEqual(['submit', 'offer', 'accept', 'late_result'])
      robot.say('job_progress', job, { progress: 70, offer: 1 })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ progress: 70 })
    })

    test('[P21] a robot that echoes attempt is understood: what it says of another one changes nothing', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit({ retry_safety: 'unless_accepted' })
      await robot.offered(job)
      await breakOff(robot)
      const again = await robot.again()
      await again.beat({ active_job_ids: [] })
      const { payload } = await again.offered(job)
      for (const attempt of [2, payload['attempt']]) again.say('job_accept', job, { attempt })
      for (const attempt of [2, payload['attempt']]) {
        again.say('job_progress', job, { progress: 10 * Number(attempt), attempt })
      }
      await again.beat()
      expect(await server.job(job)).toMatchObject({ status: 'running', progress: 10, attempt: 1, offer: 2 })
      again.say('job_complete', job, { result: 'of attempt 2', attempt: 2 })
      again.say('job_complete', job, { result: 'mine', attempt: payload['attempt'] })
      await again.beat()
      expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'mine', attempt: 1, offer: 2 })
    })

    test('[P21] another end than the recorded one changes nothing, and leaves a line', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      robot.say('job_failed', job, { error_message: 'no' })
      robot.say('job_complete', job, { result: 'yes' })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'failed', result: {} })
      expect(await server.events(job)).toEqual(['submit', 'offer', 'accept', 'fail', 'late_result'])
    })
  })

  describe('coming back', () => {
    test('[P23] a job that is running when the line breaks goes on', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      await breakOff(robot)
      expect((await server.job(job)).status).toBe('running')
      const again = await robot.again()
      // It is asked what it runs, as every robot is.
      expect((await again.wire.next('status_request')).payload).toEqual({ robot_id: robot.id })
      again.wire.send('status_response', { robot_id: robot.id, active_job_ids: [job] })
      again.say('job_complete', job, { result: 1 })
      await again.beat({ active_job_ids: [] })
      expect(await server.events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
      expect(again.offers).toEqual([])
    })

    test('[P23] one that was only offered is adopted from the list', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit()
      await robot.offered(job)
      await breakOff(robot)
      const again = await robot.again()
      await again.beat({ active_job_ids: [job] })
      expect(await server.job(job)).toMatchObject({ status: 'running', offer: 1 })
      expect(again.offers).toEqual([])
    })

    test('[P42] one that was only offered, may run twice, and is not in the list, is offered anew at once', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit({ retry_safety: 'unless_accepted' })
      await robot.offered(job)
      await breakOff(robot)
      const again = await robot.again()
      await again.beat({ active_job_ids: [] })
      await again.take(job)
      expect(await server.job(job)).toMatchObject({ status: 'running', offer: 2 })
    })

    test('[P39] one that was only offered is not run again: no list of the next connection proves anything', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit()
      await robot.offered(job)
      await breakOff(robot)
      const again = await robot.again()
      await again.beat({ active_job_ids: [] })
      expect(await server.job(job)).toMatchObject({ status: 'queued', offer: 1 })
      await again.beat({ active_job_ids: [] })
      expect(await server.job(job)).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
      expect(again.offers).toEqual([])
    })

    test('[P41] a robot that remembers what it has read gets anew what it has not, and only that', async () => {
      const tag = crypto.randomUUID()
      const memory = (...offers: readonly object[]) => ({ id: 'memory', start: 1, offers })
      const robot = await Raw.register(server, { tags: [tag], max_concurrent_jobs: 2, memory: memory() })
      const [read, unread] = [await robot.submit(), await robot.submit()]
      await robot.offered(unread)
      await breakOff(robot)
      const again = await robot.again({ max_concurrent_jobs: 2, memory: memory({ job_id: read, offer: 1 }) })
      await again.beat({ active_job_ids: [] })
      await again.take(unread)
      expect(await server.job(unread)).toMatchObject({ status: 'running', offer: 2 })
      expect(await server.job(read)).toMatchObject({ status: 'queued', offer: 1 })
      again.say('job_complete', read, { offer: 1 })
      await again.beat({ active_job_ids: [unread] })
      expect(await server.events(read)).toEqual(['submit', 'offer', 'accept', 'complete'])
    })

    test('[P44] lists count over connections: a job that none of them names is lost', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      const second = await robot.again()
      await second.beat({ active_job_ids: [] })
      expect((await server.job(job)).status).toBe('running')
      const third = await robot.again()
      await third.beat({ active_job_ids: [] })
      expect(await server.job(job)).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
    })

    test('[P23] a running job that two lists in a row do not name is lost, and fails', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      await robot.beat({ active_job_ids: [] })
      // One that names it in between begins the count anew.
      await robot.beat({ active_job_ids: [job] })
      await robot.beat({ active_job_ids: [] })
      expect((await server.job(job)).status).toBe('running')
      await robot.beat({ active_job_ids: [] })
      expect(await server.job(job)).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
    })

    test('[P23] one that may always be run again is, five times at most', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit({ retry_safety: 'always' })
      for (let start = 1; start <= 5; start++) {
        await robot.take(job)
        for (let i = 0; i < 2; i++) await robot.beat({ active_job_ids: [] })
      }
      expect(await server.job(job)).toMatchObject({ status: 'failed', offer: 5, error_type: 'ROBOT_LOST' })
      expect(robot.offers).toHaveLength(5)
    })

    test('[P24] disconnect is answered with a close, and the jobs wait as if the line had broken', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      robot.wire.send('disconnect', { robot_id: robot.id, reason: 'Scheduled maintenance' })
      expect(await robot.wire.closed).toEqual({ code: 1000, reason: 'Scheduled maintenance' })
      expect(await server.api('GET', `/robots/${robot.id}`)).toMatchObject({ status: 'offline', current_jobs: 1 })
      expect((await server.job(job)).status).toBe('running')
      const again = await robot.again()
      again.say('job_complete', job)
      await again.beat()
      expect((await server.job(job)).status).toBe('completed')
    })

    test.each([
      ['in two bytes each', 'ü'.repeat(200), 'ü'.repeat(61)],
      ['in four bytes each', '😀'.repeat(200), '😀'.repeat(30)],
      ['that belong to no other', '\ud800'.repeat(200), '\ufffd'.repeat(41)],
    ])('[P24] a reason of many characters %s is cut to what a close can hold', async (_what, reason, heard) => {
      const [robot, other] = [await Raw.register(server), await Raw.register(server)]
      robot.wire.send('disconnect', { robot_id: robot.id, reason })
      expect(await robot.wire.closed).toEqual({ code: 1000, reason: heard })
      // Nobody else notices.
      await other.beat()
    })
  })
})
