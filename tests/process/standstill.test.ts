import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import unlimited from '../unlimited.json' with { type: 'json' }
import { Raw } from '../wire/raw.ts'
import { hangUpAll } from '../wire/wire.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { newFolder } from './program.ts'

/** The orchestrator's process stands still, as behind the lid of a laptop or a slow disk, while robots go on. */

/** Shorter than it stands still, and the grace so long that it changes nothing here. */
const SETTINGS = { ...unlimited, offer_seconds: 1, lease_seconds: 2, heartbeat_seconds: 1, grace_seconds: 60 }
const STILL_MS = 3_000

let server: Orchestrator

beforeAll(async () => {
  const file = join(newFolder(), 'settings.json')
  writeFileSync(file, JSON.stringify(SETTINGS))
  server = await Orchestrator.start({ args: ['--settings', file] })
})
afterEach(hangUpAll)
afterAll(cleanUp)

/** The deadlines have passed when it goes on, and what was said meanwhile waits in its sockets. */
async function standStill(meanwhile: () => void): Promise<void> {
  server.program.signal('SIGSTOP')
  meanwhile()
  await setTimeout(STILL_MS)
  server.program.signal('SIGCONT')
}

const events = async (job: string) => (await server.history(job)).map(({ event }) => event)

// More than a socket is read at a time.
test.each([0, 1, 400])('an answer to an offer that comes meanwhile counts, behind %i lines', async (lines) => {
  const robot = await Raw.register(server)
  const job = await robot.submit({ retry_safety: 'unless_accepted' })
  await robot.offered(job)
  await standStill(() => {
    for (let i = 0; i < lines; i++) robot.say('log_entry', job, { level: 'INFO', message: 'x'.repeat(5_000) })
    robot.say('job_accept', job)
    robot.say('job_complete', job, { result: { n: 1 } })
  })
  await robot.beat()
  expect(await server.job(job)).toMatchObject({ status: 'completed', attempt: 1, result: { n: 1 } })
  expect(await events(job)).toEqual(['submit', 'offer', 'accept', 'complete'])
  expect(robot.offers).toEqual([job])
})

test('the lease of a robot that spoke meanwhile is not taken from it', async () => {
  const robots = await Promise.all(Array.from({ length: 20 }, () => Raw.register(server)))
  const jobs = await Promise.all(robots.map((robot) => robot.running()))
  await standStill(() => {
    for (const [i, robot] of robots.entries()) {
      robot.wire.send('heartbeat', { robot_id: robot.id, active_job_ids: [jobs[i]] })
    }
  })
  for (const [i, robot] of robots.entries()) {
    await robot.beat({ active_job_ids: [jobs[i]] })
    robot.say('job_complete', jobs[i] ?? '', { result: i })
    await robot.beat({ active_job_ids: [] })
    expect(await events(jobs[i] ?? '')).toEqual(['submit', 'offer', 'accept', 'complete'])
  }
})

test('a job that ends before its deadline has ended, though it is read of after it', async () => {
  const robot = await Raw.register(server)
  const job = await robot.running({ timeout_seconds: 1 })
  await standStill(() => robot.say('job_complete', job, { result: 'in time' }))
  await robot.beat()
  expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'in time' })
})
