import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Message } from '../../../core/protocol/message.ts'
import { cleanUp, newFolder, Program } from '../../process/program.ts'
import { ROOT } from '../../process/runtime.ts'
import { type Connection, Orchestrator } from './orchestrator.ts'

/** A robot whose process is killed or stands still, in every moment of a job. What it ran is counted from outside. */

let orchestrator: Orchestrator
let folder: string
let robot: Program

beforeEach(async () => {
  orchestrator = await Orchestrator.listen()
  folder = newFolder()
})
afterEach(() => {
  robot.killAll()
  orchestrator.close()
})
afterAll(cleanUp)

const inFolder = (name: string): string => join(folder, name)
const memoryOf = (connection: Connection) => (connection.all[0] as Message<'register'>).payload.memory
const ran = (): readonly string[] =>
  existsSync(inFolder('ran')) ? readFileSync(inFolder('ran'), 'utf8').trim().split('\n') : []

const WORKER = 'tests/unit/robot/worker.ts'
/** With the permissions that docs/ROBOTS.md names, and leave for what its handler does. */
const onDeno = (): readonly [string, ...string[]] => [
  join(ROOT, 'node_modules/deno/deno'),
  'run',
  '--no-prompt',
  '--allow-net',
  '--allow-env',
  '--allow-sys=cpus,systemMemoryInfo',
  `--allow-read=${folder}`,
  `--allow-write=${folder}`,
  WORKER,
]

/** Starts the robot, and answers its registration and its first heartbeat. */
async function started([file, ...args]: readonly [string, ...string[]] = [WORKER]): Promise<Connection> {
  robot = new Program(file, args, {
    ROBOT_URL: orchestrator.url,
    ROBOT_STATE: inFolder('state.jsonl'),
    ROBOT_RAN: inFolder('ran'),
  })
  const connection = await orchestrator.registered()
  await connection.answerHeartbeat()
  return connection
}

async function killed(connection: Connection): Promise<void> {
  robot.signal('SIGKILL')
  await robot.exited
  await connection.closed
}

/** A job that goes on until the folder has the file `go`. */
const held = (more: object = {}) => ({ parameters: { until: inFolder('go'), ...more } })
/** The handler of the first job has been called. */
const begun = (): Promise<void> => expect.poll(ran, { interval: 5 }).toEqual(['j1'])
const J1 = [{ job_id: 'j1', offer: 1 }]

describe('killed', () => {
  test('before it has read an offer, it comes back and knows that it has not', async () => {
    const first = await started()
    robot.signal('SIGSTOP')
    first.assign('j1')
    await killed(first)
    const second = await started()
    expect(memoryOf(second)).toEqual({ id: memoryOf(first)?.id, start: 2, offers: [] })
    expect(ran()).toEqual([])
  })

  test('between reading an offer and beginning, it refuses the job, until that has arrived', async () => {
    const first = await started()
    first.assign('j1', held())
    await first.next('job_accept')
    await killed(first)
    // As after an earlier kill: the last line was not written yet.
    const lines = readFileSync(inFolder('state.jsonl'), 'utf8').split('\n')
    expect(lines.at(-2)).toContain('"begun"')
    writeFileSync(inFolder('state.jsonl'), lines.toSpliced(-2, 1).join('\n'))
    writeFileSync(inFolder('ran'), '')
    const second = await started()
    expect(memoryOf(second)?.offers).toEqual(J1)
    expect(second.types()).toEqual(['register', 'job_reject', 'heartbeat'])
    expect(second.all[1]?.payload).toMatchObject({ ...J1[0], reason: expect.stringContaining('restarted') })
    second.assign('j1', { offer: 2 })
    await second.next('job_complete')
    expect(ran()).toEqual(['j1'])
    await second.answerHeartbeat()
    await robot.printed(/job\.confirmed/)
    await killed(second)
    expect((await started()).types()).toEqual(['register', 'heartbeat'])
  })

  test('while the handler runs, it says that it had the job, and neither runs nor refuses it', async () => {
    const first = await started()
    first.assign('j1', held())
    await first.next('job_accept')
    await begun()
    await killed(first)
    const second = await started()
    expect(memoryOf(second)).toEqual({ id: memoryOf(first)?.id, start: 2, offers: J1 })
    second.assign('j1', held())
    for (let i = 0; i < 2; i++) {
      second.send({ type: 'pause', payload: { robot_id: 'worker' } })
      expect((await second.answerHeartbeat()).payload.active_job_ids).toEqual([])
    }
    // Three lists without the job were answered: by now it has been dealt with.
    const id = second.send({ type: 'status_request', payload: { robot_id: 'worker' } })
    expect((await second.next('status_response')).correlation_id).toBe(id)
    await expect.poll(() => readFileSync(inFolder('state.jsonl'), 'utf8'), { interval: 5 }).toContain('"settled"')
    await killed(second)
    const third = await started()
    expect(memoryOf(third)).toMatchObject({ start: 3, offers: [] })
    expect([...second.types(), ...third.types()].filter((type) => type.startsWith('job_'))).toEqual([])
    expect(ran()).toEqual(['j1'])
  })

  test('after the end and before that is confirmed, it delivers the result when it is back, once', async () => {
    const first = await started()
    first.assign('j1')
    const { id } = await first.next('job_complete')
    // The result is in the file by now.
    await robot.printed(/job\.ended/)
    await killed(first)
    const second = await started()
    expect(memoryOf(second)?.offers).toEqual(J1)
    expect(second.types()).toEqual(['register', 'job_complete', 'heartbeat'])
    expect(second.all[1]).toMatchObject({ id, payload: { ...J1[0], result: { of: 'j1' } } })
    await robot.printed(/job\.confirmed/)
    await killed(second)
    const third = await started()
    expect(third.types()).toEqual(['register', 'heartbeat'])
    expect(memoryOf(third)?.offers).toEqual([])
    expect(ran()).toEqual(['j1'])
  })

  test('on Deno, it delivers the result too', async () => {
    const first = await started(onDeno())
    first.assign('j1')
    const { id } = await first.next('job_complete')
    // The result is in the file by now.
    await robot.printed(/job\.ended/)
    await killed(first)
    const second = await started(onDeno())
    expect(second.all[1]).toMatchObject({ type: 'job_complete', id, payload: { ...J1[0], result: { of: 'j1' } } })
    expect(memoryOf(second)).toEqual({ id: memoryOf(first)?.id, start: 2, offers: J1 })
    expect(robot.out).not.toContain('warning')
  })

  test('after an end of which nothing was sent, too', async () => {
    const first = await started()
    first.assign('j1', held())
    await first.next('job_accept')
    first.drop()
    // The next connection is not answered, so nothing is sent on it.
    const mute = await orchestrator.connection()
    writeFileSync(inFolder('go'), '')
    await robot.printed(/job\.ended/)
    await killed(mute)
    const second = await started()
    expect(second.types()).toEqual(['register', 'job_complete', 'heartbeat'])
    expect(ran()).toEqual(['j1'])
  })
})

describe('standing still', () => {
  test('behind an offer, it takes the job when it goes on, and says so before any list', async () => {
    const connection = await started()
    robot.signal('SIGSTOP')
    connection.assign('j1', held())
    connection.send({ type: 'status_request', payload: { robot_id: 'worker' } })
    robot.signal('SIGCONT')
    expect((await connection.next('status_response')).payload.active_job_ids).toEqual(['j1'])
    expect(connection.types().slice(2)).toEqual(['job_accept', 'status_response'])
  })

  test('behind an offer on a connection that has ended meanwhile, it has the job and says so', async () => {
    const first = await started()
    robot.signal('SIGSTOP')
    first.assign('j1', held())
    first.close(1001, 'Restarting')
    robot.signal('SIGCONT')
    const second = await orchestrator.registered()
    expect(memoryOf(second)?.offers).toEqual(J1)
    expect((await second.answerHeartbeat()).payload.active_job_ids).toEqual(['j1'])
    writeFileSync(inFolder('go'), '')
    await second.next('job_complete')
    expect(ran()).toEqual(['j1'])
  })

  test('in a handler, it answers the next offer when that has ended, the result first', async () => {
    const connection = await started()
    connection.assign('j1', held({ blocking: true }))
    await connection.next('job_accept')
    await begun()
    connection.assign('j2')
    connection.send({ type: 'status_request', payload: { robot_id: 'worker' } })
    writeFileSync(inFolder('go'), '')
    await connection.next('status_response')
    const types = connection.types().slice(2)
    expect(types.indexOf('job_complete')).toBeLessThan(types.indexOf('status_response'))
    expect(types.indexOf('job_accept', 1)).toBeLessThan(types.indexOf('status_response'))
  })
})
