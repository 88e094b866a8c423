import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import { countFamilies } from '../../core/jobs/family.ts'
import { load } from '../../core/load.ts'
import { configOf } from '../../core/trigger-types/index.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import { answers, type Bench, bench, complete, DEFINITION, ids, join, say, submit } from './bench.ts'
import { workflow } from './schedules.ts'
import { trigger } from './triggers.ts'

/** The limit on jobs that follow from one. */

const chain = (id: string, config: object, given: Partial<TriggerRow> = {}): Event =>
  trigger(
    {
      trigger_type: 'workflow_call',
      workflow_id: ids.workflow('w'),
      config: configOf('workflow_call', config as never) as TriggerRow['config'],
      ...given,
    },
    null,
    id,
  )

/** A workflow that so many triggers start again at its end, and that can also be called. */
function looping(triggers: number, settings: object = {}): Bench {
  const fleet = bench({ descendantsMax: 20, ...settings })
  const ends = Array.from({ length: triggers }, (_, n) => chain(`end-${n}`, { after: { workflows: ['w'] } }))
  fleet.turn(...workflow(), ...ends, chain('named', { call_alias: 'again' }), ...join('r1', { slots: 50 }))
  return fleet
}

const start = (fleet: Bench, id: string): void => {
  fleet.turn(submit(id, { workflow: ids.workflow('w') }))
}
/** The robot does all that it has been offered. */
const work = (fleet: Bench, id: string): void => {
  fleet.turn(say('r1', 'job_accept', { job_id: id }), complete('r1', id))
}
/** Works until there is nothing to do. */
const exhaust = (fleet: Bench): void => {
  for (let [id] = fleet.state.jobs.keys(); id !== undefined; [id] = fleet.state.jobs.keys()) work(fleet, id)
}
let called = 0
const call = (parent: string, idempotency: string | null = null): Event => ({
  type: 'workflow.called',
  reply: ids.reply('call'),
  job: ids.job(`c${++called}`),
  alias: 'again',
  by: { name: 'robot key', key: null },
  robot: null,
  parent: ids.job(parent),
  payload: '{}' as never,
  idempotency: idempotency === null ? null : { key: idempotency, fingerprint: 'f' },
})
const outcome = (fleet: Bench, event: Event): string => {
  const [answer] = answers(fleet.turn(event))
  return answer?.type === 'refusal' ? answer.refusal.refused : answer?.type ?? 'nothing'
}
const restarted = (fleet: Bench, settings: object = {}): Bench => {
  const again = bench({ descendantsMax: 20, ...settings }, fleet.hot())
  for (const [id, row] of fleet.disk.rows.jobs) again.disk.rows.jobs.set(id, row)
  again.turn(...join('r1', { slots: 50 }))
  return again
}
const madeBy = (fleet: Bench, root: string): number =>
  [...fleet.disk.rows.jobs.values()].filter(({ root_job_id }) => root_job_id === root).length

describe('a chain that fans out', () => {
  test('makes as many jobs as one may lead to, and the events say why there are no more', () => {
    const fleet = looping(10)
    start(fleet, 'j')
    exhaust(fleet)
    expect(fleet.disk.rows.jobs.size).toBe(21)
    expect(madeBy(fleet, 'j')).toBe(20)
    expect(new Set(fleet.disk.triggerEvents.map(({ reason }) => reason))).toEqual(new Set(['', 'CALL_TOO_WIDE']))
    expect(fleet.state.families.size).toBe(0)
  })

  test('each job that somebody asks for has room of its own', () => {
    const fleet = looping(3)
    start(fleet, 'j')
    start(fleet, 'k')
    exhaust(fleet)
    expect([madeBy(fleet, 'j'), madeBy(fleet, 'k')]).toEqual([20, 20])
  })

  test('a restart in the middle changes nothing', () => {
    let fleet = looping(3)
    start(fleet, 'j')
    for (let n = 0; n < 40 && fleet.state.jobs.size > 0; n++) {
      const [id = ''] = fleet.state.jobs.keys()
      work(fleet, id)
      if (n % 4 === 3) fleet = restarted(fleet)
    }
    exhaust(fleet)
    expect(madeBy(fleet, 'j')).toBe(20)
  })

  test('run again by a person, a job begins a family of its own', () => {
    const fleet = looping(3)
    start(fleet, 'j')
    exhaust(fleet)
    const child = [...fleet.disk.rows.jobs.values()].find(({ depth }) => depth === 1)?.id ?? ids.job('')
    const again = { type: 'retry.requested', mode: 'retry', by: 'tester', key: null, definition: DEFINITION } as const
    fleet.turn({ ...again, reply: ids.reply('r'), job: child, new_job: ids.job('again') })
    expect(fleet.disk.rows.jobs.get(ids.job('again'))).toMatchObject({ root_job_id: null, depth: 1 })
    exhaust(fleet)
    expect([madeBy(fleet, 'j'), madeBy(fleet, 'again')]).toEqual([20, 20])
  })
})

describe('calls', () => {
  test('count with all that the root of their job has led to, and beyond that are refused', () => {
    const fleet = looping(0, { descendantsMax: 3 })
    start(fleet, 'j')
    fleet.turn(say('r1', 'job_accept', { job_id: 'j' }))
    expect([outcome(fleet, call('j', 'first')), outcome(fleet, call('j'))]).toEqual(['fired', 'fired'])
    const child = `c${called}`
    work(fleet, `c${called - 1}`)
    fleet.turn(say('r1', 'job_accept', { job_id: child }))
    expect(outcome(fleet, call(child))).toBe('fired')
    const [answer] = answers(fleet.turn(call(child)))
    expect(answer).toMatchObject({
      refusal: { refused: 'CALL_TOO_WIDE', details: { limit: 3, root_job_id: 'j', parent_job_id: child } },
    })
    expect(outcome(fleet, call('j')), 'though it is another job that calls').toBe('CALL_TOO_WIDE')
    expect(outcome(restarted(fleet, { descendantsMax: 3 }), call('j')), 'after a restart').toBe('CALL_TOO_WIDE')
    expect(outcome(restarted(fleet, { descendantsMax: 4 }), call('j')), 'with a larger setting').toBe('fired')
  })

  test('a call that is repeated is the same job, though there is no more room', () => {
    const fleet = looping(0, { descendantsMax: 1 })
    start(fleet, 'j')
    fleet.turn(say('r1', 'job_accept', { job_id: 'j' }))
    expect([outcome(fleet, call('j', 'once')), outcome(fleet, call('j', 'once'))]).toEqual(['fired', 'fired'])
    expect(madeBy(fleet, 'j')).toBe(1)
  })
})

test('whatever jobs do, memory counts as a restart would, and no root leads to more than it may', () => {
  const doings = fc.array(
    fc.record({ what: fc.constantFrom('start', 'accept', 'end', 'fail', 'call', 'cancel'), which: fc.nat(9) }),
    { maxLength: 60 },
  )
  fc.assert(fc.property(doings, fc.nat(3), fc.integer({ min: 1, max: 6 }), (steps, triggers, descendantsMax) => {
    const fleet = looping(triggers, { descendantsMax })
    for (const [n, { what, which }] of steps.entries()) {
      const live = [...fleet.state.jobs.values()]
      const { id = ids.job('none'), status = '' } = live[which % Math.max(1, live.length)] ?? {}
      if (what === 'start') start(fleet, `s${n}`)
      if (what === 'accept') fleet.turn(say('r1', 'job_accept', { job_id: id }))
      if (what === 'end' && status === 'running') fleet.turn(complete('r1', id))
      if (what === 'fail' && status === 'running') {
        fleet.turn(say('r1', 'job_failed', { job_id: id, error_message: 'no' }))
      }
      if (what === 'call') fleet.turn(call(id))
      if (what === 'cancel') {
        fleet.turn({ type: 'cancel.requested', reply: ids.reply('c'), job: id, by: 'tester', reason: '' })
      }
      const rows = [...fleet.disk.rows.jobs.values()]
      expect(fleet.state.families).toEqual(countFamilies(rows))
      expect(load(fleet.hot(), fleet.now, 1, fleet.state.settings).families).toEqual(fleet.state.families)
      for (const { id: root } of rows) expect(madeBy(fleet, root)).toBeLessThanOrEqual(descendantsMax)
    }
  }))
})
