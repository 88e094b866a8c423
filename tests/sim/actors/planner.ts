import type { JobId, JsonText, RobotId, ScheduleId, WorkflowId } from '../../../core/base/ids.ts'
import { MISFIRES, OVERLAPS, type ScheduleSpec } from '../../../core/records/schedule.ts'
import type { Chance } from '../world/chance.ts'
import { PATTERNS, ZONES } from '../truth/due-oracle.ts'
import type { Truth } from '../truth/truth.ts'
import { Requests } from './requests.ts'
import type { Server } from '../world/server.ts'
import type { World } from '../world/world.ts'
import { demand } from '../violation.ts'
import { FLOWS } from '../world/givens.ts'

export interface PlannerOptions {
  readonly world: World
  readonly truth: Truth
  readonly server: Server
  readonly robots: readonly RobotId[]
}

/** More would drown everything else. */
const SCHEDULES_MAX = 4
const MINUTE = 60_000

/** Planners: they create schedules, change them while they are due, and delete them. */
export class Planner {
  readonly #options: PlannerOptions
  readonly #chance: Chance
  /** Schedules whose deletion was requested. */
  readonly #leaving = new Set<ScheduleId>()
  readonly #requests: Requests

  constructor(options: PlannerOptions) {
    this.#options = options
    this.#chance = options.world.chance('planner')
    this.#requests = new Requests('planner', options, this.#chance)
  }

  /** Some are there from the beginning. */
  start(): void {
    for (let left = this.#chance.whole(1, 3); left > 0; left--) this.#create()
  }

  /** Does one thing or another. */
  act(): void {
    const { truth } = this.#options
    const known = [...truth.disk.tables.schedules.keys()] as ScheduleId[]
    const schedule = this.#chance.pick(known)
    if (schedule === undefined || (known.length < SCHEDULES_MAX && this.#chance.happens(0.3))) return this.#create()
    const what = this.#chance.pick(['edit', 'edit', 'disable', 'enable', 'enable', 'trigger', 'delete'])
    this.#options.world.note(`planner: ${what} ${schedule}`)
    if (what === 'edit') return this.#save(schedule, 'update')
    if (what === 'trigger') return this.#trigger(schedule)
    if (what !== 'delete') return this.#turn(schedule, what === 'enable')
    this.#leaving.add(schedule)
    this.#requests.once((reply) => ({ type: 'schedule.deleted', reply, schedule }), (answer) => {
      const gone = answer.type !== 'schedule' || !truth.disk.tables.schedules.has(schedule)
      demand(gone, 'I2', () => `${schedule} was deleted, they said, and is on the disk`)
    })
  }

  /** Disables every schedule after the faults, since the work would never end otherwise. */
  pauseAll(): void {
    for (const { id, enabled } of this.#options.truth.disk.tables.schedules.values()) {
      if (enabled) {
        this.#requests.untilAnswered((reply) => ({
          type: 'schedule.switched',
          reply,
          schedule: id,
          enabled: false,
          note: '',
        }))
      }
    }
  }

  #create(): void {
    this.#save(`plan-${this.#requests.next()}` as ScheduleId, 'create')
  }

  #save(schedule: ScheduleId, mode: 'create' | 'update'): void {
    const { truth, world } = this.#options
    const plan = this.#plan()
    truth.plans.set(schedule, [...truth.plans.get(schedule) ?? [], plan])
    world.note(`planner: ${mode} ${schedule}`, JSON.stringify(plan))
    const enabled = mode === 'create' || this.#chance.happens(0.8) ? null : this.#chance.happens(0.5)
    const event = {
      type: 'schedule.saved',
      schedule,
      mode,
      by: 'planner',
      spec: plan,
      workflow_name: null,
      enabled,
    } as const
    this.#requests.once((reply) => ({ ...event, reply }), (answer) => {
      // A schedule that is changed and deleted in one turn is acknowledged, and gone.
      const known = answer.type !== 'schedule' || this.#leaving.has(schedule) || truth.schedules.has(schedule)
      demand(known, 'I2', () => `${schedule} is acknowledged, and the disk knows nothing of it`)
    })
  }

  #turn(schedule: ScheduleId, enabled: boolean): void {
    this.#requests.once(
      (reply) => ({ type: 'schedule.switched', reply, schedule, enabled, note: 'a note' }),
      (answer) => {
        if (answer.type !== 'schedule') return
        demand(answer.schedule.enabled === enabled, 'I25', () => `${schedule} was asked to be ${enabled} and is not`)
      },
    )
  }

  #trigger(schedule: ScheduleId): void {
    const { truth } = this.#options
    const job = `by-hand-${this.#requests.next()}` as JobId
    truth.requests.set(job, { job, trigger: null, submission: null, retryOf: null })
    this.#requests.once(
      (reply) => ({ type: 'schedule.triggered', reply, schedule, job, by: 'planner', key: null }),
      (answer) => {
        if (answer.type === 'job') truth.acknowledged.add(job)
        else if (answer.type === 'refusal' && answer.refusal.refused !== 'UNAVAILABLE') truth.refused.add(job)
      },
    )
  }

  #plan(): ScheduleSpec {
    const chance = this.#chance
    const now = this.#options.server.clock()
    const once = chance.happens(0.15)
    const pattern = chance.pick(Object.keys(PATTERNS)) ?? ''
    // Every few seconds a job that is not held back would drown everything else.
    const overlaps = pattern.split(' ').length === 6 ? ['skip', 'queue_one'] as const : OVERLAPS
    return {
      name: 'a plan',
      workflow_id: chance.pick(FLOWS) as string as WorkflowId,
      frequency: once ? 'once' : 'cron',
      cron_expression: once ? '' : pattern,
      run_at: once ? now + chance.whole(1_000, 20 * MINUTE) : null,
      timezone: chance.pick(Object.keys(ZONES)) ?? 'UTC',
      start_at: !once && chance.happens(0.1) ? now + chance.whole(-MINUTE, 20 * MINUTE) : null,
      end_at: !once && chance.happens(0.1) ? now + chance.whole(61 * MINUTE, 120 * MINUTE) : null,
      parameters: JSON.stringify({ plan: chance.whole(1, 3) }) as JsonText,
      priority: chance.pick([0, 1, 1, 2]),
      robot_id: chance.happens(0.1) ? chance.pick(this.#options.robots) ?? null : null,
      environment: '',
      pool: null,
      jitter_ms: chance.happens(0.3) ? chance.whole(1, 10 * MINUTE) : 0,
      misfire: chance.pick(['run_once', ...MISFIRES]),
      misfire_grace_ms: chance.happens(0.3) ? chance.whole(0, 30 * MINUTE) : null,
      overlap: chance.pick<ScheduleSpec['overlap']>(overlaps),
    }
  }
}
