import { describe, expect, test } from 'vitest'
import type { Event } from '../../core/events/index.ts'
import type { TriggerRow } from '../../core/records/trigger.ts'
import type { TriggerFired } from '../../core/events/triggers.ts'
import { bench, ids } from './bench.ts'
import { workflow } from './schedules.ts'
import { fire, outcome, ready, row, trigger } from './triggers.ts'
import { isIdle } from '../../core/explain/stats.ts'

const SECOND = 1_000

describe('sources', () => {
  const mail = (given: Partial<TriggerRow> = {}) => ready({ trigger_type: 'email', ...given })
  const message = (cursor: string, given: Partial<TriggerFired> = {}) =>
    fire({ subject: 'x' }, { as: 'email', by: null, cursor, ...given })

  test('their place is kept in the turn that makes the job', () => {
    const fleet = mail()
    fleet.turn(message('1'))
    expect(row(fleet)).toMatchObject({ cursor: '1', trigger_count: 1 })
    fleet.turn({ type: 'trigger.read', reply: ids.reply('r'), trigger: ids.trigger('t'), cursor: '5' })
    expect(bench({}, fleet.hot()).state.triggers.get(ids.trigger('t'))?.cursor).toBe('5')
  })

  test('what comes in the cooldown, or cannot become a job, is skipped and written down', () => {
    const fleet = mail({ cooldown_ms: 60 * SECOND })
    expect(outcome(fleet, message('1'))).toBe('fired')
    expect(outcome(fleet, message('2'))).toBe('cooldown')
    fleet.turn(trigger({ trigger_type: 'email', workflow_id: ids.workflow('w') }, 1))
    expect(row(fleet).cursor).toBe('2')
    fleet.turn({ ...workflow('draft')[0] as Event })
    fleet.turn(trigger({ trigger_type: 'email', workflow_id: ids.workflow('draft') }, 2))
    expect(outcome(fleet, message('3'))).toBe('CONFLICT')
    expect(row(fleet)).toMatchObject({ cursor: '3', skipped_count: 2 })
    expect(fleet.disk.triggerEvents.map(({ reason }) => reason)).toEqual(['', 'cooldown', 'CONFLICT'])
  })

  test('what the orchestrator cannot take just now is refused, and comes again', () => {
    const fleet = mail()
    fleet.turn({ type: 'drain' })
    expect(outcome(fleet, message('1'))).toBe('UNAVAILABLE')
    expect(row(fleet)).toMatchObject({ cursor: '', skipped_count: 0 })
  })

  // A place in a mailbox says by itself of which it is.
  test.each([['file_watch', ''], ['email', '9']] as const)(
    'another folder of %s: place "%s"',
    (trigger_type, cursor) => {
      const fleet = ready({ trigger_type, config: { folder: 'in' } })
      fleet.turn(message('9', { as: trigger_type }))
      fleet.turn(trigger({ trigger_type, config: { folder: 'in' }, name: 'New' }, 1))
      expect(row(fleet)).toMatchObject({ cursor: '9', revision: 2, name: 'New', trigger_count: 1 })
      fleet.turn(trigger({ trigger_type, config: { folder: 'orders' } }, 2))
      expect(row(fleet)).toMatchObject({ cursor, revision: 3 })
    },
  )

  test('a fleet that listens is not at rest', () => {
    const fleet = bench()
    fleet.turn(...workflow())
    expect(isIdle(fleet.state)).toBe(true)
    fleet.turn(trigger({ trigger_type: 'email' }))
    expect(isIdle(fleet.state)).toBe(false)
    fleet.turn({ type: 'trigger.switched', reply: ids.reply('s'), trigger: ids.trigger('t'), enabled: false })
    expect(isIdle(fleet.state)).toBe(true)
  })

  test('a fleet that robots tell of their files may rest', () => {
    const fleet = bench()
    fleet.turn(...workflow())
    fleet.turn(trigger({ trigger_type: 'file_watch', config: { reported: true } }))
    expect(isIdle(fleet.state)).toBe(true)
  })
})
