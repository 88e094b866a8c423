import { expect, test } from 'vitest'
import type { RobotEvent } from '../../../robot/robot.ts'
import { useLab } from './lab.ts'

const lab = useLab()

const JOBS = 2_000
const AMISS: ReadonlySet<RobotEvent['type']> = new Set(['warning', 'error', 'disconnected', 'job.rejected'])

test('[P34] a robot with short jobs never meets the limit of an orchestrator with default settings', async () => {
  const amiss: RobotEvent[] = []
  const runs = new Map<string, number>()
  let confirmed = 0
  let allConfirmed: () => void = () => {}
  const done = new Promise<void>((resolve) => (allConfirmed = resolve))
  const robot = await lab.robot((job) => {
    runs.set(job.id, (runs.get(job.id) ?? 0) + 1)
    job.log('INFO', 'a line')
    return { id: job.id }
  }, {
    maxConcurrentJobs: 10,
    timings: { confirmWaitMs: 1 },
    onEvent(event) {
      if (AMISS.has(event.type)) amiss.push(event)
      if (event.type === 'job.confirmed' && ++confirmed === JOBS) allConfirmed()
    },
  })
  const jobs = await Promise.all(Array.from({ length: JOBS }, () => lab.submit()))
  await done
  // The heartbeat that a robot sends when it stops follows no result.
  await robot.stop()
  expect(amiss).toEqual([])
  expect([...runs.values()].every((times) => times === 1)).toBe(true)
  const ended = await Promise.all(jobs.map(({ id }) => lab.engine.waitForJob(id)))
  expect(ended.filter(({ status }) => status !== 'completed')).toEqual([])
  expect(new Set(runs.keys())).toEqual(new Set(jobs.map(({ id }) => id)))
})
