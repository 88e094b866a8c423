import type { JobId, Millis, RobotId } from '../../../core/base/ids.ts'
import type { Outgoing } from '../../../core/protocol/message.ts'
import { backoffMs } from '../../../robot/backoff.ts'
import type { Callers } from './callers.ts'
import type { Chance } from '../world/chance.ts'
import type { Truth } from '../truth/truth.ts'
import type { Network } from '../world/network.ts'
import type { Faults } from '../world/faults.ts'
import type { World } from '../world/world.ts'

/**
 * The three models of robots in the field. `sdk`: ours; echoes offers, keeps results until they are known to be safe.
 * `ws` and `rc`: the original clients; no offers, and results while offline are dropped. `ws` knows no tags, only
 * notes a pause, and says nothing about a job that it does not know; `rc` keeps to a pause, and confirms everything.
 */
export const ROBOT_MODELS = ['sdk', 'sdk', 'sdk', 'ws', 'rc'] as const
export type RobotModel = (typeof ROBOT_MODELS)[number]

export interface Shape {
  readonly environment: string
  readonly slots: number
  readonly tags: readonly string[]
  readonly capabilities: Readonly<Record<string, unknown>>
}

/** The properties of a simulated robot. */
export interface RobotOptions {
  readonly world: World
  readonly faults: Faults
  readonly truth: Truth
  readonly network: Network
  readonly callers: Pick<Callers, 'wantsTo' | 'callFor'>
  readonly id: RobotId
  readonly model: RobotModel
  readonly shape: Shape
  readonly key: string
}

/** A robot as its jobs see it. */
export interface Colleague {
  readonly id: RobotId
  readonly model: RobotModel
  readonly shape: Shape
  /** The reason why it takes no jobs; null while it does. */
  readonly refusalReason: string | null
  nextId(): string
  /** Says something, if it is registered. Returns the message's id, or null when it did not leave. */
  send(message: Outgoing, id?: string): string | null
  /** Does something later, unless its process has ended by then. */
  later(ms: Millis, run: () => void): void
  heartbeatSoon(): void
  /** Its last job has ended. */
  idle(): void
}

/** Milliseconds before a robot reconnects, after so many failures in a row. */
export function reconnectMs(model: RobotModel, failures: number, chance: Chance): Millis {
  if (model === 'sdk') return backoffMs(failures, 500, 60_000, () => chance.between(0, 1))
  return model === 'rc' ? 5_000 : Math.min(5_000 * 2 ** failures, 60_000)
}

/** The commands that a robot got, and the reaction of its model. */
export class Controls {
  readonly #model: RobotModel
  #command: 'work' | 'pause' | 'leave' = 'work'

  constructor(model: RobotModel) {
    this.#model = model
  }

  /** A new process does not know the commands that the former one got. */
  forget(): void {
    this.#command = 'work'
  }

  get leaving(): boolean {
    return this.#command === 'leave'
  }

  /** The reason why it takes no jobs; null while it does. The `ws` client only ever gives full slots as a reason. */
  refusalReason(rests: boolean): string | null {
    if (this.#model === 'ws') return null
    if (this.leaving) return 'Robot is shutting down'
    return this.#command === 'pause' || rests ? 'Robot is paused' : null
  }

  /** The `ws` client only notes it; one that is leaving leaves. */
  apply(word: 'pause' | 'resume'): void {
    if (this.#model !== 'ws' && !this.leaving) this.#command = word === 'pause' ? 'pause' : 'work'
  }

  /**
   * Returns true if it leaves at once. Asked gracefully, `ws` does, `rc` only pauses, and ours leaves when its jobs are
   * done; otherwise `ws` continues until its connection breaks, `rc` leaves, and ours aborts its jobs.
   */
  shutDown(graceful: boolean): boolean {
    if (this.#model === 'rc' && graceful) this.#command = 'pause'
    if (this.#model === 'sdk' || (this.#model === 'ws' && !graceful)) this.#command = 'leave'
    return this.#model === 'ws' ? graceful : this.#model === 'rc' && !graceful
  }
}

/** The registration of a robot. */
export function registration(
  id: RobotId,
  shape: Shape,
  key: string | undefined,
  memory: Outgoing<'register'>['payload']['memory'],
): Outgoing<'register'>['payload'] {
  return {
    robot_id: id,
    robot_name: `Robot ${id}`,
    environment: shape.environment,
    max_concurrent_jobs: shape.slots,
    tags: [...shape.tags],
    capabilities: { ...shape.capabilities },
    auth_token: key,
    memory,
  }
}

/** The content of a robot's heartbeat; `count` is a wrong number of jobs, or null. */
export function statusOf(
  { id, model, shape, refusalReason }: Pick<RobotOptions, 'id' | 'model' | 'shape'> & {
    readonly refusalReason: string | null
  },
  active: JobId[],
  count: number | null,
): Outgoing<'heartbeat'>['payload'] {
  const status = refusalReason !== null ? 'paused' : model === 'sdk' && active.length >= shape.slots ? 'busy' : 'online'
  return { robot_id: id, status, current_jobs: count ?? active.length, active_job_ids: active }
}

/**
 * The heartbeat that an acknowledgement answers, read from the text without parsing. Most messages to robots are of
 * this form: one in five is left to the SDK's decoder, for which this returns null, as for every other message.
 */
export function acknowledgedIn(text: string): string | null {
  if (!text.startsWith('{"type":"heartbeat_ack"') || text.charCodeAt(text.length - 3) % 8 === 0) return null
  return ACKNOWLEDGED.exec(text)?.[1] ?? null
}

const ACKNOWLEDGED = /"correlation_id":"([^"\\]+)"\}$/

/** More than ten times what a robot may say where that is little. */
export const CHATTER = 120

/** The longest that a job may take here, so that those who wait for all of them know how long. */
export const LONGEST_MS: Millis = 900_000

/** The first is taken for transient. */
export const ERRORS = ['ConnectionError', 'ConnectionError', 'BusinessError', ''] as const
