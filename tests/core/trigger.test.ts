import { describe, expect, test } from 'vitest'
import { nextAlarm } from '../../core/on-timer.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import type { TriggerFired } from '../../core/events/triggers.ts'
import { answers, type Bench, bench, complete, ids, job, join, say } from './bench.ts'
import { byHand, workflow } from './schedules.ts'
import { fire, outcome, ready, row, text, trigger } from './triggers.ts'

const SECOND = 1_000
const parameters = (fleet: Bench): unknown =>
  JSON.parse(String([...fleet.disk.rows.jobs.values()].at(-1)?.parameters ?? null))

describe('firing', () => {
  test('makes a job of the payload, and writes the event down', () => {
    const fleet = ready({ parameters: text({ own: 1, both: 1 }), priority: 3, scenario_id: 'sc' })
    expect(outcome(fleet, fire({ both: 2 }))).toBe('fired')
    expect(parameters(fleet)).toEqual({ own: 1, both: 2 })
    const [event] = fleet.disk.triggerEvents
    expect(event).toMatchObject({
      trigger_id: 't',
      trigger_type: 'manual',
      workflow_id: 'w',
      scenario_id: 'sc',
      timestamp: fleet.now,
      payload: text({ both: 2 }),
      metadata: text({ source: 'manual' }),
      priority: 3,
      outcome: 'fired',
      reason: '',
    })
    expect(job(fleet, event?.job_id ?? '')).toMatchObject({ trigger_id: 't', created_by: 'tester', priority: 3 })
  })

  test('with a mapping only what it picks becomes a parameter', () => {
    const fleet = ready({ mapping: { customer: '$.payload.customer.id' } })
    fleet.turn(fire({ customer: { id: 7 }, secret: 'x' }))
    expect(parameters(fleet)).toEqual({ customer: 7 })
  })

  test('what the filter does not let pass makes no job, is written down, and starts no cooldown', () => {
    const fleet = ready({ filter: '@.payload.amount > 100', cooldown_ms: 60 * SECOND })
    expect(outcome(fleet, fire({ amount: 5 }))).toBe('filter')
    expect(fleet.disk.triggerEvents).toMatchObject([{ outcome: 'skipped', reason: 'filter', job_id: null }])
    expect(outcome(fleet, fire({ amount: 500 }))).toBe('fired')
    expect(row(fleet)).toMatchObject({ trigger_count: 1, skipped_count: 1 })
    expect(fleet.disk.rows.jobs.size).toBe(1)
  })

  const many = { a: Array.from({ length: 90_000 }, () => ({})) }

  test.each<[string, Partial<TriggerRow>]>([
    ['filter', { filter: '@..x || @..y' }],
    ['mapping', { mapping: { x: '$..x', y: '$..y' } }],
  ])('an event in which the %s would look too often makes no job; others of the same turn do', (_name, more) => {
    const fleet = ready(more)
    const [dear, cheap] = [fire(many), fire({ x: 1 })]
    fleet.turn(dear, cheap)
    expect(fleet.disk.rows.jobs.size).toBe(1)
    expect(fleet.disk.triggerEvents).toMatchObject([{ outcome: 'fired' }])
    expect(outcome(fleet, fire(many))).toBe('PAYLOAD_TOO_LARGE')
  })

  test('where nobody is told, the events of the trigger say so', () => {
    const fleet = ready({ filter: '@..x || @..y' })
    fleet.turn({ ...fire(many), fire_and_forget: true } as TriggerFired)
    expect(fleet.disk.triggerEvents).toMatchObject([{ outcome: 'skipped', reason: 'PAYLOAD_TOO_LARGE', job_id: null }])
  })

  describe('a flood of events that the filter does not let pass', () => {
    const flood = (): Bench => {
      const fleet = ready({ filter: '@.payload.go == true' })
      for (let i = 0; i < 100; i++) expect(outcome(fleet, fire())).toBe('filter')
      return fleet
    }

    test('is written down in part, and counted whole', () => {
      const fleet = flood()
      expect(fleet.disk.triggerEvents).toHaveLength(60)
      fleet.pass(SECOND)
      expect(row(fleet).skipped_count).toBe(100)
      fleet.pass(60 * SECOND)
      fleet.turn(fire())
      expect(fleet.disk.triggerEvents).toHaveLength(61)
      expect(row(fleet).skipped_count).toBe(101)
    })

    test('costs no commit for what is only counted, but one within a second', () => {
      const fleet = flood()
      expect(row(fleet).skipped_count).toBe(60)
      expect(nextAlarm(fleet.state)).toMatchObject({ at: fleet.now + SECOND, why: 'trigger.skips' })
      fleet.pass(SECOND)
      expect(row(fleet).skipped_count).toBe(100)
      expect(nextAlarm(fleet.state)?.why).not.toBe('trigger.skips')
    })

    test('is counted with whatever else changes the trigger, and before the process stops', () => {
      const fleet = flood()
      expect(outcome(fleet, fire({ go: true }))).toBe('fired')
      expect(row(fleet)).toMatchObject({ trigger_count: 1, skipped_count: 100 })
      fleet.turn(fire())
      const [answer] = answers(fleet.turn(trigger({ name: 'New' }, 1)))
      expect(answer).toMatchObject({ trigger: { name: 'New', skipped_count: 101 } })
      fleet.turn(trigger({ filter: '@.payload.go == true' }, 2))
      fleet.turn(fire())
      fleet.turn({ type: 'drain' })
      expect(row(fleet).skipped_count).toBe(102)
    })

    test('ends with its trigger', () => {
      const fleet = flood()
      fleet.turn({ type: 'trigger.deleted', reply: ids.reply('d'), trigger: ids.trigger('t') })
      fleet.pass(SECOND)
      expect([fleet.state.triggers.size, fleet.state.unsavedSkips.size]).toEqual([0, 0])
    })
  })

  test('the cooldown holds over a restart', () => {
    const fleet = ready({ cooldown_ms: 60 * SECOND })
    expect(outcome(fleet, fire())).toBe('fired')
    expect(outcome(fleet, fire())).toBe('RATE_LIMITED')
    const after = bench({}, fleet.hot())
    after.now = fleet.now + 59 * SECOND
    expect(outcome(after, fire())).toBe('RATE_LIMITED')
    after.now += SECOND
    expect(outcome(after, fire())).toBe('fired')
  })

  test('counts what becomes of its jobs, and not what somebody has run again', () => {
    const fleet = ready()
    fleet.turn(...join('r1'))
    for (const end of ['complete', 'fail', 'complete'] as const) {
      const event = fire()
      fleet.turn(event)
      const id = (event as TriggerFired).job
      fleet.turn(say('r1', 'job_accept', { job_id: id }))
      fleet.turn(
        end === 'complete' ? complete('r1', id) : say('r1', 'job_failed', { job_id: id, error_message: 'no' }),
      )
    }
    expect(row(fleet)).toMatchObject({ trigger_count: 3, success_count: 2, error_count: 1 })
  })

  test('what has no room in an event is refused, or left out of what is written down', () => {
    const much = { much: 'ü'.repeat(600_000) }
    expect(outcome(ready({ mapping: {} }), fire(much))).toBe('PAYLOAD_TOO_LARGE')
    const fleet = ready({ trigger_type: 'email', mapping: {} })
    expect(outcome(fleet, fire(much, { as: 'email', by: null }))).toBe('PAYLOAD_TOO_LARGE')
    expect(fleet.disk.triggerEvents).toMatchObject([{ reason: 'PAYLOAD_TOO_LARGE', payload: '{}' }])
  })

  test.each<[string, Partial<TriggerRow>, Partial<TriggerFired>, string]>([
    ['a trigger that there is not', {}, { trigger: ids.trigger('none') }, 'TRIGGER_NOT_FOUND'],
    ['one of another type', {}, { as: 'chat' }, 'CONFLICT'],
    ['one that is disabled', { enabled: false }, {}, 'FORBIDDEN'],
  ])('%s does not fire', (_what, given, event, code) => {
    const fleet = ready(given)
    expect(outcome(fleet, fire({}, event))).toBe(code)
    expect(fleet.disk.rows.jobs.size).toBe(0)
    expect(fleet.disk.triggerEvents).toEqual([])
  })

  test('a call that comes again is the same job', () => {
    const fleet = ready()
    const once = { idempotency: { key: 'k', fingerprint: 'f' } }
    expect(outcome(fleet, fire({}, once))).toBe('fired')
    expect(outcome(fleet, fire({}, once))).toBe('fired')
    expect(outcome(fleet, fire({}, { idempotency: { key: 'k', fingerprint: 'other' } }))).toBe('IDEMPOTENCY_MISMATCH')
    expect(fleet.disk.rows.jobs.size).toBe(1)
    expect(fleet.disk.triggerEvents).toHaveLength(1)
  })

  test('forms and chats are held to the limit of the trigger, people to that of their key', () => {
    const settings = { webhookCallsMax: 2, webhookCallsMs: 60 * SECOND, submissionsMax: 3, submissionsMs: 60 * SECOND }
    const fleet = bench(settings)
    fleet.turn(...workflow(), trigger({ trigger_type: 'form' }))
    const stranger = { as: 'form', by: null } as const
    expect([1, 2, 3].map(() => outcome(fleet, fire({}, stranger)))).toEqual(['fired', 'fired', 'RATE_LIMITED'])
    const person = { by: { name: 'tester', key: ids.key('k') } }
    expect([1, 2, 3, 4].map(() => outcome(fleet, fire({}, person)))).toEqual([
      'fired',
      'fired',
      'fired',
      'RATE_LIMITED',
    ])
    // A restart knows it from the jobs.
    const after = bench(settings, { ...fleet.hot(), keys: [{ id: ids.key('k'), name: 'tester' } as never] })
    expect(outcome(after, fire({}, stranger))).toBe('RATE_LIMITED')
    expect(outcome(after, fire({}, person))).toBe('RATE_LIMITED')
  })
})

describe('bound to a schedule', () => {
  const bound = (given: Partial<TriggerRow> = {}) =>
    ready({ trigger_type: 'scheduled', config: { schedule_id: 's' }, ...given })

  test('each run of the schedule fires it once, with what the schedule is', () => {
    const fleet = bound({ mapping: { at: '$.payload.scheduled_time' } })
    fleet.pass(2 * 3_600 * SECOND)
    const jobs = [...fleet.disk.rows.jobs.values()]
    expect(jobs.filter(({ schedule_id }) => schedule_id === 's')).toHaveLength(2)
    const own = jobs.filter(({ trigger_id }) => trigger_id === 't')
    expect(own.map((made) => JSON.parse(String(made.parameters)))).toEqual([
      { at: '2026-01-05T10:00:00.000Z' },
      { at: '2026-01-05T11:00:00.000Z' },
    ])
    expect(fleet.disk.triggerEvents).toMatchObject([{ outcome: 'fired', trigger_type: 'scheduled' }, {}])
    expect(JSON.parse(fleet.disk.triggerEvents[1]?.payload ?? '')).toMatchObject({ schedule_id: 's', run_number: 2 })
    expect(own.every(({ created_by, schedule_id }) => created_by === 'trigger:t' && schedule_id === null)).toBe(true)
  })

  test('by hand too, and not while it is disabled or in its cooldown', () => {
    const fleet = bound({ cooldown_ms: 60 * SECOND })
    fleet.turn(byHand('h1'))
    fleet.turn(byHand('h2'))
    expect(fleet.disk.triggerEvents.map(({ reason }) => reason)).toEqual(['', 'cooldown'])
    fleet.turn({ type: 'trigger.switched', reply: ids.reply('s'), trigger: ids.trigger('t'), enabled: false })
    fleet.pass(60 * SECOND)
    fleet.turn(byHand('h3'))
    expect(fleet.disk.triggerEvents).toHaveLength(2)
  })

  test('a restart still knows what is bound', () => {
    const fleet = bound()
    const after = bench({}, fleet.hot())
    after.pass(3_600 * SECOND)
    expect(after.disk.triggerEvents).toHaveLength(1)
    after.turn({ type: 'trigger.deleted', reply: ids.reply('d'), trigger: ids.trigger('t') })
    expect(after.state.subscribers.size).toBe(0)
    after.pass(3_600 * SECOND)
    expect(after.disk.triggerEvents).toHaveLength(1)
  })

  test('the schedule must be there', () => {
    const fleet = ready()
    const [answer] = answers(
      fleet.turn(trigger({ trigger_type: 'scheduled', config: { schedule_id: 'x' } }, null, 't2')),
    )
    expect(answer).toMatchObject({ refusal: { refused: 'NOT_FOUND', details: { fields: ['config.schedule_id'] } } })
  })
})

describe('changing a trigger', () => {
  test('by its revision: what somebody else has changed is not overwritten', () => {
    const fleet = ready()
    expect(outcome(fleet, trigger({ name: 'A' }, 1))).toBe('saved_trigger')
    expect(outcome(fleet, trigger({ name: 'B' }, 1))).toBe('CONFLICT')
    expect(row(fleet)).toMatchObject({ name: 'A', revision: 2 })
  })

  test('its type stays', () => {
    expect(outcome(ready(), trigger({ trigger_type: 'form' }, 1))).toBe('CONFLICT')
  })
})
