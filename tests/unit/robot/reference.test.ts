import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Orchestrator } from './orchestrator.ts'

let orchestrator: Orchestrator
let children: ChildProcess[] = []

beforeEach(async () => {
  orchestrator = await Orchestrator.listen()
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children = []
  orchestrator.close()
})

/** The reference robot as users start it, with an IPC channel to this process. */
function start(env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'robot/reference.ts'], {
    env: {
      ...process.env,
      CASARE_ROBOT_URL: orchestrator.url,
      CASARE_ROBOT_KEY: 'crpa_k',
      CASARE_ROBOT_STATE: 'none',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  children.push(child)
  let out = ''
  child.stdout?.on('data', (chunk) => (out += chunk))
  child.stderr?.on('data', (chunk) => (out += chunk))
  const exit = once(child, 'close').then(([code]) => ({ code: code as number, out }))
  return { child, exit }
}

describe('the reference robot', () => {
  test('runs a workflow of the library, and ends well upon SIGTERM', async () => {
    const { child, exit } = start({ CASARE_ROBOT_ID: 'ref', CASARE_ROBOT_TAGS: 'a,b' })
    const connection = await orchestrator.registered()
    expect(connection.all[0]?.payload).toMatchObject({ robot_id: 'ref', max_concurrent_jobs: 2, tags: ['a', 'b'] })
    const workflow_json = await readFile('workflows/library/greeting.json', 'utf8')
    connection.assign('j1', { workflow_json, parameters: { name: 'Ada' } })
    expect((await connection.next('log_batch')).payload.entries).toMatchObject([{ message: 'Hello, Ada!' }])
    expect((await connection.next('job_complete')).payload.result).toEqual({ greeting: 'Hello, Ada!' })
    await connection.answerHeartbeat()
    child.kill('SIGTERM')
    await connection.next('disconnect')
    const { code, out } = await exit
    expect(code).toBe(0)
    expect(out).toContain('[robot] job j1 completed')
  })

  test('ends when the process that started it is gone', async () => {
    const { child } = start({})
    // After `disconnect`, Node emits exit and not close.
    const exit = once(child, 'exit')
    const connection = await orchestrator.registered()
    await connection.answerHeartbeat()
    child.disconnect()
    await connection.next('disconnect')
    expect((await exit)[0]).toBe(0)
  })

  test('ends with 1 when it is refused', async () => {
    const { exit } = start({})
    const connection = await orchestrator.connection()
    connection.close(4401, 'Unknown key')
    const { code, out } = await exit
    expect(code).toBe(1)
    expect(out).toContain('error: Unknown key')
    expect(out).not.toContain('crpa_k')
  })

  test('ends with 1 and one line when it is configured wrongly', async () => {
    const { code, out } = await start({ CASARE_ROBOT_SLOTS: 'many' }).exit
    expect({ code, out }).toEqual({ code: 1, out: '[robot] CASARE_ROBOT_SLOTS must be a number from 1 to 999: many\n' })
  })
})
