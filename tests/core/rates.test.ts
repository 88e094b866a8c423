import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import type { WebhookReceived } from '../../core/events/triggers.ts'
import { refuse } from '../../core/base/refusal.ts'
import { configOf } from '../../core/trigger-types/index.ts'
import { answers, type Bench, bench, DEFINITION, ids, join, say, submit } from './bench.ts'
import { save as scheduleSaved } from './schedules.ts'
import { fire, nothingGiven, secret, trigger } from './triggers.ts'
import { TRIGGER_DEFAULTS, type TriggerRow } from '../../core/records/trigger.ts'

/** The limits on jobs made with one key and by one webhook. */

const SECOND = 1_000
const SETTINGS = { submissionsMax: 3, submissionsMs: 60 * SECOND, webhookCallsMax: 3, webhookCallsMs: 60 * SECOND }

function fleetWith(settings: object = {}): Bench {
  const fleet = bench({ ...SETTINGS, ...settings })
  for (const [key, name] of [['k1', 'ci'], ['k2', 'people'], ['k3', 'ci']] as const) {
    fleet.turn({
      type: 'key.created',
      reply: ids.reply('key'),
      key: ids.key(key),
      name,
      secret: ids.secret(`secret of ${key}`),
      scopes: ['jobs:submit'],
      robot: null,
    })
  }
  fleet.turn({
    type: 'workflow.saved',
    reply: ids.reply('save'),
    workflow: ids.workflow('w'),
    mode: 'create',
    by: 'tester',
    name: 'w',
    description: '',
    tags: [],
    max_concurrent: null,
    definition: { hash: 'd' as never, json: '{}' },
  }, { type: 'workflow.published', reply: ids.reply('publish'), workflow: ids.workflow('w') })
  for (const [id, cooldownMs] of [['t1', 0], ['slow', 20 * SECOND]] as const) {
    fleet.turn({
      type: 'trigger.saved',
      reply: ids.reply('trigger'),
      trigger: ids.trigger(id),
      revision: null,
      by: 'tester',
      settings: {
        ...TRIGGER_DEFAULTS,
        name: id,
        trigger_type: 'webhook',
        workflow_id: ids.workflow('w'),
        cooldown_ms: cooldownMs,
      },
      credential: nothingGiven({ secret: secret('right') }),
    })
  }
  fleet.turn(
    scheduleSaved(),
    trigger({}, null, 'manual'),
    trigger({ trigger_type: 'workflow_call', config: ALIAS }, null, 'named'),
    ...join('r1'),
    submit('busy'),
    submit('ended'),
    say('r1', 'job_accept', { job_id: 'busy' }),
    { type: 'cancel.requested', reply: ids.reply('c'), job: ids.job('ended'), by: 'tester', reason: '' },
  )
  return fleet
}
const ALIAS = configOf('workflow_call', { call_alias: 'convert' } as never) as TriggerRow['config']

let made = 0
/** The requests with the key `k2` that make a job without submitting one. */
const asked = (what: 'retry' | 'run' | 'fire' | 'call of a robot' | 'call'): Event => {
  const by = { name: 'people', key: ids.key('k2') }
  const [reply, job] = [ids.reply('asked'), ids.job(`a${++made}`)]
  if (what === 'retry') {
    const again = { type: 'retry.requested', mode: 'retry', job: ids.job('ended'), definition: DEFINITION } as const
    return { ...again, reply, new_job: job, by: by.name, key: by.key }
  }
  if (what === 'run') {
    return { type: 'schedule.triggered', reply, schedule: ids.schedule('s'), job, by: by.name, key: by.key }
  }
  if (what === 'fire') return fire({}, { job, by, trigger: ids.trigger('manual') })
  const caller = what === 'call' ? { robot: null, parent: null } : { robot: ids.robot('r1'), parent: ids.job('busy') }
  const call = { type: 'workflow.called', alias: 'convert', payload: '{}' as never, idempotency: null } as const
  return { ...call, ...caller, reply, job, by }
}
const by = (key: string, given: object = {}): Event =>
  submit(`s${++made}`, { key: ids.key(key), by: key === 'k2' ? 'people' : 'ci', ...given })
const call = (given: Partial<WebhookReceived> = {}): Event => ({
  type: 'webhook.received',
  reply: ids.reply('call'),
  job: ids.job(`c${++made}`),
  trigger: ids.trigger('t1'),
  secret: ids.secret('right'),
  caller_check: { key: null, refused: null },
  data: '{}' as never,
  metadata: '{}' as never,
  idempotency: null,
  ...given,
})
const outcome = (fleet: Bench, event: Event): string => {
  const [answer] = answers(fleet.turn(event))
  if (answer === undefined) throw new Error('there is no answer')
  const quota = 'quota' in answer ? answer.quota : undefined
  const name = answer.type === 'refusal' ? answer.refusal.refused : answer.type
  return quota == null ? name : `${name} ${quota.remaining} of ${quota.limit}`
}
const restarted = (fleet: Bench, settings: object = {}): Bench => {
  const again = bench({ ...SETTINGS, ...settings }, fleet.hot())
  again.now = fleet.now
  // Jobs that have ended are on disk.
  for (const [id, row] of fleet.disk.rows.jobs) again.disk.rows.jobs.set(id, row)
  return again
}

describe.each([
  ['submissions', () => by('k1'), 'job'],
  ['calls of a webhook', () => call(), 'fired'],
  ['jobs that are run again', () => asked('retry'), 'job'],
  ['runs of a schedule by hand', () => asked('run'), 'job'],
  ['triggers that are fired by hand', () => asked('fire'), 'fired'],
  ['calls of a workflow', () => asked('call'), 'fired'],
  ['calls of a workflow by a robot for its job', () => asked('call of a robot'), 'fired'],
])('%s', (_name, event, expected) => {
  test('as many as may be, and one more when the first has left the window', () => {
    const fleet = fleetWith()
    expect(outcome(fleet, event())).toBe(`${expected} 2 of 3`)
    fleet.now += 10 * SECOND
    expect(outcome(fleet, event())).toBe(`${expected} 1 of 3`)
    expect(outcome(fleet, event())).toBe(`${expected} 0 of 3`)
    fleet.now += 50 * SECOND - 1
    expect(answers(fleet.turn(event()))).toMatchObject([{
      refusal: {
        refused: 'RATE_LIMITED',
        details: { limit: 3, remaining: 0, reset: Math.ceil((fleet.now + 1) / SECOND), retry_after_ms: 1 },
      },
      quota: { limit: 3, remaining: 0, resetAt: fleet.now + 1 },
    }])
    fleet.now += 1
    expect(outcome(fleet, event())).toBe(`${expected} 0 of 3`)
    expect(outcome(fleet, event())).toBe('RATE_LIMITED 0 of 3')
  })

  test('a restart forgets nothing', () => {
    const fleet = fleetWith()
    for (let n = 0; n < 3; n++) fleet.turn(event())
    fleet.now += 59 * SECOND
    const again = restarted(fleet)
    expect(outcome(again, event())).toBe('RATE_LIMITED 0 of 3')
    again.now += SECOND
    expect(outcome(again, event())).toBe(`${expected} 2 of 3`)
  })

  test('jobs of a clock that was wrong count for nothing after a restart', () => {
    const fleet = fleetWith()
    const now = fleet.now
    fleet.now += 3_600 * SECOND * 24
    for (let n = 0; n < 3; n++) fleet.turn(event())
    fleet.now = now
    expect(outcome(restarted(fleet), event())).toBe(`${expected} 2 of 3`)
  })

  test('without a limit nothing is counted and nothing told', () => {
    const fleet = fleetWith({ submissionsMax: 0, webhookCallsMax: 0 })
    for (let n = 0; n < 20; n++) expect(outcome(fleet, event())).toBe(expected)
  })

  test('many in one turn are as many as may be', () => {
    const fleet = fleetWith()
    const types = answers(fleet.turn(...Array.from({ length: 7 }, event))).map(({ type }) => type)
    expect(types).toEqual([expected, expected, expected, 'refusal', 'refusal', 'refusal', 'refusal'])
  })
})

describe('submissions', () => {
  test('each key has its own', () => {
    const fleet = fleetWith()
    for (let n = 0; n < 4; n++) fleet.turn(by('k1'))
    expect(outcome(fleet, by('k1'))).toBe('RATE_LIMITED 0 of 3')
    expect(outcome(fleet, by('k2'))).toBe('job 2 of 3')
    expect(outcome(fleet, by('k3'))).toBe('job 2 of 3')
  })

  test('after a restart a job counts for every key of its name, so that none gets more than its limit', () => {
    const fleet = fleetWith()
    fleet.turn(by('k1'), by('k3'))
    expect(outcome(restarted(fleet), by('k1'))).toBe('job 0 of 3')
    expect(outcome(restarted(fleet), by('k2'))).toBe('job 2 of 3')
  })

  test('what makes no job uses nothing up', () => {
    const fleet = fleetWith()
    expect(outcome(fleet, by('k1', { workflow: ids.workflow('none') }))).toBe('NOT_FOUND 3 of 3')
    const idempotency = { key: 'once', fingerprint: 'f' }
    expect(outcome(fleet, by('k1', { idempotency }))).toBe('job 2 of 3')
    expect(outcome(fleet, by('k1', { idempotency })), 'again').toBe('job 2 of 3')
    fleet.turn(by('k1'), by('k1'))
    expect(outcome(fleet, by('k1', { idempotency })), 'though nothing is left').toBe('job 0 of 3')
  })

  test('however jobs are asked for with a key, they count together', () => {
    const fleet = fleetWith()
    fleet.turn(by('k2'), asked('retry'), asked('call of a robot'))
    for (const what of ['retry', 'run', 'fire', 'call', 'call of a robot'] as const) {
      expect(outcome(fleet, asked(what)), what).toBe('RATE_LIMITED 0 of 3')
    }
    expect(outcome(fleet, by('k2'))).toBe('RATE_LIMITED 0 of 3')
  })

  test('what a schedule makes by itself, and what follows from a job, counts for no key', () => {
    const fleet = fleetWith()
    fleet.pass(3_600 * SECOND)
    expect([...fleet.disk.rows.jobs.values()].some(({ created_by }) => created_by === 'schedule:s')).toBe(true)
    expect(outcome(fleet, by('k2'))).toBe('job 2 of 3')
  })

  test('the engine in the same process has no key, and no limit', () => {
    const fleet = fleetWith()
    for (let n = 0; n < 10; n++) expect(outcome(fleet, submit(`e${++made}`))).toBe('job')
    expect(outcome(restarted(fleet), by('k1'))).toBe('job 2 of 3')
  })
})

describe('calls of a webhook', () => {
  test('a wrong secret uses nothing up, and is told nothing', () => {
    const fleet = fleetWith()
    for (let n = 0; n < 10; n++) {
      expect(outcome(fleet, call({ secret: ids.secret('wrong') }))).toBe('AUTHENTICATION_FAILED')
    }
    expect(outcome(fleet, call({ trigger: ids.trigger('none') }))).toBe('TRIGGER_NOT_FOUND')
    expect(outcome(fleet, call())).toBe('fired 2 of 3')
  })

  test('a sender that checks the address is answered, whether or not the trigger is enabled, and uses nothing up', () => {
    const fleet = fleetWith()
    const check = (given: Partial<WebhookReceived> = {}) => answers(fleet.turn(call({ data: null, ...given })))
    const answered = { type: 'fired', job: null, skipped: 'check', quota: null }
    expect(check()).toMatchObject([answered])
    fleet.turn({ type: 'trigger.switched', reply: ids.reply('s'), trigger: ids.trigger('t1'), enabled: false })
    expect(check()).toMatchObject([answered])
    expect(check({ secret: ids.secret('wrong') })).toMatchObject([{ refusal: { refused: 'AUTHENTICATION_FAILED' } }])
    fleet.turn({ type: 'trigger.switched', reply: ids.reply('s'), trigger: ids.trigger('t1'), enabled: true })
    expect(outcome(fleet, call())).toBe('fired 2 of 3')
    expect(fleet.disk.triggerEvents).toMatchObject([{ outcome: 'fired' }])
    expect(fleet.state.triggers.get(ids.trigger('t1'))).toMatchObject({ skipped_count: 0, trigger_count: 1 })
  })

  test('nor does a wrong body, or a call in the cooldown', () => {
    const fleet = fleetWith()
    expect(outcome(fleet, call({ data: refuse('INVALID_PAYLOAD', 'no event_type') }))).toBe('INVALID_PAYLOAD 3 of 3')
    const slow = { trigger: ids.trigger('slow') }
    expect(outcome(fleet, call(slow))).toBe('fired 2 of 3')
    expect(outcome(fleet, call(slow))).toBe('RATE_LIMITED 2 of 3')
  })

  test('the rate is looked at before the cooldown, and both before the body', () => {
    const fleet = fleetWith({ webhookCallsMax: 1 })
    const slow = { trigger: ids.trigger('slow'), data: refuse('INVALID_PAYLOAD', 'no event_type') }
    fleet.turn(call({ ...slow, data: '{}' as never }))
    expect(answers(fleet.turn(call(slow)))).toMatchObject([{ refusal: { details: { retry_after_ms: 60 * SECOND } } }])
    fleet.now += 10 * SECOND
    const other = fleetWith()
    other.turn(call({ ...slow, data: '{}' as never }))
    expect(answers(other.turn(call(slow)))).toMatchObject([{ refusal: { details: { cooldown_remaining: 20 } } }])
  })
})
