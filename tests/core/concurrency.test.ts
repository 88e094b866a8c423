import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import {
  answers,
  beat,
  type Bench,
  bench,
  complete,
  DEFINITION,
  ids,
  job,
  join,
  messages,
  say,
  submit,
} from './bench.ts'

const workflow = (id: string, maxConcurrent: number | null, mode: 'create' | 'update' = 'create'): readonly Event[] => [
  {
    type: 'workflow.saved',
    reply: ids.reply('w'),
    workflow: ids.workflow(id),
    mode,
    by: 'tester',
    name: id,
    description: '',
    tags: [],
    max_concurrent: maxConcurrent,
    definition: DEFINITION,
  },
  { type: 'workflow.published', reply: ids.reply('p'), workflow: ids.workflow(id) },
]
const pool = (
  name: string,
  tags: readonly string[],
  maxConcurrent: number | null,
  workflows: string[] = [],
): Event => ({
  type: 'pool.saved',
  reply: ids.reply('pool'),
  name,
  tags,
  max_concurrent: maxConcurrent,
  workflows: workflows as never,
})
const statuses = (fleet: Bench, ...jobs: string[]) => jobs.map((id) => job(fleet, id).status)

describe('limits on concurrency', () => {
  test('of one key: the next may pass when one has ended, the more urgent first', () => {
    const fleet = bench()
    const keyed = (id: string, priority = 1) => submit(id, { concurrency_key: 'sap', priority: priority as never })
    fleet.turn(...join('r1', { slots: 5 }), keyed('a'), keyed('b'), keyed('c', 3), submit('free'))
    expect(statuses(fleet, 'a', 'b', 'c', 'free')).toEqual(['queued', 'pending', 'pending', 'queued'])
    fleet.turn(complete('r1', 'a'))
    expect(statuses(fleet, 'b', 'c')).toEqual(['pending', 'queued'])
    fleet.turn(complete('r1', 'c'))
    expect(statuses(fleet, 'b')).toEqual(['queued'])
  })

  test('a job that waits for its back-off is outside, and has to pass again', () => {
    const fleet = bench()
    const keyed = (id: string) => submit(id, { concurrency_key: 'k' })
    fleet.turn(...join('r1'), keyed('a'), keyed('b'))
    fleet.turn(say('r1', 'job_reject', { job_id: 'a' }))
    expect(statuses(fleet, 'a', 'b')).toEqual(['pending', 'queued'])
    fleet.pass(6_000)
    expect(job(fleet, 'a')).toMatchObject({ status: 'pending', ready_at: null })
    fleet.turn(say('r1', 'job_complete', { job_id: 'b' }))
    expect(statuses(fleet, 'a', 'b')).toEqual(['queued', 'completed'])
  })

  test('of a workflow, and it may be changed while jobs wait', () => {
    const fleet = bench()
    fleet.turn(...workflow('w', 1), ...join('r1', { slots: 9 }))
    const run = (id: string) => submit(id, { workflow: ids.workflow('w') })
    fleet.turn(run('a'), run('b'), run('c'), run('d'))
    expect(statuses(fleet, 'a', 'b', 'c', 'd')).toEqual(['queued', 'pending', 'pending', 'pending'])
    fleet.turn(...workflow('w', 3, 'update'))
    expect(statuses(fleet, 'a', 'b', 'c', 'd')).toEqual(['queued', 'queued', 'queued', 'pending'])
  })

  test('a cancelled job whose robot has not stopped is still inside', () => {
    const fleet = bench()
    const keyed = (id: string) => submit(id, { concurrency_key: 'k' })
    fleet.turn(...join('r1', { slots: 2 }), keyed('a'), keyed('b'), say('r1', 'job_accept', { job_id: 'a' }))
    const reply = ids.reply('c')
    fleet.turn({ type: 'cancel.requested', reply, job: ids.job('a'), by: 'x', reason: 'y' })
    expect(statuses(fleet, 'a', 'b')).toEqual(['cancelled', 'pending'])
    fleet.turn(say('r1', 'job_cancelled', { job_id: 'a' }))
    expect(statuses(fleet, 'b')).toEqual(['queued'])
  })

  test('who waits at a gate for too long ends', () => {
    const fleet = bench({ queueTtlMs: 60_000 })
    const keyed = (id: string) => submit(id, { concurrency_key: 'k' })
    fleet.turn(...join('r1'), keyed('a'), say('r1', 'job_accept', { job_id: 'a' }), keyed('b'))
    fleet.pass(60_000)
    expect(job(fleet, 'b')).toMatchObject({ status: 'timeout', error_type: 'QueueTimeout' })
  })

  test('they hold after a restart', () => {
    const fleet = bench()
    const keyed = (id: string) => submit(id, { concurrency_key: 'k' })
    fleet.turn(keyed('a'), keyed('b'), keyed('c'))
    const restarted = bench({}, fleet.hot())
    restarted.turn(...join('r1', { slots: 3 }))
    restarted.turn(complete('r1', 'a'))
    expect([...restarted.state.jobs.values()].map(({ id, status }) => [id, status])).toEqual([
      ['b', 'queued'],
      ['c', 'pending'],
    ])
  })
})

describe('pools', () => {
  test('a pool is its tags, with a limit of its own', () => {
    const fleet = bench()
    fleet.turn(pool('desk', ['desk', 'sap'], 1), ...join('r1', { slots: 3, tags: ['sap', 'desk', 'x'] }), ...join('r2'))
    fleet.turn(submit('a', { pool: 'desk' }), submit('b', { pool: 'desk', required_tags: ['x'] }))
    expect(job(fleet, 'a')).toMatchObject({ robot_id: 'r1', required_tags: ['desk', 'sap'] })
    expect(job(fleet, 'b')).toMatchObject({ status: 'pending', required_tags: ['x', 'desk', 'sap'] })
  })

  test('one that does not exist, or does not run the workflow, is refused', () => {
    const fleet = bench()
    fleet.turn(pool('desk', [], null, ['other']))
    expect(answers(fleet.turn(submit('a', { pool: 'nope' }), submit('b', { pool: 'desk' })))).toMatchObject([
      { refusal: { refused: 'NOT_FOUND' } },
      { refusal: { refused: 'FORBIDDEN' } },
    ])
    expect(fleet.state.jobs.size + fleet.state.definitions.size).toBe(0)
  })
})

describe('jobs whose time is far off', () => {
  test('are not in memory, and run when their time has come', () => {
    const fleet = bench()
    const due = fleet.now + 5 * 3_600_000
    fleet.turn(submit('later', { scheduled_time: due }))
    expect(fleet.state.jobs.size + fleet.state.definitions.size).toBe(0)
    fleet.pass(4.6 * 3_600_000)
    expect(fleet.state.jobs.size).toBe(1)
    fleet.turn(...join('r1'))
    fleet.turn(say('r1', 'heartbeat', {}))
    const rest = due - fleet.now
    let offers = 0
    for (let waited = 0; waited < rest; waited += 60_000) {
      expect(offers).toBe(0)
      fleet.turn(say('r1', 'heartbeat', {}))
      offers += messages(fleet.pass(60_000), 'job_assign').length
    }
    expect(offers).toBe(1)
  })

  test('one that backs off in the turn in which the horizon moves keeps what it runs', () => {
    const fleet = bench({ horizonMs: 60_000, backoffMs: 50_000 })
    fleet.turn(...join('r1'), submit('a'))
    fleet.now += 59_000
    fleet.turn(say('r1', 'job_reject', { job_id: 'a', reason: 'busy' }), { type: 'tick' })
    expect(job(fleet, 'a').status).toBe('pending')
    fleet.turn(...join('r2'), beat('r2', []))
    expect(messages(fleet.pass(60_000), 'job_assign')).toHaveLength(1)
  })

  test('one submitted in the turn in which the horizon moves is not forgotten', () => {
    const fleet = bench({ horizonMs: 600_000, queueTtlMs: 1e12 })
    fleet.now += 300_000
    const scheduledTime = fleet.now + 500_000
    fleet.turn(submit('a', { scheduled_time: scheduledTime }), { type: 'tick' })
    expect(fleet.state.jobs.has(ids.job('a'))).toBe(true)
    const other = bench({ horizonMs: 600_000 })
    other.now += 300_000
    other.turn({ type: 'tick' }, submit('a', { scheduled_time: other.now + 500_000 }))
    expect(other.state.jobs.has(ids.job('a'))).toBe(true)
  })
})
