import { afterAll, expect, test } from 'vitest'
import { Robot } from '../../robot/robot.ts'
import { until } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'

/** More waiting jobs than memory could hold. */

const HEAP_MB = 96
const JOBS = 160
const SUBMITTED_AT_A_TIME = 4
const CHARS = 1_000_000
const RUN_MS = 200_000

afterAll(cleanUp)

test('jobs of 1 MB wait, are there after a restart, and run, with a heap that could not hold them', async () => {
  const server = await Orchestrator.start({
    fixedPorts: true,
    args: ['--settings', 'tests/unlimited.json'],
    env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` },
  })
  const text = (n: number): string => `${n} `.padEnd(CHARS, 'x')
  let next = 0
  const submit = async (): Promise<void> => {
    for (let n = next++; n < JOBS; n = next++) {
      await server.submit({ workflow_id: 'greeting', parameters: { text: text(n) } })
    }
  }
  await Promise.all(Array.from({ length: SUBMITTED_AT_A_TIME }, submit))
  await server.kill()
  await server.restart()
  const { live_jobs } = await (await fetch(`${server.http}/healthz`)).json() as { readonly live_jobs: number }
  expect(live_jobs).toBe(JOBS)

  const received = new Set<number>()
  const robot = new Robot({
    url: server.robots,
    id: 'r1',
    key: server.robotKey,
    maxConcurrentJobs: 10,
    stateFile: false,
    runner: ({ parameters }) => {
      const [n] = String(parameters['text']).split(' ')
      if (parameters['text'] === text(Number(n))) received.add(Number(n))
      return {}
    },
  })
  await robot.start()
  await until('all have run', () => received.size === JOBS || undefined, RUN_MS)
  await until('all have ended', async () => {
    const health = await (await fetch(`${server.http}/healthz`)).json() as { readonly live_jobs: number }
    return health.live_jobs === 0 || undefined
  }, RUN_MS)
  await robot.stop()
  expect(await server.stop()).toBe(0)
}, 2 * RUN_MS)
