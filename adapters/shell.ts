import type { Answer, Call, Effects, Found, Need, Send, Warning } from '../core/effects.ts'
import type { Receipt } from '../core/receipt.ts'
import type { Millis, SocketId } from '../core/ids.ts'
import { refuse } from '../core/protocol/refusal.ts'
import type { RobotSocket } from './socket.ts'

/** A connection that is open still though memory has gone, and what it carries. */
export interface Carried {
  readonly socket: RobotSocket
  readonly text: string | null
}

/** What waiting requests hear when a turn has failed. */
export const UNAVAILABLE: Answer = {
  type: 'refusal',
  refusal: refuse('UNAVAILABLE', 'The store could not take this now; whether it took effect is not certain'),
}

/** What the pump asks of the world, and all that it asks. The simulator's is a fake; a fleet's is the real one. */
export interface Shell {
  /** The present instant. Less than it was before only once `clockSet` has said so. */
  now(): Millis
  /** By how much the clock was set since this was last asked: `now` is by so much later, or earlier. 0: it was not. */
  clockSet(): Millis
  /** What the events of a turn may touch outside memory. */
  find(need: Need): Found | Promise<Found>
  /** Makes a turn durable. Throws when that is not certain. */
  commit(out: Effects): Receipt | Promise<Receipt>
  /** Says something to a robot or answers a request. Never throws; whoever is gone hears nothing. */
  deliver(send: Send): void
  /**
   * Makes a request to another system, and pushes `delivery.tried` with what became of it. Never throws. What is under way
   * when the process ends is made again by the next one.
   */
  call(call: Call): void
  /** Writes a line into the log. Left out where nobody reads it. */
  warn?(warning: Warning): void
  /** Has a socket carry what it is restored from. Left out where memory and sockets go together. */
  attach?(socket: SocketId, text: string | null): void
  /** Sets the one alarm; null: none. A later call replaces an earlier one. */
  wake(at: Millis | null): void
  /** Runs the function once the frames and requests that have arrived already have been read, and not before so long. */
  soon(run: () => void, ms?: Millis): void
  /** A turn could not be completed. Memory and disk may differ: nothing more may be done with this state. */
  failed(error: unknown): void
}
