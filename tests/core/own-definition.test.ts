import { describe, expect, test } from 'vitest'
import { configOf } from '../../core/trigger-types/index.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import { answers, type Bench, bench, complete, DEFINITION, ids, job, join, say, submit } from './bench.ts'
import { workflow } from './schedules.ts'
import { trigger } from './triggers.ts'
import type { InlineDefinition, JobSubmitted } from '../../core/events/jobs.ts'

/** Jobs that come with a definition of their own, under the id of a workflow that is kept. */

const OTHER = { hash: 'other' as never, json: '{"nodes":{"1":{"node_type":"Other"}}}' }
const chain = (id: string, config: object) =>
  trigger(
    {
      trigger_type: 'workflow_call',
      workflow_id: ids.workflow('next'),
      config: configOf('workflow_call', config as never) as TriggerRow['config'],
    },
    null,
    id,
  )

/** The workflow `paid` runs one job at a time, has a pool and a webhook, and may call; its end starts another. */
function ready(settings: object = {}): Bench {
  const fleet = bench({ strategy: 'affinity', ...settings })
  fleet.turn(
    { ...workflow('paid')[0], max_concurrent: 1 } as never,
    { type: 'workflow.published', reply: ids.reply('p'), workflow: ids.workflow('paid') },
    ...workflow('next'),
    chain('after', { after: { workflows: ['paid'] } }),
    chain('only', { call_alias: 'refund', allowed_callers: ['paid'] }),
    {
      type: 'pool.saved',
      reply: ids.reply('pool'),
      name: 'vault',
      tags: [],
      max_concurrent: null,
      workflows: [ids.workflow('paid')],
    },
    {
      type: 'webhook.saved',
      reply: ids.reply('hook'),
      webhook: 'hook' as never,
      mode: 'create',
      by: 'tester',
      url: 'https://example.com/',
      description: '',
      events: ['job.completed'],
      workflow: ids.workflow('paid'),
      secret: 'secret',
    },
    ...join('r1', { slots: 9 }),
  )
  return fleet
}

const own = (definition: InlineDefinition['definition'], given: Partial<InlineDefinition> = {}) => ({
  workflow: { id: ids.workflow('paid'), name: 'Paid', definition, ...given },
})
const KINDS: readonly [string, Partial<JobSubmitted>, boolean][] = [
  ['by its id', { workflow: ids.workflow('paid') }, true],
  ['with the very definition that is published', own(DEFINITION), true],
  ['with another definition under its id', own(OTHER), false],
]

const run = (fleet: Bench, id: string, given: Partial<JobSubmitted>): void => {
  fleet.turn(submit(id, given))
  fleet.turn(say('r1', 'job_accept', { job_id: id }))
}
const call = (fleet: Bench, parent: string): string => {
  const [answer] = answers(fleet.turn({
    type: 'workflow.called',
    reply: ids.reply('call'),
    job: ids.job(`called by ${parent}`),
    alias: 'refund',
    by: { name: 'robot key', key: ids.key('k') },
    robot: ids.robot('r1'),
    parent: ids.job(parent),
    payload: '{}' as never,
    idempotency: null,
  }))
  return answer?.type === 'refusal' ? answer.refusal.refused : answer?.type ?? 'nothing'
}
const refused = (fleet: Bench, id: string, given: Partial<JobSubmitted>): string | undefined => {
  const [answer] = answers(fleet.turn(submit(id, given)))
  return answer?.type === 'refusal' ? answer.refusal.refused : undefined
}

describe.each(KINDS)('a job of a workflow that is submitted %s', (_kind, given, isOne) => {
  test('has the workflow’s id, and its version only where it is one of its jobs', () => {
    const fleet = ready()
    run(fleet, 'j', given)
    expect(job(fleet, 'j')).toMatchObject({ workflow_id: 'paid', workflow_version: isOne ? 1 : null })
  })

  test('its end is an end of the workflow: triggers, counts, webhooks, and what robots are good at', () => {
    const fleet = ready()
    run(fleet, 'j', given)
    fleet.turn(complete('r1', 'j'))
    const counted = isOne ? 1 : 0
    expect(fleet.disk.triggerEvents).toHaveLength(counted)
    expect(fleet.state.workflows.get(ids.workflow('paid'))?.execution_count).toBe(counted)
    expect(fleet.disk.rows.deliveries.size).toBe(counted)
    expect(fleet.state.affinities.get(ids.workflow('paid'))?.get(ids.robot('r1')) ?? 0).toBe(counted)
  })

  test('calls what the workflow may call', () => {
    const fleet = ready()
    run(fleet, 'j', given)
    expect(call(fleet, 'j')).toBe(isOne ? 'fired' : 'FORBIDDEN')
  })

  test('runs in a pool of the workflow', () => {
    expect(refused(ready(), 'j', { ...given, pool: 'vault' })).toBe(isOne ? undefined : 'FORBIDDEN')
  })

  test('counts for how many of its jobs may run at a time', () => {
    const fleet = ready()
    run(fleet, 'j', given)
    fleet.turn(submit('next', { workflow: ids.workflow('paid') }))
    expect(job(fleet, 'next').status).toBe(isOne ? 'pending' : 'queued')
  })

  test('is a duplicate of its jobs', () => {
    const fleet = ready()
    fleet.turn(submit('first', { workflow: ids.workflow('paid'), duplicate_key: 'paid, north' }))
    const keys = typeof given.workflow === 'object'
      ? { workflow: { ...given.workflow, workflow_duplicate_key: 'paid, north' }, duplicate_key: 'own, north' }
      : { workflow: ids.workflow('paid'), duplicate_key: 'paid, north' }
    expect(refused(fleet, 'j', { ...keys, check_duplicate: true })).toBe(isOne ? 'DUPLICATE_JOB' : undefined)
    expect(refused(fleet, 'k', { ...keys, check_duplicate: true })).toBe('DUPLICATE_JOB')
  })

  test('run again, it is what it was', () => {
    const fleet = ready()
    run(fleet, 'j', given)
    fleet.turn(say('r1', 'job_failed', { job_id: 'j', error_message: 'no' }))
    const definition = typeof given.workflow === 'object' ? given.workflow.definition : DEFINITION
    const again = {
      type: 'retry.requested',
      reply: ids.reply('r'),
      mode: 'retry',
      by: 'tester',
      key: null,
      definition,
    } as const
    fleet.turn({ ...again, job: ids.job('j'), new_job: ids.job('again') })
    expect(job(fleet, 'again')).toMatchObject({ workflow_id: 'paid', workflow_version: isOne ? 1 : null })
  })
})

test('a definition that is published under its id later does not make it a job of that workflow', () => {
  const fleet = bench()
  fleet.turn(...join('r1'))
  run(fleet, 'j', { workflow: { id: ids.workflow('late'), name: 'Late', definition: DEFINITION } })
  fleet.turn(...workflow('late'), ...workflow('next'), chain('after', { after: { workflows: ['late'] } }))
  fleet.turn(complete('r1', 'j'))
  expect(fleet.disk.triggerEvents).toEqual([])
  expect(fleet.state.workflows.get(ids.workflow('late'))?.execution_count).toBe(0)
})
