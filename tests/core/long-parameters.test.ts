import { describe, expect, test } from 'vitest'
import type { JsonText } from '../../core/base/ids.ts'
import { eventsOfTurn } from '../../core/needs.ts'
import { JOB_TEXT_BYTES_MAX } from '../../core/settings.ts'
import type { Event } from '../../core/events/index.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import { configOf } from '../../core/trigger-types/index.ts'
import { answers, beat, type Bench, bench, complete, ids, job, join, messages, say, submit } from './bench.ts'
import { workflow } from './schedules.ts'
import { trigger } from './triggers.ts'

/** Long parameters are in the store alone. */

const LONG = `{"text":"${'x'.repeat(200)}"}` as JsonText
const OTHER = `{"text":"${'y'.repeat(300)}"}` as JsonText
const inMemory = (fleet: Bench, id: string) => fleet.state.jobs.get(ids.job(id))?.parameters

describe('in memory', () => {
  test('a job has short parameters, and of long ones the size', () => {
    const fleet = bench()
    fleet.turn(submit('short'), submit('long', { parameters: LONG }))
    expect([inMemory(fleet, 'short'), inMemory(fleet, 'long')]).toEqual(['{}', LONG.length])
    expect([job(fleet, 'short').parameters, job(fleet, 'long').parameters]).toEqual(['{}', LONG])
  })

  test('a job that is changed in the turn in which it is created is written whole', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1', { parameters: LONG }))
    expect(job(fleet, 'j1')).toMatchObject({ offer: 1, parameters: LONG })
  })
})

describe('an offer', () => {
  test('of the turn in which the job is created has the parameters', () => {
    const fleet = bench()
    const sent = fleet.turn(...join('r1'), submit('j1', { parameters: LONG }))
    expect(messages(sent, 'job_assign')[0]?.payload.parameters).toEqual(JSON.parse(LONG))
    expect(sent.filter((send) => 'parameters' in send)).toEqual([])
  })

  test('of a later turn says whose parameters it lacks, and how long they are', () => {
    const fleet = bench()
    fleet.turn(submit('j1', { parameters: LONG }), submit('j2', { parameters: OTHER }))
    const sent = fleet.turn(...join('r1', { slots: 2 }))
    const lacking = sent.flatMap((send) => send.to === 'socket' && 'parameters' in send ? [send.parameters] : [])
    expect(lacking).toEqual([{ job: 'j1', bytes: LONG.length }, { job: 'j2', bytes: OTHER.length }])
  })
})

test('a retry fetches the parameters, also while the robot has yet to stop', () => {
  const fleet = bench()
  fleet.turn(...join('r1'), submit('j1', { parameters: LONG }))
  fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }))
  fleet.turn({ type: 'cancel.requested', reply: ids.reply('c'), job: ids.job('j1'), by: 'p', reason: '' })
  expect(inMemory(fleet, 'j1')).toBe(LONG.length)
  const { definition } = job(fleet, 'j1')
  const again = {
    type: 'retry.requested',
    reply: ids.reply('r'),
    job: ids.job('j1'),
    new_job: ids.job('j2'),
    by: 'p',
    key: null,
    mode: 'retry',
    definition: { hash: definition, json: '{"nodes":{}}' },
  } as const
  expect(answers(fleet.turn(again))).toMatchObject([{ type: 'job', job: { id: 'j2', parameters: LONG } }])
  expect(job(fleet, 'j2').parameters).toBe(LONG)
})

test('a result has the room that the parameters leave', () => {
  const fleet = bench()
  const parameters = `{"text":"${'x'.repeat(900_000)}"}` as JsonText
  const room = JOB_TEXT_BYTES_MAX - parameters.length
  fleet.turn(...join('r1', { slots: 2 }), submit('j1', { parameters }), submit('j2', { parameters }))
  fleet.turn(complete('r1', 'j1', 'x'.repeat(room - 1)))
  expect(job(fleet, 'j1')).toMatchObject({ status: 'failed', error_type: 'RESULT_TOO_LARGE' })
  fleet.turn(complete('r1', 'j2', 'x'.repeat(room - 2)))
  expect(job(fleet, 'j2').status).toBe('completed')
})

test('a turn is full by the bytes of its events, too', () => {
  const large = (id: string): Event => submit(id, { parameters: `{"text":"${'x'.repeat(1 << 20)}"}` as JsonText })
  expect(eventsOfTurn(Array.from({ length: 500 }, (_, i) => large(`j${i}`)))).toBe(63)
  const report = { ...complete('r1', 'j1'), bytes: 1 << 20 } as Event
  expect(eventsOfTurn(Array.from({ length: 500 }, () => report))).toBe(63)
})

describe('the event of a job that has ended', () => {
  const HOUR = 3_600_000
  const cancel: Event = { type: 'cancel.requested', reply: ids.reply('c'), job: ids.job('j1'), by: 'p', reason: '' }
  const ends: Readonly<Record<string, (fleet: Bench) => unknown>> = {
    completed: (fleet) => fleet.turn(complete('r1', 'j1')),
    failed: (fleet) => fleet.turn(say('r1', 'job_failed', { job_id: 'j1', error_message: 'no' })),
    cancelled: (fleet) => fleet.turn(cancel),
    timeout: (fleet) => fleet.turn(beat('r1', ['j1'])) && fleet.pass(HOUR),
  }

  test.each(Object.keys(ends))('has them: %s', (status) => {
    const fleet = bench({ leaseMs: 2 * HOUR })
    const read = configOf('workflow_call', { after: { workflows: ['first'], statuses: [status] } } as never)
    const chain = { trigger_type: 'workflow_call', config: read as TriggerRow['config'] } as const
    const workflow_id = ids.workflow('next')
    fleet.turn(...workflow('first'), ...workflow('next'), ...join('r1'))
    fleet.turn(trigger({ name: 'chain', workflow_id, ...chain }, null, 'chain'))
    fleet.turn(submit('j1', { workflow: ids.workflow('first'), parameters: LONG, timeout_ms: HOUR / 2 }))
    fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }))
    ends[status]?.(fleet)
    const child = [...fleet.disk.rows.jobs.values()].find(({ parent_job_id }) => parent_job_id === 'j1')
    expect(JSON.parse(String(child?.parameters))).toMatchObject({ status, parameters: JSON.parse(LONG) })
  })
})
