import type { ReplyId, RobotId, SecretHash, SocketId, WorkflowId } from '../base/ids.ts'

/** A connection was opened. */
export interface SocketOpened {
  readonly type: 'socket.opened'
  readonly socket: SocketId
  readonly credential: SecretHash | null
  /** The robot in the address; absent if the address names none. */
  readonly robot?: RobotId | null
  /** The network of the peer; absent if it is unknown. */
  readonly network?: string | null
}

export interface ControlRequested {
  readonly type: 'control.requested'
  readonly reply: ReplyId
  readonly robot: RobotId
  readonly control: 'pause' | 'resume' | 'shutdown'
  /** For a shutdown: running jobs may end first. */
  readonly graceful: boolean
}

export interface RobotSaved {
  readonly type: 'robot.saved'
  readonly reply: ReplyId
  readonly robot: RobotId
  /** `create`: the id must be new. `update`: it must exist. `upsert`: either. */
  readonly mode: 'create' | 'update' | 'upsert'
  readonly name: string
  readonly environment: string
  readonly max_concurrent_jobs: number
  readonly tags: readonly string[]
  readonly capabilities: Readonly<Record<string, unknown>>
}

export interface PoolSaved {
  readonly type: 'pool.saved'
  readonly reply: ReplyId
  readonly name: string
  readonly tags: readonly string[]
  readonly max_concurrent: number | null
  readonly workflows: readonly WorkflowId[]
}
