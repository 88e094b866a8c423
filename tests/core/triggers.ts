import type { Event } from '../../core/events/index.ts'
import type { JsonText } from '../../core/base/ids.ts'
import { TRIGGER_DEFAULTS, type TriggerRow } from '../../core/records/trigger.ts'
import { Secret } from '../../core/base/secret.ts'
import type { GivenCredential, TriggerFired } from '../../core/events/triggers.ts'
import { answers, type Bench, bench, ids } from './bench.ts'
import { save, workflow } from './schedules.ts'

/** Triggers for tests of the core, and events for them. */

export const text = (json: object): JsonText => JSON.stringify(json) as JsonText

/** A secret that anybody may choose; its hash is not one. */
export const secret = (name: string): Secret =>
  new Secret(`a ${name} secret of sixteen`.replaceAll(' ', '_'), ids.secret(name))

/** A request without a credential. */
export const nothingGiven = (given: Partial<GivenCredential> = {}): GivenCredential => ({
  auth: null,
  secret: 'kept',
  signature: null,
  fresh: { plain: secret('fresh'), standard: secret('fresh standard'), key: secret('fresh key') },
  ...given,
})

export const trigger = (given: Partial<TriggerRow> = {}, revision: number | null = null, id = 't'): Event => ({
  type: 'trigger.saved',
  reply: ids.reply('trigger'),
  trigger: ids.trigger(id),
  revision,
  by: 'tester',
  settings: {
    ...TRIGGER_DEFAULTS,
    name: 'Trigger',
    trigger_type: 'manual',
    workflow_id: ids.workflow('w'),
    ...given,
  },
  credential: nothingGiven(),
})

let made = 0
export const fire = (payload: object = {}, given: Partial<TriggerFired> = {}): Event => ({
  type: 'trigger.fired',
  reply: ids.reply('fire'),
  job: ids.job(`j${++made}`),
  trigger: ids.trigger('t'),
  as: null,
  by: { name: 'tester', key: null },
  payload: text(payload),
  metadata: text({ source: 'manual' }),
  idempotency: null,
  cursor: null,
  fire_and_forget: false,
  screening: null,
  ...given,
})

export const ready = (given: Partial<TriggerRow> = {}): Bench => {
  const fleet = bench()
  fleet.turn(...workflow(), save(), trigger(given))
  return fleet
}
export const row = (fleet: Bench, id = 't'): TriggerRow => fleet.disk.rows.triggers.get(ids.trigger(id)) as TriggerRow
/** The outcome of a call: `fired`, the reason why it was skipped, or the code of the refusal. */
export const outcome = (fleet: Bench, event: Event): string => {
  const [answer] = answers(fleet.turn(event))
  if (answer?.type === 'refusal') return answer.refusal.refused
  return answer?.type === 'fired' ? answer.skipped ?? 'fired' : answer?.type ?? 'nothing'
}
