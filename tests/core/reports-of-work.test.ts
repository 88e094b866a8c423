import { describe, expect, test } from 'vitest'
import { writtenAt } from '../../adapters/views/log-text.ts'
import { eventOfFrame } from '../../adapters/fleet/robot-socket.ts'
import { fromRobot } from '../../core/protocol/decode.ts'
import { beat, closed, complete, ids, job, join, running, say } from './bench.ts'

/** Robots' reports of their work, and where these are stored. */

type Bench = ReturnType<typeof running>
const row = (fleet: Bench) => fleet.disk.rows.jobs.get(ids.job('j1'))
const story = (fleet: Bench) =>
  fleet.disk.history.filter(({ event }) => event.endsWith('connected')).map(({ event, detail }) =>
    `${event}: ${detail}`
  )

describe('[P50] progress', () => {
  test('the words stay until there are others, and go with the attempt', () => {
    const fleet = running('always')
    const progress = (payload: object) => fleet.turn(say('r1', 'job_progress', { job_id: 'j1', ...payload }))
    progress({ progress: 10, message: 'Reading mail' })
    progress({ progress: 20 })
    expect(job(fleet, 'j1')).toMatchObject({ progress: 20, progress_message: 'Reading mail' })
    progress({ progress: 20, message: 'x'.repeat(20_000) })
    expect(job(fleet, 'j1').progress_message).toMatch(/^x{2000}… \(20000 characters\)$/)
    fleet.turn(beat('r1', []), beat('r1', []))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'queued', progress_message: '' })
  })
})

describe('[P50] how long a job took', () => {
  test.each([
    ['as the robot says', 500, 500],
    ['not, where it was longer than the job has been there', 70_000, null],
    ['not, where it has not measured', 0, null],
    ['not, where it is before the beginning', -5, null],
    ['not, where it does not say', undefined, null],
    ['in whole milliseconds', 499.6, 500],
  ])('%s', (_, duration_ms, kept) => {
    const fleet = running()
    fleet.pass(60_000)
    fleet.turn(say('r1', 'job_complete', { job_id: 'j1', duration_ms }))
    expect(row(fleet)).toMatchObject({ status: 'completed', robot_duration_ms: kept })
  })
})

describe('[P50] a robot that goes and comes', () => {
  test('stands in the history of its jobs, with what it said', () => {
    const fleet = running()
    fleet.turn(say('r1', 'disconnect', { reason: 'Scheduled maintenance' }))
    fleet.turn(...join('r1', { socket: 's2' }), ...join('r1', { socket: 's3' }))
    fleet.turn(closed('s3'))
    expect(story(fleet)).toEqual([
      'disconnected: r1 has disconnected: Scheduled maintenance',
      'reconnected: r1 is connected again',
      'disconnected: r1 was disconnected: Replaced by a newer connection',
      'reconnected: r1 is connected again',
      'disconnected: r1 has lost its connection, or closed it',
    ])
    expect(job(fleet, 'j1').status).toBe('running')
  })

  test('twenty times, and then no more', () => {
    const fleet = running()
    for (let i = 0; i < 15; i++) fleet.turn(...join('r1', { socket: `t${i}` }), closed(`t${i}`))
    expect(story(fleet)).toHaveLength(20)
    expect(story(fleet).at(-1)).toMatch(/; what comes after this is not written down$/)
  })

  test('says nothing of jobs that it does not have', () => {
    const fleet = running()
    fleet.turn(complete('r1', 'j1'))
    fleet.turn(closed('socket-r1'), ...join('r1', { socket: 's2' }))
    expect(story(fleet)).toEqual([])
  })
})

describe('[P50] when a line was written', () => {
  const MADE = Date.parse('2026-03-01T10:00:00Z')
  const ARRIVED = Date.parse('2026-03-01T10:30:00Z')
  test.each([
    ['2026-03-01T10:10:00.5Z', '10:10:00.500'],
    ['2026-03-01T10:10:00.123456', '10:10:00.123'],
    ['2026-03-01 10:10:00,25', '10:10:00.250'],
    ['2026-03-01T12:10:00+02:00', '10:10:00.000'],
    ['2026-03-01T12:10+0200', '10:10:00.000'],
    [String(Date.parse('2026-03-01T10:10:00Z')), '10:10:00.000'],
    [String(Date.parse('2026-03-01T10:10:00Z') / 1000 + 0.25), '10:10:00.250'],
    // A clock that is a little off.
    ['2026-03-01T10:34:00Z', '10:30:00.000'],
    ['2026-03-01T09:57:00Z', '10:00:00.000'],
    // And no clock at all.
    ['2026-03-01T11:00:00Z', '10:30:00.000'],
    ['2019-01-01T00:00:00Z', '10:30:00.000'],
    ['half past nine', '10:30:00.000'],
    ['2026-13-45T99:00:00Z', '10:30:00.000'],
    ['2026-02-29T10:10:00Z', '10:30:00.000'],
    ['', '10:30:00.000'],
  ])('%s', (robot_timestamp, at) => {
    const line = { timestamp: ARRIVED, robot_timestamp } as Parameters<typeof writtenAt>[0]
    expect(new Date(writtenAt(line, { created_at: MADE })).toISOString()).toBe(`2026-03-01T${at}Z`)
  })

  test('is what the line says, or else its message', () => {
    const fleet = running()
    const line = (payload: object, timestamp: unknown) =>
      JSON.stringify({ type: 'log_entry', timestamp, payload: { job_id: 'j1', message: 'm', ...payload } })
    const cases: readonly (readonly [object, unknown])[] = [[{}, 'a'], [{ timestamp: 'b' }, 'a'], [{}, 5], [{}, null]]
    for (const [payload, timestamp] of cases) {
      fleet.turn(eventOfFrame(ids.socket('socket-r1'), line(payload, timestamp)))
    }
    expect(fleet.disk.logs.map(({ robot_timestamp }) => robot_timestamp)).toEqual(['a', 'b', '5', null])
    expect(fromRobot(line({}, undefined))).toMatchObject({ payload: { timestamp: null } })
  })
})

test('[P50] a status answer says which jobs the robot has', () => {
  const fleet = running()
  fleet.turn(say('r1', 'status_response', { current_jobs: 3, active_job_ids: ['j1', 'other'] }))
  expect(fleet.state.sessions.get(ids.robot('r1'))?.reported).toMatchObject({
    current_jobs: 3,
    active_job_ids: ['j1', 'other'],
  })
})
