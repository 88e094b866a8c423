import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import type { JobRow } from '../../core/records/job.ts'
import { CALL_DEPTH_MAX } from '../../core/settings.ts'
import type { Scope } from '../../core/records/key.ts'
import { configOf } from '../../core/trigger-types/index.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import type { WorkflowCalled } from '../../core/events/triggers.ts'
import { answers, type Bench, bench, complete, ids, job, join, say, submit } from './bench.ts'
import { workflow } from './schedules.ts'
import { trigger } from './triggers.ts'

const call = (id: string, config: object, given: Partial<TriggerRow> = {}): Event => {
  const read = configOf('workflow_call', config as never) as TriggerRow['config']
  const workflow_id = ids.workflow('next')
  return trigger({ name: id, trigger_type: 'workflow_call', config: read, workflow_id, ...given }, null, id)
}

const ready = (...events: readonly Event[]): Bench => {
  const fleet = bench()
  fleet.turn(...workflow('first'), ...workflow('next'), ...join('r1', { slots: 50 }), ...events)
  return fleet
}
const run = (fleet: Bench, id: string, end: Event | null = complete('r1', id, { total: 7 })): void => {
  fleet.turn(submit(id, { workflow: ids.workflow('first') }))
  fleet.turn(say('r1', 'job_accept', { job_id: id }))
  if (end !== null) fleet.turn(end)
}
const children = (fleet: Bench, parent: string): readonly JobRow[] =>
  [...fleet.disk.rows.jobs.values()].filter(({ parent_job_id }) => parent_job_id === parent)

describe('a job that has ended starts another', () => {
  const after = (more: object = {}, given: Partial<TriggerRow> = {}) =>
    call('chain', { after: { workflows: ['first'], ...more } }, given)

  test('once, with its result by the mapping, and each knows the other', () => {
    const fleet = ready(after({}, { mapping: { sum: '$.payload.result.total', from: '$.payload.job_id' } }))
    run(fleet, 'j1')
    const [child, ...more] = children(fleet, 'j1')
    expect(more).toEqual([])
    expect(child).toMatchObject({ workflow_id: 'next', depth: 1, trigger_id: 'chain', created_by: 'trigger:chain' })
    expect(JSON.parse(String(child?.parameters))).toEqual({ sum: 7, from: 'j1' })
    const links = fleet.disk.history.filter(({ event }) => event === 'started_job')
    expect(links).toMatchObject([{ job_id: 'j1', to_status: 'completed', detail: `started job ${child?.id} of next` }])
    // A repeated result is not a second end.
    fleet.turn(complete('r1', 'j1', { total: 7 }))
    expect(children(fleet, 'j1')).toHaveLength(1)
    expect(JSON.parse(fleet.disk.triggerEvents[0]?.payload ?? '')).toMatchObject({
      job_id: 'j1',
      workflow_id: 'first',
      status: 'completed',
      parameters: {},
      result: { total: 7 },
    })
  })

  test.each<[string, Event, number]>([
    ['failed', say('r1', 'job_failed', { job_id: 'j1', error_message: 'no' }), 1],
    ['completed', complete('r1', 'j1'), 0],
  ])('by the statuses that it asks for: %s', (_status, end, made) => {
    const fleet = ready(after({ statuses: ['failed', 'timeout'] }))
    run(fleet, 'j1', end)
    expect(children(fleet, 'j1')).toHaveLength(made)
  })

  test('not while it is disabled, nor after jobs of other workflows', () => {
    const fleet = ready(after({}, { enabled: false }))
    run(fleet, 'j1')
    const other = ready(call('chain', { after: { workflows: ['next'] } }, { workflow_id: ids.workflow('first') }))
    run(other, 'j1')
    expect([children(fleet, 'j1'), children(other, 'j1')]).toEqual([[], []])
  })

  test('a loop is cut, and the event says why', () => {
    const fleet = ready(
      after(),
      call('back', { after: { workflows: ['next'] } }, { workflow_id: ids.workflow('first') }),
    )
    run(fleet, 'j1')
    for (let depth = 1; depth <= CALL_DEPTH_MAX + 1; depth++) {
      const live = [...fleet.state.jobs.values()]
      if (live.length === 0) break
      expect(live).toMatchObject([{ depth }])
      const id = live[0]?.id ?? ''
      fleet.turn(say('r1', 'job_accept', { job_id: id }))
      fleet.turn(complete('r1', id))
    }
    expect(fleet.disk.rows.jobs.size).toBe(CALL_DEPTH_MAX + 1)
    expect(fleet.disk.triggerEvents.at(-1)).toMatchObject({ outcome: 'skipped', reason: 'CALL_TOO_DEEP' })
  })

  test('with all that it returned, and without its parameters where there is no room for both', () => {
    const fleet = ready(after({}, { mapping: { size: '$.payload.result.size', own: '$.payload.parameters' } }))
    const much = 'x'.repeat(600_000)
    fleet.turn(submit('j1', { workflow: ids.workflow('first'), parameters: JSON.stringify({ much }) as never }))
    fleet.turn(say('r1', 'job_accept', { job_id: 'j1' }), complete('r1', 'j1', { size: 7, much }))
    const [child] = children(fleet, 'j1')
    expect(JSON.parse(String(child?.parameters))).toEqual({ size: 7, own: null })
    expect(fleet.disk.triggerEvents[0]?.payload.length).toBeLessThan(1 << 20)
  })

  test('while the process is about to stop too: the next one runs it', () => {
    const fleet = ready(after())
    run(fleet, 'j1', null)
    fleet.turn({ type: 'drain' })
    fleet.turn(complete('r1', 'j1'))
    expect(children(fleet, 'j1')).toMatchObject([{ status: 'queued', offer: 0 }])
  })

  test('over a restart, for a job that ends afterwards', () => {
    const fleet = ready(after())
    run(fleet, 'j1', null)
    const later = bench({}, fleet.hot())
    later.turn(...join('r1'), complete('r1', 'j1'))
    expect(children(later, 'j1')).toHaveLength(1)
  })
})

describe('a job calls a workflow', () => {
  let made = 0
  const ask = (given: Partial<WorkflowCalled> = {}): Event => ({
    type: 'workflow.called',
    reply: ids.reply('call'),
    job: ids.job(`c${++made}`),
    alias: 'convert',
    by: { name: 'robot key', key: ids.key('k') },
    robot: ids.robot('r1'),
    parent: ids.job('j1'),
    payload: '{"amount":5}' as never,
    idempotency: null,
    ...given,
  })
  const alias = (config: object = {}, given: Partial<TriggerRow> = {}) =>
    call('named', { call_alias: 'convert', ...config }, given)
  const busy = (...events: readonly Event[]): Bench => {
    const fleet = ready(...events)
    run(fleet, 'j1', null)
    return fleet
  }
  const outcome = (fleet: Bench, event: Event): string => {
    const [answer] = answers(fleet.turn(event))
    if (answer?.type === 'refusal') return answer.refusal.refused
    return answer?.type === 'fired' ? answer.skipped ?? 'fired' : 'nothing'
  }

  test('that it runs, with parameters, and is the parent of the job', () => {
    const fleet = busy(alias({ required: ['amount'] }))
    const event = ask()
    expect(outcome(fleet, event)).toBe('fired')
    const child = job(fleet, (event as WorkflowCalled).job)
    expect(child).toMatchObject({ parent_job_id: 'j1', depth: 1, parameters: '{"amount":5}', workflow_id: 'next' })
    expect(fleet.disk.history.filter((entry) => entry.event === 'started_job')).toMatchObject([{ job_id: 'j1' }])
  })

  test.each<[string, object, Partial<WorkflowCalled>, string]>([
    ['a name that there is not', {}, { alias: 'other' }, 'TRIGGER_NOT_FOUND'],
    ['a job that there is not', {}, { parent: ids.job('none') }, 'NOT_FOUND'],
    ['a job of another robot', {}, { robot: ids.robot('r2') }, 'FORBIDDEN'],
    ['a robot without a job', {}, { parent: null }, 'FORBIDDEN'],
    ['a workflow that may not', { allowed_callers: ['next'] }, {}, 'FORBIDDEN'],
    ['a person where only jobs may', { allowed_callers: ['first'] }, { robot: null, parent: null }, 'FORBIDDEN'],
    ['a parameter that is missing', { required: ['amount', 'rate'] }, {}, 'INVALID_PAYLOAD'],
  ])('%s: refused', (_what, config, event, code) => {
    const fleet = busy(alias(config))
    expect(outcome(fleet, ask(event))).toBe(code)
    expect(fleet.disk.rows.jobs.size).toBe(1)
  })

  test.each<[string, readonly Scope[], string | null, string]>([
    ['of its robot', ['robots:connect'], 'r1', 'fired'],
    ['of its robot that may submit as well', ['robots:connect', 'jobs:submit'], 'r1', 'fired'],
    ['of an administrator', ['admin'], null, 'fired'],
    ['that may submit', ['jobs:submit'], null, 'FORBIDDEN'],
    ['of another robot that may submit as well', ['robots:connect', 'jobs:submit'], 'r2', 'FORBIDDEN'],
  ])('where only jobs may call, naming one with a key %s: %s', (_whose, scopes, robot, code) => {
    const key = ids.key('own')
    const event = { type: 'key.created', reply: ids.reply('k'), key, name: 'own', secret: ids.secret('s') } as const
    const fleet = busy(alias({ allowed_callers: ['first'] }), {
      ...event,
      scopes,
      robot: robot === null ? null : ids.robot(robot),
    })
    expect(outcome(fleet, ask({ by: { name: 'own', key }, robot: null }))).toBe(code)
  })

  test('where only jobs may call, nobody speaks for a job that no robot has', () => {
    const key = ids.key('own')
    const created = { type: 'key.created', reply: ids.reply('k'), key, name: 'own', secret: ids.secret('s') } as const
    const fleet = busy(alias({ allowed_callers: ['first'] }), { ...created, scopes: ['jobs:submit'], robot: null })
    fleet.turn(submit('waits', { workflow: ids.workflow('first'), required_tags: ['elsewhere'] }))
    const event = ask({ by: { name: 'own', key }, robot: null, parent: ids.job('waits') })
    expect(outcome(fleet, event)).toBe('FORBIDDEN')
  })

  test('a job that has not begun, and may be on disk only, calls nothing', () => {
    const fleet = busy(alias())
    const scheduled_time = fleet.now + 86_400_000
    fleet.turn(submit('tomorrow', { workflow: ids.workflow('first'), scheduled_time }))
    expect(outcome(fleet, ask({ robot: null, parent: ids.job('tomorrow') }))).toBe('CONFLICT')
  })

  test('a job that has ended calls nothing', () => {
    const fleet = busy(alias())
    fleet.turn(complete('r1', 'j1'))
    expect(outcome(fleet, ask())).toBe('CONFLICT')
  })

  test('the same call again is the same job', () => {
    const fleet = busy(alias())
    const idempotency = { key: 'j1 1 node', fingerprint: 'f' }
    expect([outcome(fleet, ask({ idempotency })), outcome(fleet, ask({ idempotency }))]).toEqual(['fired', 'fired'])
    expect(children(fleet, 'j1')).toHaveLength(1)
  })

  test('a recursion is cut, and its caller is told how deep it was', () => {
    const fleet = busy(alias({}, { workflow_id: ids.workflow('first') }))
    let parent = ids.job('j1')
    for (let depth = 1; depth <= CALL_DEPTH_MAX; depth++) {
      const event = ask({ parent })
      expect(outcome(fleet, event)).toBe('fired')
      parent = (event as WorkflowCalled).job
      fleet.turn(say('r1', 'job_accept', { job_id: parent }))
    }
    const [answer] = answers(fleet.turn(ask({ parent })))
    expect(answer).toMatchObject({
      refusal: { refused: 'CALL_TOO_DEEP', details: { depth: CALL_DEPTH_MAX + 1, limit: CALL_DEPTH_MAX } },
    })
  })

  test('a person may call as well, and what is limited is his key', () => {
    const fleet = bench({ submissionsMax: 1, submissionsMs: 60_000 })
    fleet.turn(...workflow('next'), alias())
    const person = { robot: null, parent: null }
    expect([outcome(fleet, ask(person)), outcome(fleet, ask(person))]).toEqual(['fired', 'RATE_LIMITED'])
    expect([...fleet.disk.rows.jobs.values()]).toMatchObject([{ created_by: 'robot key', depth: 0 }])
  })

  test('a name belongs to one trigger', () => {
    const fleet = ready(alias())
    const [answer] = answers(fleet.turn(call('second', { call_alias: 'convert' })))
    expect(answer).toMatchObject({ refusal: { refused: 'CONFLICT', details: { fields: ['config.call_alias'] } } })
    fleet.turn({ type: 'trigger.deleted', reply: ids.reply('d'), trigger: ids.trigger('named') })
    expect(answers(fleet.turn(call('second', { call_alias: 'convert' })))).toMatchObject([{ type: 'saved_trigger' }])
  })
})

test.each<[string, object, string]>([
  ['neither a name nor jobs', {}, 'needs a call_alias, or after'],
  ['a name that is none', { call_alias: '1st' }, 'call_alias'],
  ['no workflow to follow', { after: { workflows: [] } }, 'after.workflows'],
  ['a status that is no end', { after: { workflows: ['w'], statuses: ['running'] } }, 'after.statuses'],
])('a config with %s is refused', (_what, config, message) => {
  expect(JSON.stringify(configOf('workflow_call', config as never))).toContain(message)
})
