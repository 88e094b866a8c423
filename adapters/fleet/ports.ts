import type { Reply } from '../../core/reply.ts'
import type { Effects, LogWarning, Send, WebhookRequest } from '../../core/turn.ts'
import type { Receipt } from '../../core/base/receipt.ts'
import type { Millis, SocketId } from '../../core/base/ids.ts'
import { refuse } from '../../core/base/refusal.ts'
import type { RobotSocket } from './robot-socket.ts'
import type { Prefetch, Prefetched } from '../../core/prefetch.ts'

/** A connection that survived hibernation, with its snapshot. */
export interface RestoredSocket {
  readonly socket: RobotSocket
  readonly snapshot: string | null
}

/** The answer to waiting requests after a failed turn. */
export const UNAVAILABLE: Reply = {
  type: 'refusal',
  refusal: refuse('UNAVAILABLE', 'The store could not take this now; whether it took effect is not certain'),
}

/**
 * The most commits under way at a time, with a store whose commits overlap: those that its next transaction can take
 * together. At a moderate rate a disk is done before this many turns are stepped, so every event is in the next
 * transaction; at a higher one events collect, so that turns are large and few. Each turn more could be lost with a
 * failed commit, and is nothing that a client was told.
 */
export const COMMITS_MAX = 8

/** Everything that the turn loop needs from outside. The simulator provides a fake, a fleet the real one. */
export interface Ports {
  /** The present instant. Runs backwards only by the amount that `clockSet` has returned. */
  now(): Millis
  /** The amount by which the clock was set since the last call; 0 if it was not. `now` includes it. */
  clockSet(): Millis
  /** Fetches the rows outside memory that the events of a turn may touch. */
  prefetch(need: Prefetch): Prefetched | Promise<Prefetched>
  /** Makes a turn durable. Throws if that is not certain; then every later commit throws as well. */
  commit(out: Effects): Receipt | Promise<Receipt>
  /**
   * The most commits that may be under way at a time. Absent: one, so that `prefetch` and `saveSnapshot` see nothing
   * that is not durable.
   */
  readonly commitsMax?: number
  /** Sends a message to a robot, or answers a request. Never throws; drops the message if the receiver is gone. */
  deliver(send: Send): void
  /**
   * Sends a request to another system, and pushes `delivery.finished` with the outcome. Never throws. Requests in
   * flight when the process ends are repeated by the next one.
   */
  callWebhook(call: WebhookRequest): void
  /** Writes a line into the log. Absent if there is none. */
  warn?(warning: LogWarning): void
  /** Stores the snapshot from which a socket is restored. Absent where memory and sockets end together. */
  saveSnapshot?(socket: SocketId, snapshot: string | null): void
  /** Sets the one alarm; null cancels it. A later call replaces an earlier one. */
  setAlarm(at: Millis | null): void
  /** Runs the function once the frames and requests that have already arrived were read, and not before `ms`. */
  defer(run: () => void, ms?: Millis): void
  /** A turn failed. Memory and disk may differ, so this state must not be used any more. */
  failed(error: unknown): void
}
