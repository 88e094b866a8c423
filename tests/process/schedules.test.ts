import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ErrorBody, until } from '../wire/api.ts'
import { cleanUp, Orchestrator } from './orchestrator.ts'

/** Schedules over HTTP, with a real clock and a real disk. When they are due, and what is missed, the core's tests show. */

let server: Orchestrator

beforeAll(async () => {
  server = await Orchestrator.start({ fixedPorts: true })
})
afterAll(cleanUp)

interface Schedule {
  readonly id: string
  readonly next_run: string | null
  readonly fires_at: string | null
  readonly [field: string]: unknown
}
interface List<T> {
  readonly items: readonly T[]
  readonly next_cursor: string | null
}
interface Run {
  readonly due_at: string | null
  readonly outcome: string
  readonly reason: string
  readonly job_id: string | null
}

const DAILY = { name: 'Daily', workflow_id: 'greeting', frequency: 'daily' }
const create = (more: object = {}): Promise<Schedule> =>
  server.api<Schedule>('POST', '/schedules', { ...DAILY, ...more })
const runs = async (id: string): Promise<readonly Run[]> =>
  (await server.api<List<Run>>('GET', `/schedules/${id}/runs`)).items

describe('a schedule', () => {
  test('is kept with everything that was said of it', async () => {
    const fields = {
      name: 'All of it',
      workflow_id: 'greeting',
      timezone: 'America/New_York',
      start_at: '2026-01-01T00:00:00.000Z',
      end_at: '2099-01-01T00:00:00.000Z',
      parameters: { deep: { list: [1] } },
      priority: 2,
      robot_id: 'robot-7',
      environment: 'prod',
      jitter_seconds: 30,
      misfire: 'run_all',
      misfire_grace_seconds: 600,
      overlap: 'cancel_running',
    }
    const made = await create({ ...fields, frequency: 'weekly', day_of_week: 'FRI', time_hour: 17, time_minute: 30 })
    expect(made).toMatchObject({
      ...fields,
      workflow_name: 'Greeting',
      frequency: 'weekly',
      cron_expression: '30 17 * * FRI',
      enabled: true,
      note: '',
      run_at: null,
      last_run: null,
      run_count: 0,
      success_count: 0,
      pool: null,
      created_by: 'admin',
    })
    expect(await server.api('GET', `/schedules/${made.id}`)).toEqual(made)
    const listed = await server.api<List<Schedule>>('GET', '/schedules?limit=1')
    expect(listed.items).toEqual([made])
    const changed = await server.api<Schedule>('PUT', `/schedules/${made.id}`, { ...DAILY, enabled: false })
    expect(changed).toMatchObject({ name: 'Daily', cron_expression: '0 9 * * *', enabled: false, next_run: null })
    expect(changed).toMatchObject({ overlap: 'queue_one', misfire: 'run_once', created_at: made['created_at'] })
  })

  test('is paused with a note, and goes on', async () => {
    const { id } = await create()
    const paused = await server.api('POST', `/schedules/${id}/disable`, { note: 'month end' })
    expect(paused).toMatchObject({ enabled: false, note: 'month end', next_run: null })
    expect(await server.api('PUT', `/schedules/${id}`, DAILY)).toMatchObject({ enabled: false, note: 'month end' })
    expect(await server.api('POST', `/schedules/${id}/enable`)).toMatchObject({ enabled: true, note: '' })
    expect((await server.api<Schedule>('POST', `/schedules/${id}/disable`)).next_run).toBeNull()
  })

  test('tells when it is due, first of all that are', async () => {
    const { id, next_run, fires_at } = await create({
      frequency: 'cron',
      cron_expression: '* * * * *',
      jitter_seconds: 5,
    })
    const { items } = await server.api<List<{ due_at: string; fires_at: string }>>(
      'GET',
      `/schedules/${id}/preview?count=3`,
    )
    expect(items.length).toBe(3)
    expect(items[0]).toEqual({ due_at: next_run, fires_at })
    for (const one of items) expect(Date.parse(one.fires_at) - Date.parse(one.due_at)).toBeLessThan(5_000)
    const upcoming = await server.api<List<Schedule>>('GET', '/schedules/upcoming?limit=1')
    expect(upcoming.items.map((schedule) => schedule.id)).toEqual([id])
    await server.api('DELETE', `/schedules/${id}`)
  })

  test('makes its jobs by the second, each once, and tells of them; over a restart too', async () => {
    const { id } = await create({ frequency: 'cron', cron_expression: '* * * * * *', overlap: 'allow' })
    await until('two runs', async () => ((await runs(id)).length >= 2 ? true : undefined))
    await server.kill()
    await server.restart()
    const before = (await runs(id)).length
    await until('more runs', async () => ((await runs(id)).length >= before + 2 ? true : undefined))
    await server.api('POST', `/schedules/${id}/disable`)
    const all = await runs(id)
    const fired = all.filter(({ outcome }) => outcome === 'fired' || outcome === 'late')
    const jobs = await server.api<List<{ id: string; schedule_id: string; due_at: string }>>(
      'GET',
      `/jobs?schedule_id=${id}`,
    )
    expect(jobs.items.map((job) => [job.id, job.due_at])).toEqual(fired.map((run) => [run.job_id, run.due_at]))
    expect(new Set(all.map(({ due_at }) => due_at)).size).toBe(all.length)
    expect((await server.api<Schedule>('GET', `/schedules/${id}`))['run_count']).toBe(fired.length)
    const paged = await server.api<List<Run>>('GET', `/schedules/${id}/runs?limit=1`)
    const next = await server.api<List<Run>>('GET', `/schedules/${id}/runs?limit=1&cursor=${paged.next_cursor}`)
    expect([...paged.items, ...next.items]).toEqual(all.slice(0, 2))
  })

  test('runs by hand, though it is disabled', async () => {
    const { id } = await create({ enabled: false })
    const job = await server.api('POST', `/schedules/${id}/trigger`)
    expect(job).toMatchObject({ schedule_id: id, due_at: null, created_by: 'admin', workflow_id: 'greeting' })
    expect(await runs(id)).toMatchObject([{ due_at: null, outcome: 'fired', reason: 'by hand', job_id: job['id'] }])
  })

  test('is gone when it is deleted', async () => {
    const { id } = await create()
    expect(await server.api('DELETE', `/schedules/${id}`)).toMatchObject({ id })
    for (const path of ['', '/preview', '/runs']) {
      expect((await server.call('GET', `/api/v1/schedules/${id}${path}`)).status).toBe(404)
    }
    expect((await server.call('DELETE', `/api/v1/schedules/${id}`)).status).toBe(404)
  })
})

test.each<[object, string]>([
  [{ timezone: 'Mars/Olympus' }, 'timezone'],
  [{ frequency: 'cron', cron_expression: '0 0 30 2 *' }, 'cron_expression'],
  [{ frequency: 'cron', cron_expression: '0 0 * * FUN' }, 'cron_expression'],
  [{ frequency: 'once', run_at: '2020-01-01T00:00:00Z' }, 'run_at'],
  [{ frequency: 'once', run_at: '2026-02-99T00:00:00Z' }, 'run_at'],
  [{ frequency: 'sometimes' }, 'frequency'],
  [{ time_hour: 24 }, 'time_hour'],
  [{ day_of_week: 'MON' }, 'day_of_week'],
  [{ frequency: 'weekly', day_of_week: 'MOON' }, 'day_of_week'],
  [{ frequency: 'monthly', day_of_month: 32 }, 'day_of_month'],
  [{ end_at: '2020-01-01T00:00:00Z' }, 'end_at'],
  [{ overlap: 'maybe' }, 'overlap'],
  [{ jitter_seconds: -1 }, 'jitter_seconds'],
  [{ workflow_id: 'nobody' }, 'workflow_id'],
  [{ pool: 'nobody' }, 'pool'],
  [{ intervall: 5 }, 'intervall'],
])('%j is refused by the name of the field', async (more, field) => {
  const { status, body } = await server.call<ErrorBody>('POST', '/api/v1/schedules', { body: { ...DAILY, ...more } })
  expect([400, 404]).toContain(status)
  expect(JSON.stringify(body.payload.details)).toContain(`"${field}"`)
})
