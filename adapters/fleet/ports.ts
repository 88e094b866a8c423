import type { Reply } from '../../core/reply.ts'
import type { Effects, LogWarning, Send, WebhookRequest } from '../../core/turn.ts'
import type { Receipt } from '../../core/base/receipt.ts'
import type { Millis, SocketId } from '../../core/base/ids.ts'
import { refuse } from '../../core/base/refusal.ts'
import type { RobotSocket } from './robot-socket.ts'
import type { Prefetch, Prefetched } from '../../core/prefetch.ts'

/** A connection that is open still though memory has gone, and what it carries. */
export interface RestoredSocket {
  readonly socket: RobotSocket
  readonly snapshot: string | null
}

/** What waiting requests hear when a turn has failed. */
export const UNAVAILABLE: Reply = {
  type: 'refusal',
  refusal: refuse('UNAVAILABLE', 'The store could not take this now; whether it took effect is not certain'),
}

/** What the loop of turns asks of the world, and all that it asks. The simulator's is a fake; a fleet's is the real one. */
export interface Ports {
  /** The present instant. Less than it was before only once `clockSet` has said so. */
  now(): Millis
  /** By how much the clock was set since this was last asked: `now` is by so much later, or earlier. 0: it was not. */
  clockSet(): Millis
  /** What the events of a turn may touch outside memory. */
  prefetch(need: Prefetch): Prefetched | Promise<Prefetched>
  /** Makes a turn durable. Throws when that is not certain. */
  commit(out: Effects): Receipt | Promise<Receipt>
  /** Says something to a robot or answers a request. Never throws; whoever is gone hears nothing. */
  deliver(send: Send): void
  /**
   * Makes a request to another system, and pushes `delivery.finished` with what became of it. Never throws. What is under way
   * when the process ends is made again by the next one.
   */
  callWebhook(call: WebhookRequest): void
  /** Writes a line into the log. Left out where nobody reads it. */
  warn?(warning: LogWarning): void
  /** Has a socket carry what it is restored from. Left out where memory and sockets go together. */
  saveSnapshot?(socket: SocketId, snapshot: string | null): void
  /** Sets the one alarm; null: none. A later call replaces an earlier one. */
  setAlarm(at: Millis | null): void
  /** Runs the function once the frames and requests that have arrived already have been read, and not before so long. */
  defer(run: () => void, ms?: Millis): void
  /** A turn could not be completed. Memory and disk may differ: nothing more may be done with this state. */
  failed(error: unknown): void
}
