import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { MINUTE } from './deadlines.ts'
import { Raw } from './raw.ts'

/** The orchestrator stands still, as behind the lid of a laptop or a slow disk, while robots go on. */

/** Shorter than it stands still, and the grace so long that it changes nothing here. */
const SETTINGS = { offer_seconds: 1, lease_seconds: 3, heartbeat_seconds: 1, grace_seconds: 60 }
const STILL_MS = 5_000

chapter('standing still', (server) => {
  /** The deadlines have passed when it continues, and messages sent meanwhile wait in its sockets. */
  async function standStill(meanwhile: () => void): Promise<void> {
    server.pause()
    meanwhile()
    await setTimeout(STILL_MS)
    server.resume()
  }

  const events = async (job: string) => (await server.history(job)).map(({ event }) => event)

  // More than a socket is read at a time.
  test.each([0, 1, 400])(
    '[P60] an answer to an offer that comes meanwhile counts, behind %i lines',
    MINUTE,
    async (lines) => {
      const robot = await Raw.register(server)
      const job = await robot.submit({ retry_safety: 'unless_accepted' })
      await robot.offered(job)
      await standStill(() => {
        for (let i = 0; i < lines; i++) robot.say('log_entry', job, { level: 'INFO', message: 'x'.repeat(5_000) })
        robot.say('job_accept', job)
        robot.say('job_complete', job, { result: { n: 1 } })
      })
      await robot.beat()
      expect(await server.job(job)).toMatchObject({ status: 'completed', offer: 1, result: { n: 1 } })
      expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
      expect(robot.offers).toEqual([job])
    },
  )

  test('[P60] the lease of a robot that spoke meanwhile is not taken from it', MINUTE, async () => {
    const robots = await Promise.all(Array.from({ length: 10 }, () => Raw.register(server)))
    const jobs = await Promise.all(robots.map((robot) => robot.running()))
    await standStill(() => {
      for (const [i, robot] of robots.entries()) {
        robot.wire.send('heartbeat', { robot_id: robot.id, active_job_ids: [jobs[i]] })
      }
    })
    await Promise.all(robots.map(async (robot, i) => {
      robot.say('job_complete', jobs[i] ?? '', { result: i })
      await robot.beat({ active_job_ids: [] })
    }))
    for (const job of jobs) expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
  })

  test('[P60] a job that ends before its deadline has ended, though it is read of after it', MINUTE, async () => {
    const robot = await Raw.register(server)
    const job = await robot.running({ timeout_seconds: 1 })
    await standStill(() => robot.say('job_complete', job, { result: 'in time' }))
    await robot.beat()
    expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'in time' })
  })
}, SETTINGS)
