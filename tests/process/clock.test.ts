import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { debian } from '../debian.ts'
import { Raw } from '../wire/raw.ts'
import { until } from '../wire/api.ts'
import { closeAll } from '../wire/wire.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'
import { newFolder } from './program.ts'

/** The clock of the machine is set while the orchestrator runs, and while it is down: a library shows it another time. */

const INSTALL_MS = 300_000
const HOUR = 3_600_000
const SLOW = { timeout: 180_000 }

let library = ''

beforeAll(async () => {
  await debian('faketime', 'faketime')
  // Each architecture has a folder of its own. Node 20 has no `globSync`.
  const places = readdirSync('/usr/lib').map((folder) => `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`)
  library = places.find((place) => existsSync(place)) ?? ''
  expect(existsSync(library)).toBe(true)
}, INSTALL_MS)
afterEach(closeAll)
afterAll(cleanUp)

/** An orchestrator whose clock is this far ahead of ours, with a function to set it. */
async function started(ahead: number): Promise<{ server: Orchestrator; set(ahead: number): void }> {
  const file = join(newFolder(), 'clock')
  const set = (ms: number): void => writeFileSync(file, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1_000}\n`)
  set(ahead)
  const env = {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
  return { server: await Orchestrator.start({ env, fixedPorts: true }), set }
}

/** The difference between an instant that the server shows and our clock. */
const aheadBy = (text: unknown): number => Date.parse(String(text)) - Date.now()
/** The same of the creation of a job. */
const madeBy = async (server: Orchestrator, job: string): Promise<number> =>
  aheadBy((await server.call<{ created_at: string }>('GET', `/api/v1/jobs/${job}`)).body.created_at)
const near = (ms: number) => ({ asymmetricMatch: (value: unknown) => Math.abs(Number(value) - ms) < 20_000 })

interface Health {
  readonly clock_set: { readonly by_ms: number; readonly count: number } | null
}
const health = async (server: Orchestrator) => (await server.call<Health>('GET', '/healthz')).body.clock_set

/** The next thing that happens is at the right time. */
async function followed(server: Orchestrator, by: number): Promise<void> {
  const job = await server.submit({ workflow_id: 'greeting', robot_id: 'nobody' })
  expect(await madeBy(server, job)).toEqual(near(0))
  expect(await health(server)).toMatchObject({ by_ms: near(by), count: 1 })
  expect(server.program.err).toContain('the clock was set')
}

test.each([2 * HOUR, 50 * 60_000, -24 * HOUR, 8_760 * HOUR])(
  'a clock that is %i ms ahead and is put right is followed at once, and nothing waits for it',
  SLOW,
  async (ahead) => {
    const { server, set } = await started(ahead)
    const robot = await Raw.register(server)
    const job = await robot.running({ timeout_seconds: 3_600 })
    expect(await madeBy(server, job)).toEqual(near(ahead))
    expect(await health(server)).toBeNull()
    set(0)
    await followed(server, -ahead)
    // The age of a job stays, and a scheduled job runs at its time.
    expect(await server.job(job)).toMatchObject({ status: 'running' })
    const soon = new Date(Date.now() + 2_000).toISOString()
    const later = await robot.submit({ scheduled_time: soon })
    expect((await server.job(later)).status).toBe('pending')
    robot.say('job_complete', job, { result: 1 })
    await robot.offered(later)
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(soon) - 50)
    expect(await server.job(job)).toMatchObject({ status: 'completed' })
  },
)

test('a schedule is due at the true time, and a deadline comes when it would have come', SLOW, async () => {
  const { server, set } = await started(2 * HOUR)
  const robot = await Raw.register(server)
  const job = await robot.running({ timeout_seconds: 4 })
  const saved = await server.call<{ id: string }>('POST', '/api/v1/schedules', {
    body: { name: 's', workflow_id: 'greeting', frequency: 'cron', cron_expression: '* * * * * *' },
  })
  const path = `/api/v1/schedules/${saved.body.id}/runs`
  const dues = async (): Promise<readonly number[]> => {
    const { body } = await server.call<{ items: readonly { due_at: string | null }[] }>('GET', path)
    return body.items.flatMap(({ due_at }) => due_at === null ? [] : [aheadBy(due_at)])
  }
  await until('it has run while the clock is ahead', async () => (await dues()).some((ms) => ms > HOUR) || undefined)
  set(0)
  await followed(server, -2 * HOUR)
  await until(
    'it has run at its true time',
    async () => (await dues()).some((ms) => Math.abs(ms) < 20_000) || undefined,
  )
  await until('the deadline has come', async () => (await server.job(job)).status === 'timeout' || undefined)
})

test.each([2 * HOUR, 30 * 60_000])(
  'a clock that was %i ms ahead and is put right while the process is down is followed',
  SLOW,
  async (ahead) => {
    const { server, set } = await started(ahead)
    const robot = await Raw.register(server)
    const job = await robot.running({ timeout_seconds: 3_600 })
    await server.kill()
    set(0)
    await server.restart()
    const again = await robot.again()
    await again.beat({ active_job_ids: [job] })
    await followed(server, -ahead)
    again.say('job_complete', job, { result: 1 })
    await again.beat()
    expect(await server.job(job)).toMatchObject({ status: 'completed', offer: 1 })
    // It is right now, and the next start finds it so.
    await server.stop()
    await server.restart()
    expect(await health(server)).toBeNull()
  },
)
