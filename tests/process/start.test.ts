import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, test } from 'vitest'
import pkg from '../../package.json' with { type: 'json' }
import { type JobView, until } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { MAIN, Program, ROBOT } from './program.ts'
import { ROOT } from './runtime.ts'

/** The promises of the README, in the order in which a user meets them. The tests share one data folder. */

/** The totals that the sample workflow must find, computed here in cents from the file that it reads. */
function totalsOf(region: string): { readonly count: number; readonly total: number; readonly largest: number } {
  const [, ...lines] = readFileSync(join(ROOT, 'workflows/library/files/orders.csv'), 'utf8').trim().split('\n')
  const cents = lines.map((line) => line.split(',')).filter(([, , where, status]) =>
    where === region && status === 'paid'
  ).map((columns) => Math.round(Number(columns[4]) * 100))
  const sum = cents.reduce((total, one) => total + one, 0)
  return { count: cents.length, total: sum / 100, largest: Math.max(...cents) / 100 }
}

async function shell(line: string): Promise<Record<string, unknown>> {
  const { stdout } = await promisify(execFile)('sh', ['-c', line])
  return JSON.parse(stdout) as Record<string, unknown>
}

interface Entry {
  readonly event: string
  readonly to_status: string
}

async function ends(server: Orchestrator, id: string): Promise<readonly Entry[]> {
  const { items } = await server.api<{ readonly items: readonly Entry[] }>('GET', `/jobs/${id}/history`)
  return items.filter(({ to_status }) => ['completed', 'failed', 'cancelled', 'timeout'].includes(to_status))
}

afterAll(cleanUp)

describe.sequential('from the first start on', () => {
  let server: Orchestrator
  let first = ''
  let drained = ''

  /** A job that takes a second or two, so that something can happen while it runs. */
  const runLong = async (pause_seconds: number): Promise<string> => {
    await server.program.printed(/registered, waiting for jobs/)
    const id = await server.submit({ workflow_id: 'orders-total', parameters: { region: 'west', pause_seconds } })
    await server.jobIn(id, 'running')
    return id
  }

  test('it starts, and prints what it takes to begin', async () => {
    server = await Orchestrator.start({ robot: true })
    const { out } = server.program
    expect(out).toContain(`CasareRPA Orchestrator ${pkg.version}`)
    expect(out).toContain(server.data)
    expect(server.admin).toMatch(/^crpa_[\w-]{43}$/)
    expect(server.robotKey).toMatch(/^crpa_[\w-]{43}$/)
    // Port 0 asks the system for one; what is printed is what it gave.
    expect(server.http).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/)
    expect(server.robots).toMatch(/^ws:\/\/127\.0\.0\.1:[1-9]\d+$/)
  })

  test('the printed line starts a job, and the job adds up the orders', async () => {
    const answer = await shell(server.curl)
    expect(answer).toEqual({
      status: 'accepted',
      trigger_id: 'orders-total',
      job_id: expect.any(String),
      message: 'Workflow execution triggered',
    })
    first = String(answer['job_id'])
    const seen = new Set<number>()
    const job = await until('the job has ended', async () => {
      const ended = await server.job(first)
      seen.add(ended.progress)
      return ended.status === 'completed' || ended.status === 'failed' ? ended : undefined
    })
    const region = String(/"region":"(\w+)"/.exec(server.curl)?.[1])
    expect(totalsOf(region).count).toBeGreaterThan(0)
    expect(job).toMatchObject({
      status: 'completed',
      progress: 100,
      robot_id: 'reference-robot',
      trigger_id: 'orders-total',
      offer: 1,
      error_message: '',
      parameters: { region },
      result: { ...totalsOf(region), file: 'orders-total-result.json' },
    })
    expect(job.logs).toContain(`${totalsOf(region).count} orders, ${totalsOf(region).total} in total`)
    expect(job.logs.split('\n').length).toBeGreaterThan(2)
    expect([...seen].filter((progress) => progress > 0 && progress < 100).length).toBeGreaterThan(0)
    expect(await ends(server, first)).toHaveLength(1)
    const written = readFileSync(join(server.data, 'robot-files/orders-total-result.json'), 'utf8')
    expect(JSON.parse(written)).toMatchObject(totalsOf(region))
  })

  test('the second printed line shows it', async () => {
    const line = /^ {2}(curl -H .*)$/m.exec(server.program.out)?.[1] ?? ''
    expect(await shell(line.replace('JOB_ID', first))).toMatchObject({ id: first, status: 'completed' })
  })

  test('Ctrl-C lets the running job end, takes nothing new in, and ends with 0', async () => {
    drained = await runLong(0.02)
    const exit = server.stop()
    await server.program.printed(/Stopping: /)
    const late = await server.call<{ readonly payload: object }>('POST', '/api/v1/jobs', {
      body: { workflow_id: 'greeting' },
    })
    expect([late.status, late.headers.get('retry-after')]).toEqual([503, '5'])
    expect(late.body.payload).toMatchObject({ error_code: 'UNAVAILABLE' })
    expect((await server.call('GET', '/healthz')).body).toMatchObject({ status: 'draining' })
    expect(await exit).toBe(0)
    expect(server.program.err).toBe('')
  })

  test('starting again shows the same jobs, and no keys', async () => {
    await server.restart()
    expect(server.program.out).not.toMatch(/crpa_|X-Webhook-Secret/)
    expect(await server.job(first)).toMatchObject({ status: 'completed', result: { count: expect.any(Number) } })
    expect(await server.job(drained)).toMatchObject({ status: 'completed', result: totalsOf('west') })
    expect(await ends(server, drained)).toHaveLength(1)
  })

  test('Ctrl-C in a terminal, which signals the whole group, does the same', async () => {
    drained = await runLong(0.02)
    expect(await server.stop('group')).toBe(0)
    await server.restart()
    expect(await server.job(drained)).toMatchObject({ status: 'completed', result: totalsOf('west') })
    expect(await ends(server, drained)).toHaveLength(1)
  })

  test('a second Ctrl-C does not wait', async () => {
    const id = await runLong(1)
    const [robot] = server.program.children(ROBOT)
    server.program.signal('SIGINT')
    await server.program.printed(/Stopping: /)
    // Signals in quick succession count as the first, which npm passes on a second time.
    const pressing = setInterval(() => server.program.signal('SIGINT'), 100)
    expect(await server.program.exited.finally(() => clearInterval(pressing))).toBe(130)
    // Left alone it would spend the next half minute on its job.
    if (robot !== undefined) process.kill(robot, 'SIGKILL')
    await server.program.closed
    await server.restart()
    // Its robot is gone, and with it what it knew: the one case in which nobody can say how far the job got.
    const job = await server.jobIn(id, 'failed', 'completed')
    expect(job).toMatchObject({ status: 'failed', error_type: 'OUTCOME_UNKNOWN' })
    expect(await ends(server, id)).toHaveLength(1)
  })

  test('the reference robot goes when the server is killed', async () => {
    await server.program.printed(/registered, waiting for jobs/)
    const [robot] = server.program.children(ROBOT)
    expect(robot).toBeGreaterThan(0)
    await server.kill()
    // It shares the output of the server, which closes only when both are gone.
    await server.program.closed
    expect(server.program.out).toContain('[robot] stopped (stopped)')
  })

  test('--new-keys prints new ones beside the old ones', async () => {
    const { admin: former } = server
    await server.restart(['--new-keys', '--no-robot'])
    expect(server.admin).not.toBe(former)
    const jobs = (key: string) => server.call('GET', '/api/v1/jobs', { key })
    expect((await jobs(former)).status).toBe(200)
    expect((await jobs(server.admin)).status).toBe(200)
    expect((await jobs(server.robotKey)).status).toBe(403)
  })

  test('--no-robot leaves the robot out', async () => {
    expect(server.program.children(ROBOT)).toEqual([])
    const id = await server.submit({ workflow_id: 'greeting' })
    const { items } = await server.api<{ readonly items: readonly { readonly status: string }[] }>('GET', '/robots')
    expect(items.map(({ status }) => status)).toEqual(['offline'])
    expect(await server.job(id) satisfies JobView).toMatchObject({ status: 'queued', offer: 0 })
    expect(await server.stop()).toBe(0)
    expect(server.program.out).not.toContain('[robot]')
  })
})

test('Ctrl-C as soon as it is ready ends it with 0, and its robot too', async () => {
  const server = await Orchestrator.start({ robot: true })
  expect(await server.stop()).toBe(0)
  expect(server.program.err).toBe('')
})

test('--help prints every option, and starts nothing', async () => {
  const help = new Program(MAIN, ['--help'])
  expect(await help.exited).toBe(0)
  await help.closed
  const flags = [
    'data',
    'database',
    'host',
    'http-port',
    'robot-port',
    'durability',
    'robots-auth',
    'fleet',
    'watch-root',
    'no-robot',
    'new-keys',
    'help',
  ]
  for (const flag of flags) expect(help.out).toMatch(new RegExp(`^  --${flag} `, 'm'))
  expect(help.err).toBe('')
})
