import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Raw } from './raw.ts'
import { chapter } from './chapter.ts'
import type { Server } from './server.ts'

/**
 * A platform may evict memory while idle and keep the connections, and clients must not notice. On platforms without
 * hibernation the same checks run after a short silence.
 */

/** The length of the silence on platforms without hibernation. */
const SILENCE_MS = 1_000
/** The number of times that the platform gets to hibernate; a busy machine may miss it. */
const TRIES = 3

/** The number of loads of the state from the store; undefined if the orchestrator does not report it. */
async function loadsOf(server: Server): Promise<unknown> {
  return (await server.call('GET', '/healthz', { key: null })).body['loads']
}

/**
 * Says nothing until the platform has fallen asleep, and then does what wakes it: that is the first thing that happens.
 * It is done again after another silence where the platform was still awake.
 */
async function afterSleep(server: Server, wake: () => Promise<void>): Promise<void> {
  const { sleepsAfterMs } = server.target
  const before = await loadsOf(server)
  for (let sleep = 0; sleep < TRIES; sleep++) {
    await setTimeout(sleepsAfterMs ?? SILENCE_MS)
    await wake()
    if (sleepsAfterMs === null) return
    if (Number(await loadsOf(server)) > Number(before)) return
  }
  throw new Error(`it has not slept: the state was loaded ${String(await loadsOf(server))} times, as before`)
}

chapter('hibernation', (server) => {
  test('a job goes on and ends over the very same connections', { timeout: 240_000 }, async () => {
    const robot = await Raw.register(server)
    const other = await Raw.register(server)
    const [job, called] = [await robot.running(), await other.running()]
    // Each waits for its slot, and must not be offered while that is taken.
    const [next, last] = [await robot.submit(), await other.submit()]
    await robot.beat({ active_job_ids: [job] })

    await afterSleep(server, async () => {
      // The robot speaks first: it is known by its connection alone.
      robot.say('job_progress', job, { progress: 50, offer: 1 })
      robot.say('log_entry', job, { level: 'INFO', message: 'after the silence' })
      await robot.beat({ active_job_ids: [job] })
    })
    expect(await server.job(job)).toMatchObject({ status: 'running', progress: 50, offer: 1 })
    expect((await server.job(job)).logs).toContain('INFO after the silence')
    expect([...robot.offers, ...other.offers]).toEqual([job, called])
    expect(await server.api('GET', `/robots/${robot.id}`)).toMatchObject({ status: 'busy', current_jobs: 1 })

    await afterSleep(server, async () => {
      // Somebody else does, and the robot must hear of it.
      await server.call('POST', `/api/v1/jobs/${called}/cancel`, { body: { reason: 'Enough' } })
    })
    expect((await other.wire.next('job_cancel')).payload).toEqual({ job_id: called, reason: 'Enough' })
    await other.beat({ active_job_ids: [called] })
    expect(other.offers).toEqual([called])
    other.say('job_cancelled', called)
    await other.take(last)

    robot.say('job_complete', job, { result: 'whole', offer: 1 })
    await robot.beat()
    expect(await server.job(job)).toMatchObject({ status: 'completed', result: 'whole' })
    expect((await server.events(job)).slice(0, 4)).toEqual(['submit', 'offer', 'accept', 'complete'])
    await robot.take(next)
    expect([robot.offers, other.offers]).toEqual([[job, next], [called, last]])
    expect(robot.wire.frames.filter(({ type }) => type === 'register_ack')).toHaveLength(1)
    expect(robot.wire.frames.filter(({ type }) => type === 'error')).toEqual([])
  })
})
