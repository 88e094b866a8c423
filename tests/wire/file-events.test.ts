import { beforeAll, describe, expect, test } from 'vitest'
import { type ErrorBody, type Reply, until } from './api.ts'
import { chapter } from './chapter.ts'

/** Robots' reports of files on their own machines, on every runtime. */

interface Report {
  readonly items: readonly Readonly<Record<string, unknown>>[]
}

chapter('file events that a robot reports', (server) => {
  let key = ''
  let made = 0

  beforeAll(async () => {
    const body = { name: 'robot', scopes: ['robots:connect'], robot_id: 'r7' }
    key = (await server.api<{ readonly key: string }>('POST', '/keys', body)).key
  })

  async function trigger(config: object = {}, options: object = {}): Promise<string> {
    const id = `files-${++made}`
    await server.api('POST', '/triggers', {
      id,
      name: 'Files',
      trigger_type: 'file_watch',
      workflow_id: 'greeting',
      config: { reported: true, ...config },
      ...options,
    })
    return id
  }

  const report = <T = Report>(id: string, events: unknown, headers: Record<string, string> = {}): Promise<Reply<T>> =>
    server.call<T>('POST', `/api/v1/triggers/${id}/file-events`, { key, body: { events }, headers })

  test('fire the trigger, in order, with the robot that the key is bound to', async () => {
    const id = await trigger()
    const { status, body } = await report(id, [
      { file_path: 'C:\\in\\a.pdf', event_type: 'created', size: 3, timestamp: '2026-01-05T09:00:00Z' },
      { file_path: '/in/b.pdf', event_type: 'modified' },
    ])
    expect(status).toBe(200)
    expect(body.items).toEqual([
      { outcome: 'fired', job_id: expect.any(String) },
      { outcome: 'fired', job_id: expect.any(String) },
    ])
    expect((await server.job(String(body.items[0]?.['job_id']))).parameters).toEqual({
      file_path: 'C:\\in\\a.pdf',
      file_name: 'a.pdf',
      file_dir: 'C:\\in',
      event_type: 'created',
      timestamp: '2026-01-05T09:00:00Z',
      size: 3,
    })
    const { items } = await server.api<Report>('GET', `/triggers/${id}/events`)
    expect(items[0]?.['metadata']).toMatchObject({ source: 'robot', robot_id: 'r7', event_type: 'modified' })
  })

  test('go through patterns, events and filter, each for itself', async () => {
    const id = await trigger({ patterns: ['*.csv', 'in/**/*.txt', '!~*'], events: ['created', 'moved'] }, {
      filter: '@.payload.size > 10',
    })
    const file = (file_path: string, more: object = {}): object => ({
      file_path,
      event_type: 'created',
      size: 99,
      ...more,
    })
    const { body } = await report(id, [
      file('C:\\x\\a.csv'),
      file('/x/~a.csv'),
      file('/x/a.pdf'),
      file('/x/b.csv', { event_type: 'deleted' }),
      file('/x/c.csv', { size: 1 }),
      file('/x/d.csv', { event_type: 'moved', src_path: '/y/d.csv' }),
    ])
    expect(body.items).toMatchObject([
      { outcome: 'fired' },
      { outcome: 'skipped', reason: 'patterns' },
      { outcome: 'skipped', reason: 'patterns' },
      { outcome: 'skipped', reason: 'events' },
      { outcome: 'skipped', reason: 'filter' },
      { outcome: 'fired' },
    ])
    const { items } = await server.api<Report>('GET', `/triggers/${id}/events`)
    expect(items.toReversed().map(({ reason, payload }) => [reason, (payload as { file_path: string }).file_path]))
      .toEqual([
        ['', 'C:\\x\\a.csv'],
        ['patterns', '/x/~a.csv'],
        ['patterns', '/x/a.pdf'],
        ['events', '/x/b.csv'],
        ['filter', '/x/c.csv'],
        ['', '/x/d.csv'],
      ])
    expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ trigger_count: 2, skipped_count: 4 })
  })

  test('that are all passed over are counted all, and listed in part', async () => {
    const id = await trigger({ patterns: ['*.csv'] })
    const { body } = await report(
      id,
      Array.from({ length: 100 }, (_, i) => ({ file_path: `/x/${i}`, event_type: 'created' })),
    )
    expect(body.items.every(({ reason }) => reason === 'patterns')).toBe(true)
    const counted = await until('all are counted', async () => {
      const view = await server.api('GET', `/triggers/${id}`)
      return view['skipped_count'] === 100 ? view : undefined
    })
    expect(counted).toMatchObject({ trigger_count: 0 })
    expect((await server.api<Report>('GET', `/triggers/${id}/events?limit=100`)).items).toHaveLength(60)
  })

  test('are of Windows, or of a system where a backslash is a letter', async () => {
    const id = await trigger({ patterns: ['b.txt', 'a*b.txt'] })
    const events = ['C:\\a\\b.txt', '/in/a\\b.txt'].map((file_path) => ({ file_path, event_type: 'created' }))
    const { body } = await report(id, events)
    const jobs = await Promise.all(body.items.map(({ job_id }) => server.job(String(job_id))))
    expect(jobs.map(({ parameters }) => [parameters['file_dir'], parameters['file_name']])).toEqual([
      ['C:\\a', 'b.txt'],
      ['/in', 'a\\b.txt'],
    ])
  })

  test('have happened at times that the calendar has', async () => {
    const id = await trigger()
    const at = (timestamp: string) => report<ErrorBody>(id, [{ file_path: '/a', event_type: 'created', timestamp }])
    const { status, body } = await at('2026-02-30T09:00:00Z')
    expect(status).toBe(400)
    expect(body.payload.error_message).toBe('Field events.0.timestamp: must be a valid date and time')
    expect((await at('noon')).body.payload.error_message).toBe(
      'Field events.0.timestamp: must be ISO 8601 with Z or an offset',
    )
  })

  test('that are sent again with the same Idempotency-Key make no second job', async () => {
    const id = await trigger()
    const events = [{ file_path: '/a', event_type: 'created' }, { file_path: '/b', event_type: 'created' }]
    const first = await report(id, events, { 'Idempotency-Key': 'k-1' })
    const again = await report(id, events, { 'Idempotency-Key': 'k-1' })
    expect(again.body.items).toEqual(first.body.items)
    const other = await report(id, [{ file_path: '/c', event_type: 'created' }], { 'Idempotency-Key': 'k-1' })
    expect(other.body.items).toMatchObject([{ outcome: 'refused', error_code: 'IDEMPOTENCY_MISMATCH', retry: false }])
    expect(await server.api('GET', `/triggers/${id}`)).toMatchObject({ trigger_count: 2 })
  })

  describe('are refused', () => {
    const EVENT = { file_path: '/a', event_type: 'created' }
    const refusal = async (id: string, events: unknown): Promise<string> => {
      const { status, body } = await report<ErrorBody>(id, events)
      return `${status} ${body.payload.error_code}`
    }

    test('each for itself when the trigger may not fire', async () => {
      const id = await trigger({}, { cooldown_seconds: 60 })
      const { status, body } = await report(id, [EVENT, EVENT])
      expect(status).toBe(200)
      expect(body.items).toMatchObject([{ outcome: 'fired' }, { outcome: 'skipped', reason: 'cooldown' }])
      await server.api('POST', `/triggers/${id}/disable`)
      expect((await report(id, [EVENT])).body.items).toEqual([
        { outcome: 'refused', error_code: 'FORBIDDEN', message: 'Trigger is disabled', retry: false },
      ])
    })

    test('all together when the report is wrong, or the trigger is none for them', async () => {
      const id = await trigger()
      expect(await refusal(id, [])).toBe('400 INVALID_PAYLOAD')
      expect(await refusal(id, Array.from({ length: 101 }, () => EVENT))).toBe('400 INVALID_PAYLOAD')
      expect(await refusal(id, [{ ...EVENT, event_type: 'renamed' }])).toBe('400 INVALID_PAYLOAD')
      expect(await refusal(id, [{ ...EVENT, path: '/x' }])).toBe('400 INVALID_PAYLOAD')
      expect(await refusal('nobody', [EVENT])).toBe('404 TRIGGER_NOT_FOUND')
      await server.api('POST', '/triggers', { id: 'a-webhook', name: 'W', workflow_id: 'greeting' })
      expect(await refusal('a-webhook', [EVENT])).toBe('409 CONFLICT')
    })

    test('without a key that may', async () => {
      const id = await trigger()
      const { key: reader } = await server.api<{ readonly key: string }>('POST', '/keys', {
        name: 'reader',
        scopes: ['jobs:read'],
      })
      const { status } = await server.call('POST', `/api/v1/triggers/${id}/file-events`, {
        key: reader,
        body: { events: [EVENT] },
      })
      expect(status).toBe(403)
    })
  })

  test('a trigger that would watch a folder is refused where there is none', async () => {
    const { status, body } = await server.call<ErrorBody>('POST', '/api/v1/triggers', {
      body: { name: 'F', trigger_type: 'file_watch', workflow_id: 'greeting', config: { watch_path: '/in' } },
    })
    expect(status).toBe(400)
    expect(body.payload.error_code).toBe('INVALID_PAYLOAD')
    expect(body.payload.error_message).toMatch(
      server.target.name === 'cloudflare'
        ? /no folders on this platform: .* config.reported true/
        : /start the orchestrator with --watch-root FOLDER/,
    )
  })
})
