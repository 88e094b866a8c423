import { expect, test } from 'vitest'
import { chapter } from './chapter.ts'
import { Raw } from './raw.ts'

/** How much of what one robot says is kept. */

chapter('bounds', (server) => {
  test('[P75] a result of a robot that never had the job stands in no history', async () => {
    const robot = await Raw.register(server)
    const job = await robot.running()
    const other = await Raw.register(server)
    const id = other.wire.send('job_complete', { job_id: job, result: 'planted', attempt: 1 })
    other.wire.send('job_failed', { job_id: job, error_message: 'planted' })
    await other.beat()
    const answer = other.wire.frames.find(({ correlation_id }) => correlation_id === id)
    expect(answer).toMatchObject({ type: 'error', payload: { error_code: 'NOT_FOUND' } })
    robot.say('job_complete', job, { result: 'right' })
    await robot.beat()
    other.wire.send('job_complete', { job_id: job, result: 'planted' })
    await other.beat()
    const history = await server.history(job)
    expect(history.map(({ event }) => event)).toEqual(['submit', 'offer', 'accept', 'complete'])
    expect(history.map(({ robot_id }) => robot_id)).not.toContain(other.id)
  })
})
