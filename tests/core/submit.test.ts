import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import type { GivenCredential, WebhookReceived } from '../../core/events/triggers.ts'
import { refuse } from '../../core/base/refusal.ts'
import { answers, type Bench, bench, complete, DEFINITION, ids, job, join, messages, submit } from './bench.ts'
import { TRIGGER_DEFAULTS, type TriggerRow } from '../../core/records/trigger.ts'
import { nothingGiven, secret } from './triggers.ts'

const save = (id: string, text: string, mode: 'create' | 'update' = 'create'): Event => ({
  type: 'workflow.saved',
  reply: ids.reply('save'),
  workflow: ids.workflow(id),
  mode,
  by: 'tester',
  name: id,
  description: '',
  tags: [],
  max_concurrent: null,
  definition: { hash: `hash of ${text}` as never, json: text },
})
const publish = (id: string): Event => ({
  type: 'workflow.published',
  reply: ids.reply('publish'),
  workflow: ids.workflow(id),
})
const trigger = (given: object = {}, credential: Partial<GivenCredential> = {}, id = 't1'): Event => ({
  type: 'trigger.saved',
  reply: ids.reply('trigger'),
  trigger: ids.trigger(id),
  revision: null,
  by: 'tester',
  settings: {
    ...TRIGGER_DEFAULTS,
    name: 'Trigger',
    trigger_type: 'webhook',
    workflow_id: ids.workflow('w'),
    priority: 2,
    parameters: '{"region":"north","limit":1}' as never,
    cooldown_ms: 60_000,
    ...given,
  },
  credential: nothingGiven({ secret: secret('right'), ...credential }),
})
let calls = 0
const call = (given: Partial<WebhookReceived> = {}): Event => ({
  type: 'webhook.received',
  reply: ids.reply('call'),
  job: ids.job(`job-${++calls}`),
  trigger: ids.trigger('t1'),
  secret: ids.secret('right'),
  caller_check: { key: null, refused: null },
  data: '{"limit":5}' as never,
  metadata: '{}' as never,
  idempotency: null,
  ...given,
})
const code = (fleet: Bench, event: Event) => {
  const [answer] = answers(fleet.turn(event))
  return answer?.type === 'refusal' ? answer.refusal.refused : answer?.type
}

describe('submitting', () => {
  test.each<[string, object, Event, string]>([
    ['an unknown workflow', {}, submit('j', { workflow: ids.workflow('nope') }), 'NOT_FOUND'],
    ['a workflow that is not published', {}, submit('j', { workflow: ids.workflow('w') }), 'CONFLICT'],
    ['more than the queue may hold', { liveJobsMax: 0 }, submit('j'), 'QUEUE_FULL'],
    [
      'more than fits into one message',
      {},
      submit('j', { parameters: JSON.stringify({ text: 'é'.repeat(530_000) }) as never }),
      'PAYLOAD_TOO_LARGE',
    ],
  ])('%s is refused, and leaves no row', (_name, settings, event, refused) => {
    const fleet = bench(settings)
    fleet.turn(save('w', '{}'))
    expect(code(fleet, event)).toBe(refused)
    expect(fleet.disk.rows.jobs.size).toBe(0)
  })

  test('what is accepted fits into a frame', () => {
    const fleet = bench()
    fleet.turn(...join('r1'))
    const parameters = JSON.stringify({ text: '\\"'.repeat(255_000) }) as never
    const [assign] = messages(fleet.turn(submit('j', { parameters })), 'job_assign')
    expect(new TextEncoder().encode(JSON.stringify(assign)).length).toBeLessThan(2 ** 20)
  })

  test('a job for later waits for its time', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j', { scheduled_time: fleet.now + 30_000 }))
    expect(job(fleet, 'j').status).toBe('pending')
    expect(messages(fleet.pass(29_999), 'job_assign')).toHaveLength(0)
    expect(messages(fleet.pass(1), 'job_assign')).toHaveLength(1)
  })

  test('a time that has passed is now', () => {
    const fleet = bench()
    fleet.turn(submit('j', { scheduled_time: fleet.now - 1 }))
    expect(job(fleet, 'j').status).toBe('queued')
  })

  test('a definition is in memory as long as a live job or a workflow needs it', () => {
    const fleet = bench()
    fleet.turn(...join('r1'), submit('j1'))
    fleet.turn(submit('j2'))
    fleet.turn(complete('r1', 'j1'))
    expect(fleet.state.definitions.has(DEFINITION.hash)).toBe(true)
    fleet.turn(complete('r1', 'j2'))
    expect(fleet.state.definitions.size).toBe(0)
  })
})

describe('workflows', () => {
  test('a new text is a new version, the same text is not, and jobs run the published one', () => {
    const fleet = bench()
    fleet.turn(save('w', 'one'), publish('w'), save('w', 'one', 'update'), save('w', 'two', 'update'))
    fleet.turn(submit('j1', { workflow: ids.workflow('w') }))
    fleet.turn(publish('w'))
    fleet.turn(submit('j2', { workflow: ids.workflow('w') }))
    expect(fleet.disk.rows.workflows.get(ids.workflow('w'))).toMatchObject({ version: 2, published_version: 2 })
    expect(fleet.disk.rows.versions.size).toBe(2)
    expect(['j1', 'j2'].map((id) => job(fleet, id).workflow_version)).toEqual([1, 2])
  })

  test('its runs are counted with it', () => {
    const fleet = bench()
    fleet.turn(save('w', 'one'), publish('w'), ...join('r1'), submit('j1', { workflow: ids.workflow('w') }))
    fleet.turn(complete('r1', 'j1'))
    expect(fleet.disk.rows.workflows.get(ids.workflow('w'))).toMatchObject({ execution_count: 1, success_count: 1 })
  })

  test('an id is taken once, and only what exists can be changed or published', () => {
    const fleet = bench()
    fleet.turn(save('w', 'one'))
    expect(code(fleet, save('w', 'two'))).toBe('CONFLICT')
    expect(code(fleet, save('x', 'two', 'update'))).toBe('NOT_FOUND')
    expect(code(fleet, publish('x'))).toBe('NOT_FOUND')
  })
})

describe('webhooks', () => {
  const ready = (given: object = {}, credential: Partial<GivenCredential> = {}) => {
    const fleet = bench()
    fleet.turn(save('w', '{}'), publish('w'), trigger(given, credential))
    return fleet
  }

  test('a call makes a job, with the parameters of the trigger under those of the call', () => {
    const fleet = ready()
    const [answer] = answers(fleet.turn(call({ job: ids.job('j') })))
    expect(answer).toMatchObject({ type: 'fired', trigger: { trigger_count: 1 }, job: { id: 'j' } })
    expect(job(fleet, 'j')).toMatchObject({
      parameters: '{"region":"north","limit":5}',
      priority: 2,
      trigger_id: 't1',
      created_by: 'trigger:t1',
    })
  })

  test('the cooldown starts with a call that makes a job, ends when it says, and survives a restart', () => {
    const fleet = ready()
    fleet.turn(call())
    fleet.now += 15_500
    const restarted = bench({}, fleet.hot())
    restarted.now = fleet.now
    const [answer] = answers(restarted.turn(call()))
    expect(answer).toMatchObject({ refusal: { refused: 'RATE_LIMITED', details: { cooldown_remaining: 45 } } })
    restarted.now += 44_499
    expect(code(restarted, call())).toBe('RATE_LIMITED')
    restarted.now += 501
    expect(code(restarted, call())).toBe('fired')
  })

  test('the secret is looked at before everything else, and a wrong one uses nothing up', () => {
    const fleet = ready()
    const bad = refuse('INVALID_PAYLOAD', 'no event_type')
    expect(code(fleet, call({ secret: ids.secret('wrong'), data: bad }))).toBe('AUTHENTICATION_FAILED')
    expect(code(fleet, call({ secret: null }))).toBe('AUTHENTICATION_FAILED')
    expect(code(fleet, call({ data: bad }))).toBe('INVALID_PAYLOAD')
    expect(code(fleet, call())).toBe('fired')
    expect(code(fleet, call({ data: bad }))).toBe('RATE_LIMITED')
  })

  test.each(
    [
      ['an unknown trigger', {}, {}, { trigger: ids.trigger('t9') }, 'TRIGGER_NOT_FOUND'],
      ['a trigger that is disabled', { enabled: false }, {}, {}, 'FORBIDDEN'],
      ['a trigger without a secret asks for none', {}, { secret: 'removed' }, { secret: null }, 'fired'],
    ] as const,
  )('%s', (_name, given, credential, called, outcome) => {
    expect(code(ready(given, credential), call(called))).toBe(outcome)
  })

  describe('a trigger whose callers sign', () => {
    const key = secret('signing').reveal()
    const signed = (given: object = {}) => ready(given, { auth: 'github', secret: secret('signing') })
    /** A row that is not as it should be. */
    const damaged = (fleet: Bench, lacks: Partial<TriggerRow>) => {
      const id = ids.trigger('t1')
      fleet.state.triggers.set(id, { ...fleet.state.triggers.get(id) as TriggerRow, ...lacks })
      return fleet
    }
    const checked = (verifiedWith: string | null) => ({
      secret: null,
      caller_check: { key: verifiedWith, refused: null },
    })

    test('lets in whom the shell has verified, with the key that holds', () => {
      expect(code(signed(), call(checked(key)))).toBe('fired')
      expect(code(signed(), call(checked('an older key')))).toBe('UNAVAILABLE')
      expect(code(signed(), call(checked(null)))).toBe('UNAVAILABLE')
      expect(code(damaged(signed(), { signing: null }), call(checked(null))), 'without a key nobody').toBe(
        'AUTHENTICATION_FAILED',
      )
      expect(code(damaged(ready(), { secret: null }), call({ secret: null })), 'nor without a secret').toBe(
        'AUTHENTICATION_FAILED',
      )
    })

    test('what the shell has against a caller is told before anything else', () => {
      const refused = refuse('FORBIDDEN', 'This address may not call this trigger')
      const stranger = { caller_check: { key, refused }, data: refuse('INVALID_PAYLOAD', 'no') }
      const fleet = signed({ enabled: false })
      expect(answers(fleet.turn(call(stranger)))).toMatchObject([{ refusal: refused, quota: null }])
      expect(code(fleet, call({ ...stranger, trigger: ids.trigger('none') }))).toBe('TRIGGER_NOT_FOUND')
    })

    test('a delivery that comes again gets the first answer, in the cooldown too', () => {
      const once = { ...checked(key), idempotency: { key: 'delivery', fingerprint: 'body' } }
      const fleet = signed()
      const [first] = answers(fleet.turn(call(once)))
      const again = call(once)
      expect(answers(fleet.turn(again))).toMatchObject([{ type: 'fired', job: { id: (first as never)['job']['id'] } }])
      expect(code(fleet, call({ ...once, idempotency: { key: 'delivery', fingerprint: 'other' } })))
        .toBe('IDEMPOTENCY_MISMATCH')
      expect(code(fleet, call(checked(key)))).toBe('RATE_LIMITED')
      expect(fleet.disk.rows.jobs.size).toBe(1)
      expect(fleet.disk.rows.triggers.get(ids.trigger('t1'))).toMatchObject({ trigger_count: 1 })
    })

    test('twice in one turn it is one job', () => {
      const once = { ...checked(key), idempotency: { key: 'delivery', fingerprint: 'body' } }
      const fleet = signed({ cooldown_ms: 0 })
      fleet.turn(call(once), call(once))
      expect(fleet.disk.rows.jobs.size).toBe(1)
    })
  })

  test('a trigger needs a workflow that exists, and an id of its own', () => {
    const fleet = ready()
    expect(code(fleet, trigger())).toBe('CONFLICT')
    expect(code(fleet, trigger({ workflow_id: ids.workflow('x') }, {}, 't2'))).toBe('NOT_FOUND')
  })
})
