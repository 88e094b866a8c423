import type { ScheduleId, TriggerId, WorkflowId } from '../../../core/base/ids.ts'
import { TRIGGER_DEFAULTS } from '../../../core/records/trigger.ts'
import { Secret } from '../../../core/base/secret.ts'
import { hashOf } from '../../../adapters/crypto/secrets.ts'
import type { GivenCredential } from '../../../core/events/triggers.ts'
import type { Chance } from '../world/chance.ts'
import { FLOWS, SECRET } from '../world/givens.ts'
import type { TriggerPlan } from '../truth/chain-truth.ts'
import type { Truth } from '../truth/truth.ts'
import { demand } from '../violation.ts'
import { Requests } from './requests.ts'
import type { Server } from '../world/server.ts'
import type { World } from '../world/world.ts'

export interface IntegratorOptions {
  readonly world: World
  readonly truth: Truth
  readonly server: Server
}

/** More would drown everything else: what ends starts more, and that more again. */
const TRIGGERS_MAX = 4
const STATUSES = ['completed', 'failed', 'cancelled', 'timeout'] as const
/** A filter that lets only the ends of jobs pass that were completed. */
export const COMPLETED = '@.payload.status == "completed"'
const UNUSED = new Secret(SECRET, hashOf(SECRET))
/** Internal events have no credential. */
const NO_CREDENTIAL: GivenCredential = {
  auth: null,
  secret: 'kept',
  signature: null,
  fresh: { plain: UNUSED, standard: UNUSED, key: UNUSED },
}
/** By which workflows are called. Each belongs to one trigger at a time, if to any. */
export const ALIASES = ['convert', 'report'] as const

/** People who wire workflows together: triggers that fire at the end of jobs, by calls, and with the runs of schedules. */
export class Integrator {
  readonly #options: IntegratorOptions
  readonly #chance: Chance
  /** Triggers that this actor has made and that may be there still. */
  readonly #known = new Set<TriggerId>()
  /** Triggers that somebody has asked to delete. */
  readonly #leaving = new Set<TriggerId>()
  readonly #requests: Requests

  constructor(options: IntegratorOptions) {
    this.#options = options
    this.#chance = options.world.chance('integrator')
    this.#requests = new Requests('integrator', options, this.#chance)
  }

  /** Some are there from the beginning. */
  start(): void {
    for (let left = this.#chance.whole(2, TRIGGERS_MAX); left > 0; left--) this.#create()
  }

  /** Does one thing or another. */
  act(): void {
    const known = [...this.#known]
    const trigger = this.#chance.pick(known)
    if (trigger === undefined || (known.length < TRIGGERS_MAX && this.#chance.happens(0.4))) return this.#create()
    const what = this.#chance.pick(['edit', 'disable', 'enable', 'enable', 'delete'])
    this.#options.world.note(`integrator: ${what} ${trigger}`)
    if (what === 'edit') return this.#edit(trigger)
    if (what !== 'delete') return this.#switch(trigger, what === 'enable')
    this.#leaving.add(trigger)
    this.#requests.once((reply) => ({ type: 'trigger.deleted', reply, trigger }), (answer) => {
      const gone = answer.type !== 'trigger' || !this.#options.truth.disk.tables.triggers.has(trigger)
      demand(gone, 'I2', () => `the deletion of ${trigger} was confirmed, and it is on the disk`)
      this.#known.delete(trigger)
    })
  }

  /** Faults are over: what has ended starts nothing any more, or what there is to do would take very long. */
  disableAll(): void {
    for (const trigger of this.#known) {
      this.#requests.untilAnswered((reply) => ({ type: 'trigger.switched', reply, trigger, enabled: false }))
    }
  }

  #create(): void {
    const plan = this.#plan(this.#chance.pick(['end', 'end', 'call', 'call', 'call', 'both', 'schedule', 'schedule']))
    if (plan === null) return
    const trigger = `chain-${this.#requests.next()}` as TriggerId
    this.#known.add(trigger)
    this.#save(trigger, plan, null)
  }

  #edit(trigger: TriggerId): void {
    const row = this.#options.truth.chains.triggers.get(trigger)
    if (row === undefined) return
    const plan = this.#plan(row.trigger_type === 'scheduled' ? 'schedule' : this.#chance.pick(['end', 'call', 'both']))
    if (plan !== null) this.#save(trigger, plan, row.revision)
  }

  #save(trigger: TriggerId, plan: TriggerPlan, revision: number | null): void {
    const { truth, world } = this.#options
    const { plans } = truth.chains
    plans.set(trigger, [...plans.get(trigger) ?? [], plan])
    world.note(`integrator: saves ${trigger}`, JSON.stringify(plan))
    const settings = {
      ...TRIGGER_DEFAULTS,
      ...plan,
      name: trigger,
      enabled: revision === null || this.#chance.happens(0.7),
    }
    this.#requests.once(
      (reply) => ({
        type: 'trigger.saved',
        reply,
        trigger,
        revision,
        by: 'integrator',
        settings,
        credential: NO_CREDENTIAL,
      }),
      (answer) => {
        // A trigger that is changed and deleted in one turn is acknowledged, and gone.
        const known = answer.type !== 'saved_trigger' || this.#leaving.has(trigger) ||
          truth.chains.triggers.has(trigger)
        demand(known, 'I2', () => `${trigger} is acknowledged, and the disk knows nothing of it`)
      },
    )
  }

  #switch(trigger: TriggerId, enabled: boolean): void {
    this.#requests.once((reply) => ({ type: 'trigger.switched', reply, trigger, enabled }), (answer) => {
      if (answer.type !== 'trigger') return
      demand(answer.trigger.enabled === enabled, 'I47', () => `${trigger} was asked to be ${enabled} and is not`)
    })
  }

  /** Draws a trigger that fires by this; null where there is no schedule yet that it could be bound to. */
  #plan(by: 'end' | 'call' | 'both' | 'schedule'): TriggerPlan | null {
    const chance = this.#chance
    const shared = {
      workflow_id: chance.pick(FLOWS) as string as WorkflowId,
      priority: chance.pick([0, 1, 1, 2] as const),
      cooldown_ms: chance.pick([0, 0, 5_000, 60_000]),
    }
    if (by === 'schedule') {
      const schedule_id = chance.pick([...this.#options.truth.disk.tables.schedules.keys()] as ScheduleId[])
      if (schedule_id === undefined) return null
      return { ...shared, trigger_type: 'scheduled', config: { schedule_id }, filter: null }
    }
    // A loop: only its depth or the size of its family ends it.
    if (by === 'end' && chance.happens(0.2)) {
      const after = { workflows: [shared.workflow_id], statuses: [...STATUSES] }
      const config = { call_alias: null, required: [], allowed_callers: [], after }
      return { ...shared, trigger_type: 'workflow_call', config, filter: null, cooldown_ms: 0 }
    }
    const after = by === 'call' ? null : {
      workflows: chance.happens(0.3) ? [...FLOWS] : [chance.pick(FLOWS)],
      statuses: chance.happens(0.5) ? ['completed'] : [...new Set(['failed', ...chance.some(STATUSES, 0.6)])],
    }
    const config = {
      call_alias: by === 'end' ? null : chance.pick(ALIASES),
      required: [],
      allowed_callers: by !== 'end' && chance.happens(0.4) ? [chance.pick(FLOWS)] : [],
      after,
    }
    const filter = by === 'end' && chance.happens(0.3) ? COMPLETED : null
    return { ...shared, trigger_type: 'workflow_call', config, filter }
  }
}
