import type { JobId, JsonText, Millis, ReplyId, RobotId } from '../../../core/base/ids.ts'
import type { JobRow } from '../../../core/records/job.ts'
import type { Chance } from '../world/chance.ts'
import { BY, KEY } from '../world/givens.ts'
import type { CallTruth } from '../truth/chain-truth.ts'
import type { Truth } from '../truth/truth.ts'
import { callIsAnswered } from '../rules/calls.ts'
import { chainConfigOf } from '../rules/chain-config.ts'
import { refusalIsEarned } from '../rules/rates.ts'
import { demand } from '../violation.ts'
import type { Faults } from '../world/faults.ts'
import type { Server } from '../world/server.ts'
import type { World } from '../world/world.ts'
import { ALIASES } from './integrator.ts'

export interface CallersOptions {
  readonly world: World
  readonly faults: Faults
  readonly truth: Truth
  readonly server: Server
}

/** A job that calls, by which offer its robot has it, and whether it is at work still. */
export interface CallingJob {
  readonly robot: RobotId
  readonly job: JobId
  readonly offer: number
  readonly lives: () => boolean
}

const MINUTE: Millis = 60_000

/** Jobs, and now and then people, who call workflows by their alias and wait for the outcome, as `robot/calls.ts` does. */
export class Callers {
  readonly #options: CallersOptions
  readonly #chance: Chance
  #requests = 0

  constructor(options: CallersOptions) {
    this.#options = options
    this.#chance = options.world.chance('callers')
  }

  /** Draws whether a job calls before it ends. */
  wantsTo(): boolean {
    const rate = this.#options.faults.rates('chaining')
    return rate > 0 && this.#chance.happens(0.1 + rate / 200)
  }

  /** A job calls. Once it knows what came of that, or has waited long enough, it goes on. */
  callFor({ robot, job, offer, lives }: CallingJob, goesOn: (outcome: string) => void): void {
    const { truth, world } = this.#options
    const by = this.#keyOf(robot)
    if (by === undefined) return goesOn('has no key')
    // A robot that is mistaken, or means no good, names a job that another one runs.
    const other = this.#chance.happens(0.1) ? this.#chance.pick([...truth.live]) : undefined
    const call = this.#newCall(this.#alias(), other ?? job, robot, by)
    const until = world.now + this.#chance.spread(MINUTE / 2, 10 * MINUTE)
    this.#send(call, `call ${job}:${offer}:1`, () => {
      if (!lives()) return 'is gone'
      return world.now < until ? null : 'gave up'
    }, goesOn)
  }

  /** A person calls, for nobody or in the name of a job that lives, and waits. */
  callByHand(): void {
    const { truth, world } = this.#options
    const parent = this.#chance.happens(0.5) ? null : this.#chance.pick([...truth.live]) ?? null
    const call = this.#newCall(this.#alias(), parent, null, { name: BY, key: KEY })
    const until = world.now + this.#chance.spread(MINUTE, 60 * MINUTE)
    this.#send(call, `call ${++this.#requests}`, () => (world.now < until ? null : 'gave up'), () => {})
  }

  /** Mostly a name by which a workflow is called just now. */
  #alias(): string {
    const named = [...this.#options.truth.chains.triggers.values()].flatMap((row) =>
      chainConfigOf(row).call_alias ?? []
    )
    const known = named.length > 0 && this.#chance.happens(0.9) ? named : [...ALIASES, 'nothing']
    return this.#chance.pick(known) ?? 'nothing'
  }

  #newCall(alias: string, parent: JobId | null, robot: RobotId | null, by: CallTruth['by']): CallTruth {
    this.#options.world.note(`callers: ${by.name} calls ${alias} for ${parent}`)
    return { alias, parent, robot, by, child: null, outcome: null, over: false }
  }

  /** `stops` says why nobody waits any more; null while somebody does. */
  #send(call: CallTruth, key: string, stops: () => string | null, goesOn: (outcome: string) => void): void {
    const { truth, server, world, faults } = this.#options
    const job = `called-${++this.#requests}` as JobId
    const reply = `callers-${this.#requests}` as ReplyId
    truth.chains.calls.set(job, call)
    truth.requests.set(job, { job, trigger: null, submission: null, retryOf: null })
    const again = (): void => {
      const why = stops()
      if (why !== null) return this.#stop(call, why, goesOn)
      world.after(this.#chance.spread(500, 15_000), () => {
        world.mark('call sent again')
        this.#send(call, key, stops, goesOn)
      })
    }
    const payload = '{"called":true}' as JsonText
    server.request({
      type: 'workflow.called',
      reply,
      job,
      alias: call.alias,
      by: call.by,
      robot: call.robot,
      parent: call.parent,
      payload,
      idempotency: { key, fingerprint: payload },
    }, (answer) => {
      if (answer !== 'lost') callIsAnswered(truth, call, job, answer)
      if (answer === 'lost' || this.#chance.happens(faults.rates('lostAnswer'))) return again()
      if (answer.type !== 'refusal') return this.#wait(call, 1_000, stops, goesOn)
      const { refused } = answer.refusal
      world.note(`callers: ${job} is refused: ${refused}`)
      if (call.robot === null) refusalIsEarned(truth, null, answer)
      if (refused === 'UNAVAILABLE' || refused === 'RATE_LIMITED') return again()
      if (refused === 'CALL_TOO_DEEP' || refused === 'CALL_TOO_WIDE') world.mark('call refused for its family')
      this.#stop(call, refused, goesOn)
    })
  }

  /** Looks now and then whether the called job has ended, over restarts of the server. */
  #wait(call: CallTruth, ms: Millis, stops: () => string | null, goesOn: (outcome: string) => void): void {
    const { truth, world, server } = this.#options
    const row: JobRow | undefined = call.child === null ? undefined : truth.disk.tables.jobs.get(call.child)
    demand(row !== undefined, 'I49', () => `${call.child} was called, and is not on the disk`)
    const why = stops()
    if (why !== null) return this.#stop(call, why, goesOn)
    if (row.completed_at === null || !server.isUp) {
      world.after(ms, () => this.#wait(call, Math.min(2 * ms, MINUTE / 2), stops, goesOn))
      return
    }
    demand(call.outcome === null, 'I49', () => `${row.id} has had an outcome before: ${call.outcome}`)
    call.outcome = row.status
    world.note(`callers: ${row.id} is ${row.status}`)
    world.mark('caller has its outcome')
    goesOn(row.status)
  }

  #stop(call: CallTruth, why: string, goesOn: (outcome: string) => void): void {
    call.over = true
    if (why === 'gave up') this.#options.world.mark('caller gave up')
    goesOn(why)
  }

  /** The robot's key that holds now. */
  #keyOf(robot: RobotId): CallTruth['by'] | undefined {
    for (const { id, name, robot_id, revoked_at } of this.#options.truth.disk.tables.keys.values()) {
      if (robot_id === robot && revoked_at === null) return { name, key: id }
    }
    return undefined
  }
}
