import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import {
  answers,
  beat,
  type Bench,
  bench,
  closed,
  complete,
  DEFINITION,
  ids,
  job,
  join,
  running,
  say,
  submit,
  summaryOf,
} from './bench.ts'

const cancel = (id: string): Event => ({
  type: 'cancel.requested',
  reply: ids.reply('cancel'),
  job: ids.job(id),
  by: 'tester',
  reason: 'No longer needed',
})
const again = (id: string, newJob: string, mode: 'retry' | 'requeue' = 'retry'): Event => ({
  type: 'retry.requested',
  reply: ids.reply('retry'),
  job: ids.job(id),
  mode,
  new_job: ids.job(newJob),
  by: 'tester',
  key: null,
  definition: DEFINITION,
})
const outcome = (fleet: Bench, event: Event) => {
  const [answer] = answers(fleet.turn(event))
  return answer?.type === 'refusal' ? answer.refusal.refused : answer?.type === 'job' ? answer.job.status : answer?.type
}
const failure = (id: string, error_type: string) =>
  say('r1', 'job_failed', { job_id: id, error_message: 'x', error_type })

describe('cancelling', () => {
  test.each<[string, (fleet: Bench) => void]>([
    ['a job that waits for its time', (fleet) => void fleet.turn(submit('j', { scheduled_time: fleet.now + 9_000 }))],
    ['a job that waits for a robot', (fleet) => void fleet.turn(submit('j'))],
    [
      'a job that is far off, on disk only',
      (fleet) => void fleet.turn(submit('j', { scheduled_time: fleet.now + 1e10 })),
    ],
    ['a job that is on offer', (fleet) => void fleet.turn(...join('r1'), submit('j'))],
    [
      'a job that is running',
      (fleet) => void fleet.turn(...join('r1'), submit('j'), say('r1', 'job_accept', { job_id: 'j' })),
    ],
  ])('%s ends it at once', (_name, prepare) => {
    const fleet = bench()
    prepare(fleet)
    expect(outcome(fleet, cancel('j'))).toBe('cancelled')
    expect(job(fleet, 'j')).toMatchObject({ status: 'cancelled', error_message: 'No longer needed' })
    expect(fleet.disk.history.at(-1)).toMatchObject({ event: 'cancel', actor: 'tester' })
  })

  test('a job that has ended stays as it is, and one that never was is not found', () => {
    const fleet = running()
    fleet.turn(complete('r1', 'j1'))
    expect(outcome(fleet, cancel('j1'))).toBe('CONFLICT')
    expect(job(fleet, 'j1').status).toBe('completed')
    expect(outcome(fleet, cancel('nope'))).toBe('NOT_FOUND')
  })

  test('[P31] the robot is told, and its slot is not free before it says that it has stopped', () => {
    const fleet = running()
    fleet.turn(submit('j2'))
    expect(summaryOf(fleet.turn(cancel('j1')))).toEqual(['socket-r1 job_cancel j1'])
    expect(summaryOf(fleet.turn(beat('r1', ['j1'])))).toEqual(['socket-r1 heartbeat_ack'])
    expect(summaryOf(fleet.turn(say('r1', 'job_cancelled', { job_id: 'j1' })))).toEqual(['socket-r1 job_assign j2#1'])
  })

  test.each<[string, (fleet: Bench) => readonly string[]]>([
    ['a list of its jobs without this one', (fleet) => summaryOf(fleet.turn(beat('r1', [])))],
    ['a result after all, which changes nothing', (fleet) => summaryOf(fleet.turn(complete('r1', 'j1', { late: 1 })))],
    ['a failure after all', (fleet) => summaryOf(fleet.turn(failure('j1', 'CancelledError')))],
    ['the end of its time', (fleet) => {
      fleet.pass(90_000)
      fleet.turn(beat('r1', ['j1']))
      return summaryOf(fleet.pass(30_000))
    }],
  ])('[P31] the slot is freed by %s', (_name, free) => {
    const fleet = running()
    fleet.turn(submit('j2'), cancel('j1'))
    expect(free(fleet)).toContain('socket-r1 job_assign j2#1')
    expect(job(fleet, 'j1')).toMatchObject({ status: 'cancelled', result: null, stop_until: null })
    expect(fleet.state.jobs.has(ids.job('j1'))).toBe(false)
  })

  test('[P31] a robot that was away is told again when it registers, after a restart too', () => {
    const fleet = running()
    fleet.turn(closed('socket-r1'), cancel('j1'))
    const restarted = bench({}, fleet.hot())
    expect(summaryOf(restarted.turn(...join('r1', { socket: 's2' })))).toEqual([
      's2 register_ack true',
      's2 job_cancel j1',
      's2 status_request',
    ])
  })

  test('a job that ran too long holds its slot in the same way', () => {
    const fleet = bench()
    fleet.turn(
      ...join('r1'),
      submit('j1', { timeout_ms: 60_000 }),
      say('r1', 'job_accept', { job_id: 'j1' }),
      submit('j2'),
    )
    fleet.pass(60_000)
    expect(job(fleet, 'j1').status).toBe('timeout')
    expect(job(fleet, 'j2').robot_id).toBeNull()
    expect(summaryOf(fleet.turn(say('r1', 'job_cancelled', { job_id: 'j1' })))).toContain('socket-r1 job_assign j2#1')
  })
})

describe('running again', () => {
  test('a retry is a new job that names the old one and asks for the same', () => {
    const fleet = running()
    const wants = { priority: 3, required_tags: ['x'], parameters: '{"a":1}', robot: ids.robot('r9'), max_attempts: 4 }
    fleet.turn(submit('j2', wants as never), cancel('j2'))
    expect(outcome(fleet, again('j2', 'j3'))).toBe('queued')
    expect(job(fleet, 'j3')).toMatchObject({
      retry_of: 'j2',
      priority: 3,
      required_tags: ['x'],
      parameters: '{"a":1}',
      pinned_robot_id: 'r9',
      max_attempts: 4,
      offer: 0,
    })
    expect(outcome(fleet, again('j1', 'j4'))).toBe('CONFLICT')
    expect(outcome(fleet, again('j3', 'j5', 'requeue'))).toBe('CONFLICT')
  })

  test('a transient failure is tried again after a growing wait, until the attempts are used up', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), beat('r1', []), submit('j1', { max_attempts: 3 }))
    const waits: number[] = []
    for (let attempt = 1; attempt < 3; attempt++) {
      fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }), failure('j1', 'ConnectionError'))
      expect(job(fleet, 'j1')).toMatchObject({ status: 'pending', attempt })
      waits.push((job(fleet, 'j1').ready_at ?? 0) - fleet.now)
      fleet.pass(15_000)
    }
    expect(waits[1]).toBeGreaterThan(waits[0] ?? Infinity)
    fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }), failure('j1', 'ConnectionError'))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', attempt: 3, dead_lettered: true })
  })

  test.each<[string, object, string]>([
    ['an error of the workflow', { max_attempts: 3 }, 'BusinessError'],
    ['a job that may be started once', { max_attempts: 1 }, 'ConnectionError'],
    ['an error that the job does not name', { max_attempts: 3, retry_on: ['OtherError'] }, 'ConnectionError'],
  ])('%s is not tried again, and is no dead letter', (_name, wants, type) => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1', wants), say('r1', 'job_accept', { job_id: 'j1' }), failure('j1', type))
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', dead_lettered: false })
  })

  test('a dead letter is dealt with once, by a new job', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), beat('r1', []), submit('j1', { max_attempts: 2, retry_on: ['X'] }))
    fleet.turn(failure('j1', 'X'))
    fleet.pass(15_000)
    fleet.turn(failure('j1', 'X'))
    expect(job(fleet, 'j1').dead_lettered).toBe(true)
    expect(outcome(fleet, again('j1', 'j2', 'requeue'))).toBe('queued')
    expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', dead_lettered: false })
    expect(outcome(fleet, again('j1', 'j3', 'requeue'))).toBe('CONFLICT')
  })

  test('a job that may always be run again is not run for ever', () => {
    const fleet = running('always')
    for (let i = 0; i < 5; i++) {
      fleet.turn(beat('r1', []), beat('r1', []))
      fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }))
    }
    expect(job(fleet, 'j1')).toMatchObject({
      status: 'failed',
      error_type: 'ROBOT_LOST',
      attempt: 5,
      dead_lettered: true,
    })
  })
})

describe('the same request', () => {
  const keyed = (id: string, fingerprint = 'f') => submit(id, { idempotency: { key: 'k', fingerprint } })

  test('with the same key gets the same answer, in one turn, later, and after a restart', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    const first = answers(fleet.turn(keyed('j1'), keyed('j2')))
    expect(first).toMatchObject([{ job: { id: 'j1' } }, { job: { id: 'j1' }, replayed: true }])
    expect({ ...first[1], replayed: undefined }).toMatchObject({ ...first[0] })
    fleet.turn(complete('r1', 'j1'))
    expect(answers(fleet.turn(keyed('j3')))).toMatchObject([{ job: { id: 'j1', status: 'queued', result: null } }])
    expect([...fleet.disk.rows.jobs.keys()]).toEqual(['j1'])
  })

  test('gets the same answer though the job waited at a gate then', () => {
    const fleet = bench()
    const behind = submit('j2', { concurrency_key: 'k', idempotency: { key: 'i', fingerprint: 'f' } })
    fleet.turn(...join('r1'), submit('j1', { concurrency_key: 'k' }))
    const [first] = answers(fleet.turn(behind))
    expect(first).toMatchObject({ job: { status: 'pending', queued_at: null } })
    fleet.turn(complete('r1', 'j1'))
    expect(answers(fleet.turn(behind))).toMatchObject([{ ...first, replayed: true }])
  })

  test('with the same key and another body is refused', () => {
    const fleet = bench()
    fleet.turn(keyed('j1'))
    expect(outcome(fleet, keyed('j2', 'other'))).toBe('IDEMPOTENCY_MISMATCH')
  })

  test('a key is forgotten after its time', () => {
    const fleet = bench({ idempotencyMs: 3_600_000 })
    fleet.turn(keyed('j1'))
    fleet.pass(3_600_000)
    expect(answers(fleet.turn(keyed('j2')))).toMatchObject([{ job: { id: 'j2' } }])
  })

  test('a refused request leaves no answer behind', () => {
    const fleet = bench({ liveJobsMax: 0 })
    expect(outcome(fleet, keyed('j1'))).toBe('QUEUE_FULL')
    expect(fleet.disk.rows.idempotency.size).toBe(0)
  })

  test('without a key is a duplicate while the first is under way, and for a while after', () => {
    const fleet = bench()
    const same = (id: string) => submit(id, { duplicate_key: 'd', check_duplicate: true })
    fleet.turn(...join('r1'), submit('j1', { duplicate_key: 'd' }))
    expect(answers(fleet.turn(same('j2')))).toMatchObject([
      { refusal: { refused: 'DUPLICATE_JOB', details: { job_id: 'j1' } } },
    ])
    fleet.turn(complete('r1', 'j1'))
    expect(outcome(fleet, same('j3'))).toBe('DUPLICATE_JOB')
    fleet.pass(300_000)
    expect(outcome(fleet, same('j4'))).toBe('queued')
    expect(answers(fleet.turn(same('j5'), same('j6'))).map((answer) => answer.type)).toEqual(['refusal', 'refusal'])
    expect(outcome(fleet, submit('j7', { duplicate_key: 'd' }))).toBe('queued')
  })

  test('is a duplicate of another that is under way, though the one that was found has ended in this very turn', () => {
    const fleet = bench({ duplicateMs: 1_000 })
    fleet.turn(...join('r1', { slots: 2 }), submit('a', { duplicate_key: 'd' }), submit('b', { duplicate_key: 'd' }))
    fleet.pass(5_000)
    for (const ended of ['a', 'b']) {
      const repeated = submit('c', { duplicate_key: 'd', check_duplicate: true })
      const twin = bench({ duplicateMs: 1_000 }, fleet.hot())
      twin.now = fleet.now
      for (const [id, row] of fleet.disk.rows.jobs) twin.disk.rows.jobs.set(id, row)
      const [, refused] = answers(twin.turn(cancel(ended), repeated))
      expect(refused).toMatchObject({ refusal: { refused: 'DUPLICATE_JOB' } })
    }
  })
})
