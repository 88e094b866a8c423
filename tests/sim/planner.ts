import type { Answer } from '../../core/effects.ts'
import type { Event } from '../../core/event.ts'
import type { JobId, JsonText, ReplyId, RobotId, ScheduleId, WorkflowId } from '../../core/ids.ts'
import { MISFIRES, OVERLAPS, type Plan } from '../../core/schedule.ts'
import { FLOWS } from './client.ts'
import type { Dice } from './dice.ts'
import { PATTERNS, ZONES } from './due.ts'
import type { Ledger } from './ledger.ts'
import { demand } from './rule.ts'
import type { Server } from './server.ts'
import type { World } from './world.ts'

type Request = Event & { readonly reply: ReplyId }

export interface PlannerOptions {
  readonly world: World
  readonly ledger: Ledger
  readonly server: Server
  readonly robots: readonly RobotId[]
}

/** More would drown everything else. */
const SCHEDULES_MAX = 4
const MINUTE = 60_000

/** Those who set schedules up, change them while they are due, and take them away again. */
export class Planner {
  readonly #options: PlannerOptions
  readonly #dice: Dice
  /** Those of which somebody has asked that they go. */
  readonly #leaving = new Set<ScheduleId>()
  #requests = 0

  constructor(options: PlannerOptions) {
    this.#options = options
    this.#dice = options.world.dice('planner')
  }

  /** Some are there from the beginning. */
  start(): void {
    for (let left = this.#dice.whole(1, 3); left > 0; left--) this.#create()
  }

  /** Does one thing or another. */
  act(): void {
    const { ledger } = this.#options
    const known = [...ledger.disk.tables.schedules.keys()] as ScheduleId[]
    const schedule = this.#dice.pick(known)
    if (schedule === undefined || (known.length < SCHEDULES_MAX && this.#dice.chance(0.3))) return this.#create()
    const what = this.#dice.pick(['edit', 'edit', 'disable', 'enable', 'enable', 'trigger', 'delete'])
    this.#options.world.note(`planner: ${what} ${schedule}`)
    if (what === 'edit') return this.#save(schedule, 'update')
    if (what === 'trigger') return this.#trigger(schedule)
    if (what !== 'delete') return this.#turn(schedule, what === 'enable')
    this.#leaving.add(schedule)
    this.#ask((reply) => ({ type: 'schedule.deleted', reply, schedule }), (answer) => {
      const gone = answer.type !== 'schedule' || !ledger.disk.tables.schedules.has(schedule)
      demand(gone, 'I2', () => `${schedule} was deleted, they said, and is on the disk`)
    })
  }

  /** It is calm: every schedule is disabled, or what there is to do would never end. */
  pauseAll(): void {
    for (const { id, enabled } of this.#options.ledger.disk.tables.schedules.values()) {
      if (enabled) {
        this.#insist((reply) => ({ type: 'schedule.switched', reply, schedule: id, enabled: false, note: '' }))
      }
    }
  }

  #create(): void {
    this.#save(`plan-${++this.#requests}` as ScheduleId, 'create')
  }

  #save(schedule: ScheduleId, mode: 'create' | 'update'): void {
    const { ledger, world } = this.#options
    const plan = this.#plan()
    ledger.planned.set(schedule, [...ledger.planned.get(schedule) ?? [], plan])
    world.note(`planner: ${mode} ${schedule}`, JSON.stringify(plan))
    const enabled = mode === 'create' || this.#dice.chance(0.8) ? null : this.#dice.chance(0.5)
    const event = { type: 'schedule.saved', schedule, mode, by: 'planner', plan, workflowName: null, enabled } as const
    this.#ask((reply) => ({ ...event, reply }), (answer) => {
      // What is changed and deleted in one turn is acknowledged, and gone.
      const known = answer.type !== 'schedule' || this.#leaving.has(schedule) || ledger.timetable.has(schedule)
      demand(known, 'I2', () => `${schedule} is acknowledged, and the disk knows nothing of it`)
    })
  }

  #turn(schedule: ScheduleId, enabled: boolean): void {
    this.#ask((reply) => ({ type: 'schedule.switched', reply, schedule, enabled, note: 'a note' }), (answer) => {
      if (answer.type !== 'schedule') return
      demand(answer.schedule.enabled === enabled, 'I25', () => `${schedule} was asked to be ${enabled} and is not`)
    })
  }

  #trigger(schedule: ScheduleId): void {
    const { ledger } = this.#options
    const job = `by-hand-${++this.#requests}` as JobId
    ledger.asked.set(job, { job, trigger: null, order: null, retryOf: null })
    this.#ask((reply) => ({ type: 'schedule.triggered', reply, schedule, job, by: 'planner', key: null }), (answer) => {
      if (answer.type === 'job') ledger.acknowledged.add(job)
      else if (answer.type === 'refusal' && answer.refusal.refused !== 'UNAVAILABLE') ledger.refused.add(job)
    })
  }

  #plan(): Plan {
    const dice = this.#dice
    const now = this.#options.server.clock()
    const once = dice.chance(0.15)
    const pattern = dice.pick(Object.keys(PATTERNS)) ?? ''
    // Every few seconds a job that is not held back would drown everything else.
    const overlaps = pattern.split(' ').length === 6 ? ['skip', 'queue_one'] as const : OVERLAPS
    return {
      name: 'a plan',
      workflow_id: dice.pick(FLOWS) as string as WorkflowId,
      frequency: once ? 'once' : 'cron',
      cron_expression: once ? '' : pattern,
      run_at: once ? now + dice.whole(1_000, 20 * MINUTE) : null,
      timezone: dice.pick(Object.keys(ZONES)) ?? 'UTC',
      start_at: !once && dice.chance(0.1) ? now + dice.whole(-MINUTE, 20 * MINUTE) : null,
      end_at: !once && dice.chance(0.1) ? now + dice.whole(61 * MINUTE, 120 * MINUTE) : null,
      parameters: JSON.stringify({ plan: dice.whole(1, 3) }) as JsonText,
      priority: dice.pick([0, 1, 1, 2]),
      robot_id: dice.chance(0.1) ? dice.pick(this.#options.robots) ?? null : null,
      environment: '',
      pool: null,
      jitter_ms: dice.chance(0.3) ? dice.whole(1, 10 * MINUTE) : 0,
      misfire: dice.pick(['run_once', ...MISFIRES]),
      misfire_grace_ms: dice.chance(0.3) ? dice.whole(0, 30 * MINUTE) : null,
      overlap: dice.pick<Plan['overlap']>(overlaps),
    }
  }

  #ask(make: (reply: ReplyId) => Request, answered: (answer: Answer) => void): void {
    this.#options.server.request(make(this.#reply()), (answer) => {
      if (answer !== 'lost') answered(answer)
    })
  }

  /** Asks until there is an answer that is not "later". */
  #insist(make: (reply: ReplyId) => Request): void {
    this.#options.server.request(make(this.#reply()), (answer) => {
      const unsure = answer === 'lost' || (answer.type === 'refusal' && answer.refusal.refused === 'UNAVAILABLE')
      if (unsure) this.#options.world.after(this.#dice.spread(500, 5_000), () => this.#insist(make))
    })
  }

  #reply(): ReplyId {
    return `planner-${++this.#requests}` as ReplyId
  }
}
