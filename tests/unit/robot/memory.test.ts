import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Message } from '../../../core/protocol/message.ts'
import { type Journal, type JournalOwner, Memory } from '../../../robot/memory.ts'
import { usualStateFile } from '../../../robot/state-file.ts'
import { gate, PATIENT, useLab } from './lab.ts'
import type { Connection } from './orchestrator.ts'

/** The offers that a robot has read, and which of them survive its connection and its process. */

const lab = useLab()
let folder: string
let stateFile: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'casare-memory-'))
  stateFile = join(folder, 'deep/r1.jsonl')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const memoryOf = (connection: Connection) => (connection.all[0] as Message<'register'>).payload.memory
const warnings = (): readonly string[] => lab.events.flatMap((event) => event.type === 'warning' ? [event.message] : [])

describe('the memory', () => {
  test('of a process has a name of its own, and goes on over connections', async () => {
    const { handler, entered } = gate()
    const [, first] = await lab.connected(handler)
    expect(memoryOf(first)).toEqual({ id: expect.any(String), start: 1, offers: [] })
    first.assign('j1', { offer: 3 })
    await entered
    first.assign('j2')
    await first.next('job_reject')
    first.drop()
    const second = await lab.orchestrator.registered()
    expect(memoryOf(second)).toEqual({ id: memoryOf(first)?.id, start: 1, offers: [{ job_id: 'j1', offer: 3 }] })
    const [, other] = await lab.connected(handler)
    expect(memoryOf(other)?.id).not.toBe(memoryOf(first)?.id)
  })

  test('has an offer until the orchestrator is known to have the end', async () => {
    const [robot, first] = await lab.connected(() => 1, { timings: { confirmMs: 10_000 } })
    first.assign('j1')
    await first.next('job_complete')
    first.drop()
    const second = await lab.orchestrator.registered()
    expect(memoryOf(second)?.offers).toEqual([{ job_id: 'j1', offer: 1 }])
    await second.answerHeartbeat()
    await expect.poll(() => robot.unconfirmedResults, { interval: 2 }).toBe(0)
    second.drop()
    expect(memoryOf(await lab.orchestrator.registered())?.offers).toEqual([])
  })

  test('in a file is the next robot’s too, and counts the starts', async () => {
    const [robot, first] = await lab.connected(() => 1, { stateFile, ...PATIENT })
    first.assign('j1')
    await first.next('job_complete')
    await first.answerHeartbeat()
    await robot.stop()
    const [, second] = await lab.connected(() => 1, { stateFile })
    expect(memoryOf(second)).toEqual({ id: memoryOf(first)?.id, start: 2, offers: [] })
    expect(warnings()).toEqual([])
  })

  test('in a file keeps a result that was not confirmed, which is delivered first and once', async () => {
    const [robot, first] = await lab.connected((job) => ({ of: job.id }), { stateFile, maxConcurrentJobs: 2 })
    for (const job of ['j1', 'j2']) first.assign(job)
    const sent = [await first.next('job_complete'), await first.next('job_complete')]
    await robot.stop()
    const [later, second] = await lab.connected(() => 'again', { stateFile })
    expect(memoryOf(second)?.offers).toEqual([{ job_id: 'j1', offer: 1 }, { job_id: 'j2', offer: 1 }])
    expect(second.types()).toEqual(['register', 'job_complete', 'job_complete', 'heartbeat'])
    expect(second.all.slice(1, 3)).toMatchObject(sent.map(({ id, payload }) => ({ id, payload })))
    await expect.poll(() => later.unconfirmedResults, { interval: 2 }).toBe(0)
    await later.stop()
    const [, third] = await lab.connected(() => 'again', { stateFile })
    expect(third.types()).toEqual(['register', 'heartbeat'])
    expect(memoryOf(third)).toMatchObject({ start: 3, offers: [] })
  })

  test('answers a question that comes with the registration after the results', async () => {
    const [, first] = await lab.connected(async (job) => job.log('INFO', 'a line'), { timings: { confirmMs: 10_000 } })
    first.assign('j1')
    await first.next('job_complete')
    first.drop()
    const second = await lab.orchestrator.connection()
    const { id } = await second.next('register')
    second.send({ type: 'register_ack', payload: { robot_id: 'r1', success: true }, correlation_id: id })
    second.send({ type: 'status_request', payload: { robot_id: 'r1' } })
    await second.next('status_response')
    expect(second.types()).toEqual(['register', 'job_complete', 'heartbeat', 'status_response'])
  })

  test('stays short, however many jobs there were', async () => {
    const [robot, connection] = await lab.connected(() => 'x'.repeat(100_000), { stateFile, ...PATIENT })
    for (let i = 0; i < 12; i++) {
      connection.assign(`j${i}`)
      await connection.next('job_complete')
      await connection.answerHeartbeat()
    }
    await robot.stop()
    expect(readFileSync(stateFile).length).toBeLessThan(400_000)
  })
})

describe('a state file that cannot be used', () => {
  test('because another robot has it leaves the second one with the memory of its process', async () => {
    const { handler, entered } = gate()
    const [, first] = await lab.connected(handler, { stateFile })
    first.assign('j1')
    await entered
    const [second, other] = await lab.connected(() => 1, { stateFile })
    expect(warnings()).toEqual([
      expect.stringMatching(/state file .*r1\.jsonl cannot be used: another process uses it/),
    ])
    expect(memoryOf(other)).toMatchObject({ start: 1, offers: [] })
    expect(memoryOf(other)?.id).not.toBe(memoryOf(first)?.id)
    await second.stop()
    first.drop()
    expect(memoryOf(await lab.orchestrator.registered())).toMatchObject({ offers: [{ job_id: 'j1', offer: 1 }] })
  })

  test.each<[string, (text: string) => string, RegExp]>([
    ['damaged', (text) => text.replace('j1', 'j7'), /line 2 is damaged/],
    ['damaged in the last line', (text) => text.replace(/\}\n$/, ']\n'), /is damaged/],
    ['something else', () => 'hello\n', /not the state of a robot/],
    ['empty', () => '', /not the state of a robot/],
  ])('because it is %s is said, and the robot works', async (_, damage, why) => {
    const [robot, first] = await lab.connected(() => 1, { stateFile })
    first.assign('j1')
    await first.next('job_complete')
    await robot.stop()
    const before = damage(readFileSync(stateFile, 'utf8'))
    writeFileSync(stateFile, before)
    const [, second] = await lab.connected(() => 1, { stateFile })
    expect(warnings()).toEqual([expect.stringMatching(why)])
    expect(memoryOf(second)).toMatchObject({ start: 1, offers: [] })
    second.assign('j2')
    await second.next('job_complete')
    // The file stays for inspection.
    expect(readFileSync(stateFile, 'utf8')).toBe(before)
  })

  test('because it is another robot’s is said, and the robot works', async () => {
    const [robot] = await lab.connected(() => 1, { stateFile, id: 'r2' })
    await robot.stop()
    const [, connection] = await lab.connected(() => 1, { stateFile })
    expect(warnings()).toEqual([expect.stringContaining('belongs to the robot r2')])
    connection.assign('j1')
    await connection.next('job_complete')
  })

  test('because its folder is none is said, and the robot works', async () => {
    writeFileSync(join(folder, 'deep'), '')
    const [, connection] = await lab.connected(() => 1, { stateFile })
    expect(warnings()).toEqual([expect.stringContaining(stateFile)])
    connection.assign('j1')
    await connection.next('job_complete')
  })

  test.each<[string, (text: string) => string]>([
    ['for a line that was being written', (text) => `${text}1a2b3c4d {"offer":{"job_`],
    ['for the last line break', (text) => text.slice(0, -1)],
  ])('but %s is used', async (_, cut) => {
    const [robot, first] = await lab.connected(() => 1, { stateFile })
    first.assign('j1')
    await first.next('job_complete')
    await robot.stop()
    writeFileSync(stateFile, cut(readFileSync(stateFile, 'utf8')))
    const [, second] = await lab.connected(() => 1, { stateFile })
    expect(memoryOf(second)).toEqual({
      id: memoryOf(first)?.id,
      start: 2,
      offers: [{ job_id: 'j1', offer: 1 }],
    })
    expect(warnings()).toEqual([])
  })
})

describe('a journal that fails', () => {
  const full = (owner: JournalOwner): Journal => ({
    write(_note, then) {
      owner.failed(new Error('no space left'))
      then()
    },
    close: () => Promise.resolve(),
  })

  test('keeps the job from beginning, and the memory goes on under another name', () => {
    const failures: unknown[] = []
    const memory = new Memory({ id: 'kept', start: 4, kept: [] }, full, (error) => failures.push(error))
    const begin = (job_id: string): readonly boolean[] => {
      const answers: boolean[] = []
      memory.begin({ job_id, offer: 1 }, (recorded) => answers.push(recorded))
      return answers
    }
    expect(memory.introduce()).toEqual({ id: 'kept', start: 4, offers: [] })
    expect(begin('j1')).toEqual([false])
    // Not before the orchestrator knows the name: the file would vouch for an offer that it does not have.
    expect(begin('j2')).toEqual([false])
    const { id, start, offers } = memory.introduce()
    expect([id === 'kept', start, offers]).toEqual([false, 1, []])
    expect(begin('j3')).toEqual([true])
    expect(memory.introduce()).toEqual({ id, start: 1, offers: [{ job_id: 'j3', offer: 1 }] })
    expect(failures).toHaveLength(1)
  })
})

test('the usual place is the user’s, for a robot and an orchestrator, and shows no key', () => {
  const place = usualStateFile('../r 1', 'wss://host/ws?api_key=crpa_secret')
  expect(place).toMatch(/casare-robot[\\/]_r_1-[0-9a-f]{12}\.jsonl$/)
  expect(usualStateFile('../r 1', 'wss://host/ws?api_key=crpa_other')).toBe(place)
  expect(usualStateFile('../r 1', 'wss://other/ws')).not.toBe(place)
  expect(usualStateFile('r-1', 'wss://host/ws')).not.toBe(usualStateFile('r_1', 'wss://host/ws'))
  expect(usualStateFile('r'.repeat(256), 'ws://h').length).toBeLessThan(300)
})
