import { describe, expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { breathing, MINUTE, SETTINGS } from './deadlines.ts'

/** Offers that are not simply accepted, and jobs whose robot is away. Every deadline is really waited for. */

chapter('offers', (server) => {
  const alive = breathing(server)

  describe.concurrent('beside each other', () => {
    describe('an offer that may have been read', () => {
      test('[P39] stays with its robot, which takes it late', MINUTE, async () => {
        const tag = crypto.randomUUID()
        const robot = await alive({ tags: [tag] })
        const job = await server.submit({ workflow_id: 'greeting', required_tags: [tag] })
        await robot.wire.next('status_request')
        await robot.offered(job)
        const other = await alive({ tags: [tag] })
        // Sent when the offer is overdue.
        await robot.wire.next('status_request')
        robot.say('job_accept', job)
        robot.say('job_complete', job)
        await robot.beat()
        expect(await server.events(job)).toEqual(['submit', 'offer', 'unanswered', 'accept', 'complete'])
        await other.beat()
        expect(other.offers).toEqual([])
      })

      test('[P46] is all that its robot is offered, whatever slots it has free', MINUTE, async () => {
        const robot = await alive({ max_concurrent_jobs: 3 })
        const job = await robot.submit()
        await robot.wire.next('status_request')
        await robot.offered(job)
        await robot.wire.next('status_request')
        const next = await robot.submit()
        await robot.beat()
        expect(robot.offers).toEqual([job])
        robot.say('job_accept', job)
        await robot.offered(next)
      })

      test('[P39] ends with its outcome unknown when its robot is lost', MINUTE, async () => {
        const robot = await alive()
        const job = await robot.submit()
        await robot.offered(job)
        robot.wire.terminate()
        expect(await server.jobIn(job, 'failed')).toMatchObject({ error_type: 'OUTCOME_UNKNOWN', offer: 1 })
      })

      test('[P40] goes to another robot when a later list proves that it was not started', MINUTE, async () => {
        const tag = crypto.randomUUID()
        const robot = await alive({ tags: [tag] })
        const job = await server.submit({ workflow_id: 'greeting', required_tags: [tag] })
        await robot.wire.next('status_request')
        await robot.offered(job)
        robot.wire.send('status_response', { robot_id: robot.id, active_job_ids: [] })
        const other = await alive({ tags: [tag] })
        await robot.wire.next('status_request')
        await robot.beat({ active_job_ids: [] })
        expect((await server.job(job)).status).toBe('queued')
        robot.wire.send('status_response', { robot_id: robot.id, active_job_ids: [] })
        await other.take(job)
        expect(await server.job(job)).toMatchObject({ offer: 2, robot_id: other.id })
      })

      test('[P43] is released by a person who knows that it was not started', MINUTE, async () => {
        const tag = crypto.randomUUID()
        const robot = await alive({ tags: [tag] })
        const job = await server.submit({ workflow_id: 'greeting', required_tags: [tag] })
        await robot.wire.next('status_request')
        await robot.offered(job)
        expect((await server.call('POST', `/api/v1/jobs/${job}/release`)).status).toBe(409)
        const other = await alive({ tags: [tag] })
        await robot.wire.next('status_request')
        const { status } = await server.call('POST', `/api/v1/jobs/${job}/release`, { body: { reason: 'it was off' } })
        expect(status).toBe(200)
        await other.take(job)
        const entry = (await server.history(job)).find(({ event }) => event === 'back_off')
        expect(entry).toMatchObject({ detail: expect.stringMatching(/^released: .* has not started it: it was off$/) })
      })
    })

    describe('a job whose time is over', () => {
      /** Another job with as long a time, which begins now, has run too long. */
      async function secondPasses(): Promise<void> {
        const robot = await alive()
        await robot.running({ timeout_seconds: 1 })
        await robot.wire.next('job_cancel')
      }

      test('[P45] while its robot was away has not run too long if it comes back with the result', MINUTE, async () => {
        const robot = await alive()
        const job = await robot.running({ timeout_seconds: 1 })
        robot.wire.terminate()
        await secondPasses()
        expect((await server.job(job)).status).toBe('running')
        const again = await alive({ robot_id: robot.id })
        again.say('job_complete', job)
        await again.beat({ active_job_ids: [] })
        expect((await server.job(job)).status).toBe('completed')
      })

      test('[P45] ends when its robot comes back and is still at it', MINUTE, async () => {
        const robot = await alive()
        const job = await robot.running({ timeout_seconds: 1 })
        robot.wire.terminate()
        await secondPasses()
        const again = await alive({ robot_id: robot.id })
        await again.beat({ active_job_ids: [job] })
        expect((await again.wire.next('job_cancel')).payload).toMatchObject({ job_id: job })
        expect((await server.job(job)).status).toBe('timeout')
      })
    })
  })
}, SETTINGS)
