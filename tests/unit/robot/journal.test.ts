import fs, { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Message } from '../../../core/protocol/message.ts'
import { type Head, lineOf } from '../../../robot/journal-file.ts'
import { gate, PATIENT, useLab } from './lab.ts'
import type { Connection } from './orchestrator.ts'

/** The state file of a robot on a disk that a test may hold up, and whose waits are counted. */

const lab = useLab()
const { fdatasync } = fs
let folder: string
let stateFile: string
let syncs = 0
/** Called before each `fdatasync`; an error is its outcome. */
let before: () => Promise<Error | null>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casare-journal-'))
  stateFile = join(folder, 'r1.jsonl')
  syncs = 0
  before = () => Promise.resolve(null)
  const watched = async (fd: number, done: fs.NoParamCallback): Promise<void> => {
    syncs++
    const error = await before()
    if (error === null) fdatasync(fd, done)
    else done(error)
  }
  fs.fdatasync = watched as unknown as typeof fdatasync
  syncBuiltinESMExports()
})
afterEach(() => {
  fs.fdatasync = fdatasync
  syncBuiltinESMExports()
  rmSync(folder, { recursive: true, force: true })
})

const memoryOf = (connection: Connection) => (connection.all[0] as Message<'register'>).payload.memory

/** Holds up the disk, and says when somebody waits for it. */
function held(): { reached: Promise<void>; go: (error?: Error) => void } {
  let reach: () => void = () => {}
  let go: (error?: Error) => void = () => {}
  const reached = new Promise<void>((resolve) => (reach = resolve))
  const opened = new Promise<Error | null>((resolve) => (go = (error) => resolve(error ?? null)))
  before = () => {
    reach()
    return opened
  }
  return { reached, go }
}

describe('while the disk is busy', () => {
  test('a job does not begin, no list leaves that is without it, and the loop goes on', async () => {
    const runs: string[] = []
    const [, connection] = await lab.connected((job) => runs.push(job.id), { stateFile })
    const disk = held()
    connection.assign('j1')
    await disk.reached
    const asked = connection.send({ type: 'status_request', payload: { robot_id: 'r1' } })
    connection.send({ type: 'pause', payload: { robot_id: 'r1' } })
    await expect.poll(() => lab.events.some(({ type }) => type === 'paused'), { interval: 2 }).toBe(true)
    expect(connection.types()).toEqual(['register', 'heartbeat'])
    expect(runs).toEqual([])
    disk.go()
    expect((await connection.next('status_response')).correlation_id).toBe(asked)
    await connection.next('job_complete')
    expect(connection.types().slice(2, 5)).toEqual(['job_accept', 'status_response', 'heartbeat'])
    expect(connection.all[3]).toMatchObject({ payload: { active_job_ids: ['j1'] } })
    expect(runs).toEqual(['j1'])
  })

  test('a job that is cancelled is not begun, and its end answers that', async () => {
    const runs: string[] = []
    const [, connection] = await lab.connected((job) => runs.push(job.id), { stateFile })
    const disk = held()
    connection.assign('j1')
    await disk.reached
    const cancelId = connection.send({ type: 'job_cancel', payload: { job_id: 'j1', reason: 'x' } })
    connection.assign('j1')
    connection.assign('j1', { offer: 2 })
    expect((await connection.next('job_reject')).payload).toMatchObject({ job_id: 'j1', offer: 2 })
    disk.go()
    const cancelled = await connection.next('job_cancelled')
    expect(cancelled).toMatchObject({ correlation_id: cancelId, payload: { job_id: 'j1', offer: 1 } })
    expect(runs).toEqual([])
  })

  test('an offer takes its slot', async () => {
    const [, connection] = await lab.connected(() => 1, { stateFile })
    const disk = held()
    connection.assign('j1')
    await disk.reached
    connection.assign('j2')
    expect((await connection.next('job_reject')).payload).toMatchObject({ job_id: 'j2' })
    disk.go()
    await connection.next('job_complete')
  })

  test('a result is sent, and is in the file before the robot has stopped', async () => {
    const { handler, open, entered } = gate()
    const [robot, connection] = await lab.connected(handler, { stateFile })
    connection.assign('j1')
    await entered
    const disk = held()
    open('done')
    await connection.next('job_complete')
    await disk.reached
    const stopped = robot.stop()
    disk.go()
    await stopped
    expect(readFileSync(stateFile, 'utf8')).toContain('"ended"')
  })
})

test('a disk that fails keeps the job from beginning, and the robot registers under another name', async () => {
  const runs: string[] = []
  const [, first] = await lab.connected((job) => runs.push(job.id), { stateFile })
  const disk = held()
  first.assign('j1')
  await disk.reached
  disk.go(new Error('no space left'))
  const second = await lab.orchestrator.registered()
  expect(lab.events).toContainEqual({ type: 'warning', message: expect.stringContaining('no space left') })
  expect(memoryOf(second)).toMatchObject({ start: 1, offers: [] })
  expect(memoryOf(second)?.id).not.toBe(memoryOf(first)?.id)
  expect(runs).toEqual([])
  second.assign('j1', { offer: 2 })
  await second.next('job_complete')
  expect(runs).toEqual(['j1'])
})

test('many short jobs take far fewer waits for the disk than there are jobs', async () => {
  const [robot, connection] = await lab.connected(() => 1, { stateFile, maxConcurrentJobs: 10, ...PATIENT })
  syncs = 0
  for (let round = 0; round < 10; round++) {
    for (let n = 0; n < 10; n++) connection.assign(`j${round}-${n}`)
    for (let n = 0; n < 10; n++) await connection.next('job_complete')
  }
  await connection.answerHeartbeat()
  await robot.stop()
  expect(syncs).toBeGreaterThan(0)
  expect(syncs).toBeLessThan(50)
})

describe('after a power cut', () => {
  const head: Head = { robot_memory: 1, id: 'kept', robot: 'r1', start: 1, boot: 'another' }
  const read = (job: string): string => lineOf({ offer: { job_id: job, offer: 1 }, state: 'read' })
  const damaged = '\u0000'.repeat(40) + '\n'

  test('notes of which nothing was known to be durable may be missing in any order', async () => {
    const upTo = lineOf(head) + read('j1')
    writeFileSync(stateFile, upTo + lineOf({ durable_bytes: upTo.length }) + damaged + read('j2'))
    const [, connection] = await lab.connected(() => 1, { stateFile })
    expect(memoryOf(connection)).toEqual({ id: 'kept', start: 2, offers: [{ job_id: 'j1', offer: 1 }] })
  })

  test('damage in what was durable is an error', async () => {
    const upTo = lineOf(head) + damaged + read('j1')
    writeFileSync(stateFile, upTo + lineOf({ durable_bytes: upTo.length }) + read('j2'))
    const [, connection] = await lab.connected(() => 1, { stateFile })
    expect(memoryOf(connection)).toMatchObject({ start: 1, offers: [] })
    expect(lab.events).toContainEqual({ type: 'warning', message: expect.stringContaining('line 2 is damaged') })
  })
})
