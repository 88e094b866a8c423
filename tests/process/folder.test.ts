import { afterAll, expect, test } from 'vitest'
import { connect } from '../../adapters/store/file.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { MAIN, newFolder, Program } from './program.ts'

/** One data folder, one process: a second one is refused, and the first is not affected. */

afterAll(cleanUp)

const IN_USE = /^casare: the data folder \S+ is in use by another orchestrator: stop that one first.*\n$/

/** Starts another on the folder without waiting for the outcome. */
function rival(data: string): Program {
  return new Program(MAIN, ['--data', data, '--http-port', '0', '--robot-port', '0', '--no-robot'])
}

test('a second one on the same folder ends with one line, and the first goes on', async () => {
  const first = await Orchestrator.start()
  const id = await first.submit({ workflow_id: 'greeting' })
  const second = rival(first.data)
  expect(await second.exited).toBe(1)
  await second.closed
  expect(second.err).toMatch(IN_USE)
  expect(second.out).toBe('')
  expect(await first.job(id)).toMatchObject({ status: 'queued' })
  await first.submit({ workflow_id: 'greeting' })
  expect((await first.call('GET', '/healthz')).body).toMatchObject({ status: 'ok', live_jobs: 2 })
  expect(await first.stop()).toBe(0)
  expect(first.program.err).toBe('')
})

test('once the first is gone, by kill -9 or by Ctrl-C, the next begins', async () => {
  const first = await Orchestrator.start()
  const id = await first.submit({ workflow_id: 'greeting' })
  await first.kill()
  await first.restart()
  expect(await first.job(id)).toMatchObject({ status: 'queued' })
  expect(await first.stop()).toBe(0)
  await first.restart()
  expect(await first.job(id)).toMatchObject({ status: 'queued' })
})

test('while the first is on its way out the next waits for a moment', async () => {
  const first = await Orchestrator.start()
  const second = rival(first.data)
  // From then on it tries for a second.
  await second.opened(`${first.data}/orchestrator.lock`)
  first.program.signal('SIGKILL')
  await second.printed(/Ready\./)
})

test('of several that start at once exactly one wins', async () => {
  const data = newFolder()
  const all = [1, 2, 3, 4].map(() => rival(data))
  const fates = await Promise.all(all.map((program) =>
    Promise.race([
      program.printed(/Ready\./).then(() => 'ready', () => 'over'),
      program.exited,
    ])
  ))
  const losers = all.filter((_program, i) => fates[i] !== 'ready')
  expect(losers).toHaveLength(all.length - 1)
  await Promise.all(losers.map((program) => program.closed))
  for (const loser of losers) {
    expect(await loser.exited).toBe(1)
    expect(loser.err).toMatch(IN_USE)
  }
  const winner = all.find((_program, i) => fates[i] === 'ready')
  expect(winner?.running).toBe(true)
  expect(winner?.err).toBe('')
})

test('who has loaded a database past the lock stops the first all the same', async () => {
  const first = await Orchestrator.start()
  const other = connect(`${first.data}/orchestrator.db`)
  other.all('update meta set epoch = epoch + 1', [])
  other.close()
  const late = await first.call('POST', '/api/v1/jobs', { body: { workflow_id: 'greeting' } }).catch(() => undefined)
  // It may be gone before it has answered; what it must not do is to take the job.
  expect([undefined, 503]).toContain(late?.status)
  expect(await first.program.exited).toBe(1)
  await first.program.closed
  expect(first.program.err.split('\n').filter((line) => line.startsWith('casare: '))).toEqual([
    'casare: another process has taken over this database',
  ])
  expect(first.program.err).not.toMatch(/^ +at /m)
})
