import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { newFolder, Program } from './program.ts'

/** A robot of the SDK whose process is killed or stands still, beside the orchestrator itself: what it runs, and how jobs end. */

let server: Orchestrator
let folder: string
let robot: Program

beforeAll(async () => {
  server = await Orchestrator.start({ fixedPorts: true })
})
beforeEach(async () => {
  folder = newFolder()
  await start()
})
afterAll(cleanUp)
afterAll(() => expect(server.program.err).toBe(''))

const inFolder = (name: string): string => join(folder, name)
const ran = (): readonly string[] =>
  existsSync(inFolder('ran')) ? readFileSync(inFolder('ran'), 'utf8').trim().split('\n') : []

/** Starts the robot, with the memory of the one before it. */
async function start(): Promise<void> {
  robot?.killAll()
  robot = new Program('tests/unit/robot/worker.ts', [], {
    ROBOT_URL: server.robots,
    ROBOT_KEY: server.robotKey,
    ROBOT_STATE: inFolder('state.jsonl'),
    ROBOT_RAN: inFolder('ran'),
    ROBOT_HEARTBEAT_MS: '200',
  })
  await robot.printed(/"registered"/)
}

async function restart(): Promise<void> {
  robot.signal('SIGKILL')
  await robot.exited
  await start()
}

/** A job for this robot that ends when `finish` says so. */
const submit = (more: object = {}): Promise<string> =>
  server.submit({ workflow_id: 'greeting', robot_id: 'worker', parameters: { until: inFolder('go') }, ...more })
const finish = (): void => writeFileSync(inFolder('go'), '')
const begun = (job: string): Promise<true> => until('it has begun', () => ran().includes(job) || undefined)
const ended = (id: string) =>
  until('the job has ended', async () => {
    const job = await server.job(id)
    return ['completed', 'failed'].includes(job.status) ? job : undefined
  })
const offered = (id: string): Promise<true> =>
  until('it is offered', async () => (await server.history(id)).some(({ event }) => event === 'offer') || undefined)

describe('a robot that is killed', () => {
  test('before it has read the offer is given the job when it is back, and runs it once', async () => {
    finish()
    robot.signal('SIGSTOP')
    const job = await submit()
    await offered(job)
    await restart()
    expect(await ended(job)).toMatchObject({ status: 'completed', offer: 2 })
    expect(ran()).toEqual([job])
  })

  test.each([
    ['unless_started', 'failed', 1],
    ['always', 'completed', 2],
  ])('while it runs a job that is %s: it is %s, and was run %i times', async (retry_safety, status, times) => {
    const job = await submit({ retry_safety })
    await begun(job)
    await restart()
    finish()
    const end = await ended(job)
    expect(end).toMatchObject({ status, error_type: status === 'failed' ? 'OUTCOME_UNKNOWN' : '' })
    expect(ran()).toEqual(Array.from({ length: times }, () => job))
  })

  test('before its result is confirmed delivers it when it is back', async () => {
    const job = await submit()
    await begun(job)
    server.program.signal('SIGSTOP')
    finish()
    await robot.printed(/job\.ended/)
    robot.signal('SIGKILL')
    await robot.exited
    server.program.signal('SIGCONT')
    await start()
    expect(await ended(job)).toMatchObject({ status: 'completed', result: { of: job }, offer: 1 })
    await robot.printed(/job\.confirmed/)
    expect(ran()).toEqual([job])
  })
})

test('a robot that is killed again and again runs no job twice, and each ends as it was run', {
  timeout: 180_000,
}, async () => {
  finish()
  const jobs: string[] = []
  for (let kills = 1; kills <= 5; kills++) {
    jobs.push(...await Promise.all(Array.from({ length: 8 }, () => submit())))
    const accepted = (): number => robot.out.match(/job\.accepted/g)?.length ?? 0
    await until('some are accepted', () => accepted() >= kills || undefined)
    await restart()
  }
  const runs = (id: string): number => ran().filter((one) => one === id).length
  for (const id of jobs) {
    const { status, error_type } = await ended(id)
    const asRun = status === 'completed' ? runs(id) === 1 : error_type === 'OUTCOME_UNKNOWN' && runs(id) <= 1
    expect(asRun, `${id} is ${status} (${error_type}) and was run ${runs(id)} times`).toBe(true)
  }
})

describe('a robot that stands still behind an offer', () => {
  test('runs the job once when it goes on, though the orchestrator was killed meanwhile', async () => {
    finish()
    robot.signal('SIGSTOP')
    const job = await submit()
    await offered(job)
    await server.kill()
    robot.signal('SIGCONT')
    await server.restart()
    // The robot knows whether it has read the offer, or the offer was lost with the connection.
    expect(await ended(job)).toMatchObject({ status: 'completed', result: { of: job } })
    expect(ran()).toEqual([job])
  })
})
