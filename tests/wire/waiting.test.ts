import { describe, expect, test } from 'vitest'
import type { ErrorBody } from './api.ts'
import { Raw } from './raw.ts'
import { chapter } from './chapter.ts'
import { BACKOFF, breathing, GRACE, LEASE, MINUTE, REGISTER, SETTINGS, SLACK_MS, STATUS } from './deadlines.ts'
import { Wire } from './wire.ts'

/**
 * Events without input: every deadline is really waited for, with settings that make it short. The tests wait in
 * parallel. A late event is not an error; that none comes early is checked in between.
 */

chapter('waiting', (server) => {
  const alive = breathing(server)

  /** The duration of a promise. */
  async function msOf(waiting: Promise<unknown>): Promise<number> {
    const begun = performance.now()
    await waiting
    return performance.now() - begun + SLACK_MS
  }

  describe.concurrent('beside each other', () => {
    describe('a connection', () => {
      test('[P13] that does not register is closed with 4408', MINUTE, async () => {
        const begun = performance.now()
        const wire = await Wire.connect(server.robots)
        wire.raw('anything else')
        expect(await wire.closed).toEqual({ code: 4408, reason: `No registration within ${REGISTER} s` })
        expect(performance.now() - begun + SLACK_MS).toBeGreaterThan(REGISTER * 1_000)
      })

      test('[P22] on which nothing is said is closed with 4408, and its robot is gone', MINUTE, async () => {
        const robot = await Raw.register(server)
        const ms = await msOf(robot.wire.closed)
        expect(await robot.wire.closed).toEqual({ code: 4408, reason: `No message for ${LEASE} s` })
        expect(ms).toBeGreaterThan(LEASE * 1_000 - 500)
        expect(await server.api('GET', `/robots/${robot.id}`)).toMatchObject({ status: 'offline' })
      })

      test(
        '[P22] is kept by any frame: of a heartbeat, a word about a job, and no message at all',
        MINUTE,
        async () => {
          const says: readonly ((robot: Raw) => void)[] = [
            (robot) => void robot.wire.send('heartbeat', { robot_id: robot.id }),
            (robot) => robot.say('job_progress', 'none', { progress: 1 }),
            (robot) => robot.wire.raw('?'),
          ]
          await Promise.all(says.map(async (say) => {
            const robot = await Raw.register(server)
            const saying = setInterval(() => say(robot), 1_500)
            // As long as two silent connections that came later, one after the other.
            for (let silent = 0; silent < 2; silent++) await (await Raw.register(server)).wire.closed
            clearInterval(saying)
            await robot.beat()
          }))
        },
      )
    })

    describe('a robot that is gone', () => {
      test('[P23] and comes back in time finds its job', MINUTE, async () => {
        const [robot, other] = [await alive(), await alive()]
        const [job, lost] = [await robot.running(), await other.running()]
        robot.wire.terminate()
        other.wire.terminate()
        const again = await alive({ robot_id: robot.id })
        await again.beat({ active_job_ids: [job] })
        // As long as it would have had if it had stayed away, like the other.
        await server.jobIn(lost, 'failed')
        expect((await server.job(job)).status).toBe('running')
        again.say('job_complete', job)
        await again.beat()
        expect(await server.events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
      })

      test.each(['never', 'unless_started'])(
        '[P23] leaves a job failed that it had started: %s',
        MINUTE,
        async (safety) => {
          const robot = await alive()
          const job = await robot.running({ retry_safety: safety })
          robot.wire.terminate()
          expect(await msOf(server.jobIn(job, 'failed'))).toBeGreaterThan(GRACE * 1_000)
          expect(await server.job(job)).toMatchObject({ error_type: 'OUTCOME_UNKNOWN' })
        },
      )

      test('[P23] leaves another robot a job that may always be run again', MINUTE, async () => {
        const tag = crypto.randomUUID()
        const robot = await alive({ tags: [tag] })
        const job = await server.submit({ workflow_id: 'greeting', required_tags: [tag], retry_safety: 'always' })
        await robot.take(job)
        const other = await alive({ tags: [tag] })
        const ms = await msOf(Promise.all([robot.wire.terminate(), other.take(job)]))
        expect(ms).toBeGreaterThan(GRACE * 1_000)
        expect(await server.job(job)).toMatchObject({ status: 'running', offer: 2, robot_id: other.id })
      })
    })

    describe('an offer', () => {
      test('[P26] that is refused comes again after its back-off, and twice that for who refused', MINUTE, async () => {
        const robot = await alive()
        const job = await robot.submit()
        await robot.offered(job)
        for (const wait of [BACKOFF, BACKOFF * 2]) {
          robot.say('job_reject', job)
          // Less up to a quarter by chance.
          expect(await msOf(robot.offered(job))).toBeGreaterThan(2 * wait * 750)
        }
        expect((await server.job(job)).offer).toBe(3)
      })

      test('[P26] that is refused goes to another robot before', MINUTE, async () => {
        const tag = crypto.randomUUID()
        const robot = await alive({ tags: [tag] })
        const job = await server.submit({ workflow_id: 'greeting', required_tags: [tag] })
        await robot.offered(job)
        const other = await alive({ tags: [tag] })
        robot.say('job_reject', job)
        expect(await msOf(other.take(job))).toBeGreaterThan(BACKOFF * 750)
        expect(robot.offers).toEqual([job])
      })

      test('[P42] that is not answered lapses, where the job may run twice', MINUTE, async () => {
        const robot = await alive()
        const job = await robot.submit({ retry_safety: 'unless_accepted' })
        await robot.wire.next('status_request')
        robot.wire.send('status_response', { robot_id: robot.id })
        await robot.offered(job)
        await robot.wire.next('status_request')
        expect((await server.events(job)).slice(0, 3)).toEqual(['submit', 'offer', 'back_off'])
        // It has not declared that it lacks the job, though that is ready again: it may be running it.
        await server.jobIn(job, 'queued')
        await robot.beat()
        expect(robot.offers).toEqual([job])
        robot.wire.send('status_response', { robot_id: robot.id, active_job_ids: [] })
        expect((await robot.offered(job)).payload['offer']).toBe(2)
      })

      test(
        '[P21] is not made to a robot that may be running the job, whatever lists it had sent before',
        MINUTE,
        async () => {
          const robot = await alive()
          const job = await robot.submit({ retry_safety: 'unless_accepted' })
          await robot.wire.next('status_request')
          await robot.offered(job)
          await robot.wire.next('status_request')
          // Its own list: written, for all we know, before it had read of the offer.
          await robot.beat({ active_job_ids: [] })
          await server.jobIn(job, 'queued')
          await robot.beat({ active_job_ids: [] })
          expect(robot.offers).toEqual([job])
          // The first question was asked when it came, the second when it had let the offer pass.
          for (let answer = 0; answer < 2; answer++) {
            robot.wire.send('status_response', { robot_id: robot.id, active_job_ids: [] })
          }
          expect((await robot.offered(job)).payload['offer']).toBe(2)
        },
      )
    })

    describe('a job that has ended', () => {
      test('[P31] because it ran too long has ended whatever its robot says', MINUTE, async () => {
        const robot = await alive()
        const job = await robot.running({ timeout_seconds: 1 })
        expect((await robot.wire.next('job_cancel')).payload).toMatchObject({ job_id: job })
        expect(await server.job(job)).toMatchObject({ status: 'timeout', error_type: 'TimeoutError' })
        robot.say('job_complete', job, { result: 'too late' })
        await robot.beat()
        expect(await server.job(job)).toMatchObject({ status: 'timeout', result: {} })
      })

      test('[P31] holds its slot until the grace is over, where its robot does not confirm', MINUTE, async () => {
        const robot = await alive()
        const job = await robot.running()
        const next = await robot.submit()
        await server.api('POST', `/jobs/${job}/cancel`)
        expect(await msOf(robot.take(next))).toBeGreaterThan(GRACE * 1_000 - 500)
      })
    })

    describe('a question', () => {
      test('[P33] that the robot does not answer is answered with TIMEOUT', MINUTE, async () => {
        const robot = await alive()
        const asked = server.call<ErrorBody>('POST', `/api/v1/robots/${robot.id}/status`)
        expect(await msOf(asked)).toBeGreaterThan(STATUS * 1_000)
        const { status, body, headers } = await asked
        expect([status, body.payload.error_code, headers.get('retry-after')]).toEqual([504, 'TIMEOUT', '5'])
        // It is connected all the same.
        await robot.beat()
      })
    })
  })
}, SETTINGS)
