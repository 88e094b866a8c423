import { hashOf } from '../../../adapters/crypto/secrets.ts'
import type { RobotId, SecretHash } from '../../../core/base/ids.ts'
import type { Chance } from '../world/chance.ts'
import type { Truth } from '../truth/truth.ts'
import type { Connection, Network } from '../world/network.ts'
import type { World } from '../world/world.ts'
import { Violation } from '../violation.ts'
import { FRESH } from '../world/givens.ts'

export interface HostileOptions {
  readonly world: World
  readonly truth: Truth
  readonly network: Network
  readonly id: RobotId
  readonly credential: SecretHash
  /** The robots whose jobs it meddles with. */
  readonly others: readonly RobotId[]
}

const TYPES = ['job_accept', 'job_reject', 'job_progress', 'job_complete', 'job_failed', 'job_cancelled'] as const

/** More than ten times what a robot may say where that is little. */
const FLOOD = 150

/** Frames that are invalid, or nearly so. */
const GARBAGE = [
  '',
  'null',
  '[]',
  '{"type":"job_complete"}',
  '{"type":"toString","payload":{}}',
  '{"type":"register","payload":{"robot_id":7}}',
  '{"type":"heartbeat","payload":{"robot_id":"mallory","active_job_ids":[{}]}}',
  '{"type":"job_progress","payload":{"job_id":"job-1","robot_id":"mallory","progress":NaN}}',
  '{"type":"job_accept","payload":{"job_id":"job-1","robot_id":"mallory","offer":-1}}',
  '{"type":"job_complete","payload":{"job_id":"\\u0000","robot_id":"mallory"}}',
  `${'['.repeat(500)}${']'.repeat(500)}`,
  `{"type":"log_entry","payload":{"job_id":"job-1","robot_id":"mallory","level":"x","message":"${'y'.repeat(5_000)}"}}`,
] as const

/**
 * R8: a robot with a valid key of its own and no slots, which therefore never has a job. It sends arbitrary messages
 * about the jobs of others. None of them may change anything, and since it never does any work, every rule that
 * compares a row with what a robot really did would notice.
 */
export class Hostile {
  readonly #options: HostileOptions
  readonly #chance: Chance
  /** A separate generator, so that its other messages do not depend on it. */
  readonly #disguise: Chance
  #connection: Connection | null = null

  constructor(options: HostileOptions) {
    this.#options = options
    this.#chance = options.world.chance('hostile')
    this.#disguise = options.world.chance('disguise')
  }

  /** Sends a message if connected; connects otherwise. Now and then it claims to be another robot. */
  strike(): void {
    const { network, id, credential } = this.#options
    if (this.#disguise.happens(0.05)) this.#pretend()
    if (this.#connection?.openAtRobot === true) {
      for (let left = this.#chance.happens(0.03) ? FLOOD : 1; left > 0; left--) this.#transmit(this.#frame())
      return
    }
    this.#connection = network.connect(id, credential, {
      opened: () => this.#register(id),
      received: () => {},
      closed: () => {
        this.#connection = null
      },
    })
  }

  /** Registers as another robot, with a key that would do for a new one, and reports its jobs at once. */
  #pretend(): void {
    const { network, id, others, truth, world } = this.#options
    const robot_id = this.#disguise.pick(others) ?? id
    const connection = network.connect(id, hashOf(FRESH), {
      opened: () => {
        say('register', { max_concurrent_jobs: 5 })
        say('heartbeat', { active_job_ids: [] })
        for (const job_id of truth.live) say('job_complete', { job_id, result: { stolen: true } })
      },
      received: (text) => {
        const [, success] = /"success":(true|false)/.exec(text) ?? []
        if (success === 'true') throw new Violation('I41', `a key for a new robot has let ${id} in as ${robot_id}`)
        if (success === 'false') world.mark('impostor turned away')
      },
      closed: () => {},
    })
    const say = (type: string, more: object): void => {
      world.note(`hostile: ${type} as ${robot_id}`)
      connection?.sendToServer(JSON.stringify({ type, payload: { robot_id, ...more } }))
    }
  }

  #register(robot: RobotId): void {
    this.#transmit(JSON.stringify({ type: 'register', payload: { robot_id: robot, max_concurrent_jobs: 0 } }))
  }

  #transmit(text: string): void {
    this.#options.world.note(`hostile: ${text.slice(0, 200)}`)
    this.#connection?.sendToServer(text)
  }

  #frame(): string {
    const { id, others, truth } = this.#options
    if (this.#chance.happens(0.2)) return this.#chance.pick(GARBAGE)
    const robot_id = this.#chance.happens(0.5) ? id : this.#chance.pick(others) ?? id
    const jobs = [...truth.live]
    if (this.#chance.happens(0.1)) {
      return JSON.stringify({ type: 'register', payload: { robot_id, max_concurrent_jobs: 0 } })
    }
    if (this.#chance.happens(0.15)) {
      const payload = { robot_id, status: 'paused', active_job_ids: this.#chance.some(jobs, 0.5) }
      return JSON.stringify({ type: this.#chance.pick(['heartbeat', 'status_response']), payload })
    }
    const job_id = this.#chance.pick(jobs) ?? 'job-1'
    const offer = this.#chance.happens(0.5) ? truth.disk.tables.jobs.get(job_id)?.offer || 1 : undefined
    const rest = { progress: this.#chance.pick([-5, 50, 1e9, 99.5]), result: { stolen: true }, error_message: 'broken' }
    return JSON.stringify({ type: this.#chance.pick(TYPES), payload: { job_id, robot_id, offer, ...rest } })
  }
}
