import type { JobId, Millis, RobotId } from '../../core/ids.ts'
import type { Outgoing } from '../../core/protocol/message.ts'
import { backoffMs } from '../../robot/backoff.ts'
import type { Dice } from './dice.ts'
import type { Ledger } from './ledger.ts'
import type { Network } from './network.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

/**
 * The three kinds of robots in the field. `sdk`: ours; echoes attempts, keeps results until they are known to be safe.
 * `ws` and `rc`: the original clients; no attempts, and results while offline are dropped. `ws` knows no tags, only
 * notes a pause, and says nothing about a job that it does not know; `rc` keeps to a pause, and confirms everything.
 */
export const KINDS = ['sdk', 'sdk', 'sdk', 'ws', 'rc'] as const
export type Kind = (typeof KINDS)[number]

export interface Shape {
  readonly environment: string
  readonly slots: number
  readonly tags: readonly string[]
  readonly capabilities: Readonly<Record<string, unknown>>
}

/** What a simulated robot is made of. */
export interface RobotOptions {
  readonly world: World
  readonly weather: Weather
  readonly ledger: Ledger
  readonly network: Network
  readonly id: RobotId
  readonly kind: Kind
  readonly shape: Shape
  readonly key: string
}

/** How long a robot waits before it connects again, after so many failures in a row. */
export function reconnectMs(kind: Kind, failures: number, dice: Dice): Millis {
  if (kind === 'sdk') return backoffMs(failures, 500, 60_000, () => dice.between(0, 1))
  return kind === 'rc' ? 5_000 : Math.min(5_000 * 2 ** failures, 60_000)
}

/** What people told a robot to do, and what its kind makes of it. */
export class Orders {
  readonly #kind: Kind
  #told: 'work' | 'pause' | 'leave' = 'work'

  constructor(kind: Kind) {
    this.#kind = kind
  }

  /** A new process knows nothing of what the former one was told. */
  forget(): void {
    this.#told = 'work'
  }

  get leaving(): boolean {
    return this.#told === 'leave'
  }

  /** Why it takes no jobs; null while it does. The `ws` client never gives a reason but its slots. */
  closedBecause(rests: boolean): string | null {
    if (this.#kind === 'ws') return null
    if (this.leaving) return 'Robot is shutting down'
    return this.#told === 'pause' || rests ? 'Robot is paused' : null
  }

  /** The `ws` client only notes it; one that is leaving leaves. */
  hear(word: 'pause' | 'resume'): void {
    if (this.#kind !== 'ws' && !this.leaving) this.#told = word === 'pause' ? 'pause' : 'work'
  }

  /**
   * Whether it leaves at once. If gracefully, `ws` does, `rc` only pauses, and ours leaves when its jobs are done; if
   * not, `ws` goes on until its line breaks, `rc` leaves, and ours breaks its jobs off.
   */
  shutDown(graceful: boolean): boolean {
    if (this.#kind === 'rc' && graceful) this.#told = 'pause'
    if (this.#kind === 'sdk' || (this.#kind === 'ws' && !graceful)) this.#told = 'leave'
    return this.#kind === 'ws' ? graceful : this.#kind === 'rc' && !graceful
  }
}

/** What a robot says of itself when it registers. */
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

/** What a robot says of itself in a heartbeat; `count` is a wrong number of jobs, or null. */
export function statusOf(
  { id, kind, shape, closedBecause }: Pick<RobotOptions, 'id' | 'kind' | 'shape'> & {
    readonly closedBecause: string | null
  },
  active: JobId[],
  count: number | null,
): Outgoing<'heartbeat'>['payload'] {
  const status = closedBecause !== null ? 'paused' : kind === 'sdk' && active.length >= shape.slots ? 'busy' : 'online'
  return { robot_id: id, status, current_jobs: count ?? active.length, active_job_ids: active }
}

/** A message in a few words, for the trace. */
export function inShort({ type, payload }: Outgoing): string {
  const job = 'job_id' in payload ? ` ${payload.job_id}` : ''
  const attempt = 'attempt' in payload && payload.attempt !== undefined ? ` attempt ${payload.attempt}` : ''
  const jobs = 'active_job_ids' in payload ? ` [${payload.active_job_ids?.join(' ')}]` : ''
  return `${type}${job}${attempt}${jobs}`
}

/**
 * Which heartbeat an acknowledgement is for, read as it stands. Most of what robots hear is this, and always in one form:
 * one in five is left to the decoder that the SDK has, which is null here, as for every other message.
 */
export function ackIn(text: string): string | null {
  if (!text.startsWith('{"type":"heartbeat_ack"') || text.charCodeAt(text.length - 3) % 8 === 0) return null
  return ACKNOWLEDGED.exec(text)?.[1] ?? null
}

const ACKNOWLEDGED = /"correlation_id":"([^"\\]+)"\}$/
