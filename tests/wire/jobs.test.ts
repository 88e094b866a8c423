import { afterEach, describe, expect, test } from 'vitest'
import { Raw } from './raw.ts'
import { chapter } from './chapter.ts'
import { closeAll } from './wire.ts'

/** Jobs on the wire: from the offer to the end, seen from both sides at once. */

interface Line {
  readonly level: string
  readonly message: string
}

chapter('jobs', (server) => {
  afterEach(closeAll)

  const logs = async (job: string, query = ''): Promise<readonly Line[]> =>
    (await server.api<{ readonly items: readonly Line[] }>('GET', `/jobs/${job}/logs${query}`)).items
  const cancel = (job: string) => server.api('POST', `/jobs/${job}/cancel`, { reason: 'Enough' })

  describe('offers', () => {
    test('[P25] job_assign is as the reference shows it, with the attempt and the number of the offer beside it', async () => {
      const robot = await Raw.register(server)
      const parameters = { name: 'Ada', list: [1, null, { deep: true }], text: 'Zürich 😀 "quoted"' }
      const job = await robot.submit({ parameters, priority: 'high', timeout_seconds: 90 })
      const offer = await robot.offered(job)
      expect(offer.payload).toEqual({
        job_id: job,
        workflow_id: 'greeting',
        workflow_name: 'Greeting',
        workflow_json: expect.any(String),
        priority: 2,
        timeout_seconds: 90,
        parameters,
        attempt: 1,
        offer: 1,
      })
      const { body } = await server.call('GET', '/api/v1/workflows/greeting')
      expect(offer.payload['workflow_json']).toBe(body['json_definition'])
    })

    test('[P25] an offer is on record when it comes, and the job is the robot’s from job_accept on', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit()
      await robot.offered(job)
      expect(await server.job(job)).toMatchObject({ status: 'queued', offer: 1, robot_id: robot.id })
      expect(await server.events(job)).toEqual(['submit', 'offer'])
      robot.say('job_accept', job)
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'running', offer: 1, robot_id: robot.id })
    })

    test.each([
      ['job_progress', { progress: 1 }, 'running'],
      ['job_complete', {}, 'completed'],
      ['job_failed', {}, 'failed'],
      ['job_cancelled', { offer: 1 }, 'cancelled'],
    ])('[P25] %s of an offered job says that it was accepted', async (type, more, status) => {
      const robot = await Raw.register(server)
      const job = await robot.submit()
      await robot.offered(job)
      robot.say(type, job, more)
      await robot.beat()
      expect((await server.job(job)).status).toBe(status)
      expect((await server.events(job)).slice(0, 3)).toEqual(['submit', 'offer', 'accept'])
    })

    test('[P25] a job_cancelled without the number of its offer is about an earlier one', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit()
      await robot.offered(job)
      robot.say('job_cancelled', job)
      await robot.beat()
      expect((await server.job(job)).status).toBe('queued')
      robot.say('job_accept', job)
      await robot.beat()
      expect((await server.job(job)).status).toBe('running')
    })

    test('[P25] of two robots that could take a job, one is asked', async () => {
      const tag = crypto.randomUUID()
      const robots = await Promise.all([1, 2, 3].map(() => Raw.register(server, { tags: [tag] })))
      const job = await server.submit({ workflow_id: 'greeting', required_tags: [tag] })
      for (const robot of robots) await robot.beat()
      expect(robots.flatMap(({ offers }) => offers)).toEqual([job])
    })

    test('[P26] a job that is refused waits, and says why', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit()
      await robot.offered(job)
      robot.say('job_reject', job, { reason: 'At maximum capacity' })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'pending', offer: 1 })
      const last = (await server.history(job)).at(-1)
      expect(last).toMatchObject({ event: 'back_off', detail: expect.stringMatching(/capacity$/) })
    })

    test('[P27] a robot that accepts a job which is no longer offered to it is told to stop', async () => {
      const robot = await Raw.register(server)
      const job = await robot.submit()
      await robot.offered(job)
      robot.say('job_reject', job)
      robot.say('job_accept', job)
      expect((await robot.wire.next('job_cancel')).payload).toMatchObject({ job_id: job })
      const other = await Raw.register(server)
      other.say('job_accept', job)
      expect((await other.wire.next('job_cancel')).payload).toMatchObject({ job_id: job })
      expect((await server.job(job)).status).toBe('pending')
    })

    test('slots are filled and no more, the most urgent first', async () => {
      const robot = await Raw.register(server, { max_concurrent_jobs: 2 })
      const first = await robot.submit()
      await robot.offered(first)
      for (const priority of [0, 3, 1]) await robot.submit({ priority })
      await robot.beat()
      const priorities = () =>
        robot.wire.frames.filter(({ type }) => type === 'job_assign').map(({ payload }) => payload['priority'])
      // The low one came first, when a slot was free; of the two that have to wait the critical one goes before.
      expect(priorities()).toEqual([1, 0])
      robot.say('job_complete', first)
      await robot.beat()
      expect(priorities()).toEqual([1, 0, 3])
    })
  })

  describe('on the way', () => {
    test('[P28] progress is rounded, kept between 0 and 100, and never falls', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      const seen: number[] = []
      for (const progress of [-5, null, 44.6, 20, 45.4, 250, 99]) {
        robot.say('job_progress', job, { progress })
        await robot.beat()
        seen.push((await server.job(job)).progress)
      }
      expect(seen).toEqual([0, 0, 45, 45, 45, 100, 100])
    })

    test('[P29] lines are kept in the order in which they arrive, with what they bring', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      robot.say('log_entry', job, { level: 'info', message: 'first', node_id: 'a', extra: { selector: '#x' } })
      const second = { level: 'DEBUG', message: 'second', timestamp: '2024-01-15T10:34:58Z' }
      robot.say('log_batch', job, { entries: [second, { level: 'warn', message: 'third' }] })
      robot.say('log_entry', job, { level: 'ERROR', message: 'fourth' })
      await robot.beat()
      const lines = await logs(job)
      expect(lines).toMatchObject([
        { level: 'INFO', message: 'first', node_id: 'a', extra: { selector: '#x' }, robot_id: robot.id },
        { level: 'DEBUG', message: 'second', robot_timestamp: '2024-01-15T10:34:58Z' },
        { level: 'WARNING', message: 'third', robot_timestamp: null },
        { level: 'ERROR', message: 'fourth' },
      ])
      const { next_cursor } = await server.api('GET', `/jobs/${job}/logs?limit=3`)
      expect([...await logs(job, '?limit=3'), ...await logs(job, `?limit=3&cursor=${String(next_cursor)}`)]).toEqual(
        lines,
      )
      const { logs: text } = await server.job(job)
      expect(text.split('\n').map((line) => line.replace(/^\S+ /, ''))).toEqual([
        'INFO first',
        'DEBUG second',
        'WARNING third',
        'ERROR fourth',
      ])
    })

    test('[P29] a long line is cut, a repeated message stored once, and a line after the end taken', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      const about = { job_id: job, robot_id: robot.id, level: 'INFO' }
      robot.wire.send('log_entry', { ...about, message: 'x'.repeat(20_000) })
      for (let i = 0; i < 3; i++) robot.wire.send('log_entry', { ...about, message: 'once' }, 'the same id')
      robot.say('job_complete', job)
      robot.wire.send('log_entry', { ...about, message: 'late' })
      await robot.beat()
      const [long, ...others] = (await logs(job)).map(({ message }) => message)
      expect(long).toBe(`${'x'.repeat(16_384)}… (20000 characters)`)
      expect(others).toEqual(['once', 'late'])
    })

    test('[P29] lines about the job of another robot are refused, and so is a batch without end', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      const other = await Raw.register(server)
      const entry = { level: 'INFO', message: 'm' }
      for (const id of [job, 'none']) other.say('log_entry', id, entry)
      await other.beat()
      const codes = ({ wire }: Raw) =>
        wire.frames.filter(({ type }) => type === 'error').map(({ payload }) => payload['error_code'])
      expect(codes(other)).toEqual(['NOT_FOUND', 'NOT_FOUND'])
      robot.say('log_batch', job, { entries: Array.from({ length: 1_001 }, () => entry) })
      robot.say('log_batch', job, { entries: Array.from({ length: 1_000 }, () => entry) })
      await robot.beat()
      expect(codes(robot)).toEqual(['INVALID_PAYLOAD'])
      expect(await logs(job, '?limit=200')).toHaveLength(200)
    })

    test('[P29] a log ends at 100,000 lines and says how many were left out', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      const entries = Array.from({ length: 1_000 }, () => ({ level: 'INFO', message: 'm' }))
      for (let batch = 0; batch < 102; batch++) {
        robot.say('log_batch', job, { entries })
        if (batch % 10 === 0) await robot.beat()
      }
      robot.say('job_complete', job)
      await robot.beat()
      const { logs: text } = await server.job(job)
      expect(text.split('\n').at(-1)).toMatch(/ WARNING 2000 lines were left out: this log is full$/)
    })
  })

  describe('the end', () => {
    test('a job that is done has its result, and all of its progress', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      robot.say('job_complete', job, { result: { records: 1_500 }, duration_ms: 900_000 })
      await robot.beat()
      const done = { status: 'completed', progress: 100, result: { records: 1_500 }, robot_id: robot.id }
      expect(await server.job(job)).toMatchObject(done)
    })

    test('a failure keeps what the robot says about it', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      const fault = { error_message: 'Element not found: #submit', error_type: 'ElementNotFoundError' }
      const details = { ...fault, stack_trace: 'at line 1', failed_node: 'click' }
      robot.say('job_failed', job, details)
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'failed', ...details })
    })

    test('results for jobs that do not exist are refused, and the connection goes on', async () => {
      const robot = await Raw.register(server)
      const id = robot.wire.send('job_complete', { job_id: 'none', robot_id: robot.id, result: 1 })
      expect(await robot.wire.next('error')).toMatchObject({ payload: { error_code: 'NOT_FOUND' }, correlation_id: id })
      await robot.beat()
    })

    test('[P31] a job that is cancelled has ended at once, whatever its robot still says', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      expect(await cancel(job)).toMatchObject({ status: 'cancelled' })
      expect((await robot.wire.next('job_cancel')).payload).toEqual({ job_id: job, reason: 'Enough' })
      robot.say('job_progress', job, { progress: 50 })
      robot.say('job_complete', job, { result: 'too late' })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'cancelled', result: {}, progress: 0 })
    })

    test('[P31] the robot is told again whenever it registers, and its slot stays taken meanwhile', async () => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      robot.wire.terminate()
      await cancel(job)
      const next = await robot.submit()
      for (let i = 0; i < 2; i++) {
        const again = await robot.again()
        await again.beat({ active_job_ids: [job] })
        expect([again.cancels, again.offers]).toEqual([[job], []])
      }
      const last = await robot.again()
      last.say('job_cancelled', job)
      await last.take(next)
    })

    const confirmations: readonly (readonly [string, (robot: Raw, job: string) => void])[] = [
      ['says so', (robot, job) => robot.say('job_cancelled', job)],
      ['has completed it', (robot, job) => robot.say('job_complete', job)],
      ['has failed at it', (robot, job) => robot.say('job_failed', job)],
      [
        'names its jobs without it',
        ({ id, wire }) => void wire.send('heartbeat', { robot_id: id, active_job_ids: [] }),
      ],
    ]
    test.each(confirmations)('[P31] the slot is free when the robot %s', async (_what, confirm) => {
      const robot = await Raw.register(server)
      const job = await robot.running()
      const next = await robot.submit()
      await cancel(job)
      await robot.beat()
      expect(robot.offers).toEqual([job])
      confirm(robot, job)
      await robot.take(next)
    })
  })
})
