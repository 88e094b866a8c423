import type { Reply } from '../../core/reply.ts'
import type { ReplyId } from '../../core/base/ids.ts'
import { UNAVAILABLE } from './ports.ts'

/** The open requests of a fleet. Each waits for the answer of the turn that processes its event. */
export class Replies {
  readonly #open = new Map<ReplyId, (answer: Reply) => void>()

  /** Opens a request. Resolves with its answer; never rejects. */
  open(reply: ReplyId): Promise<Reply> {
    return new Promise((resolve) => void this.#open.set(reply, resolve))
  }

  /** Answers a request, once. */
  answer(reply: ReplyId, answer: Reply): void {
    this.#open.get(reply)?.(answer)
    this.#open.delete(reply)
  }

  /** Answers all of them UNAVAILABLE: the state that should have answered is gone. */
  abandon(): void {
    for (const answer of this.#open.values()) answer(UNAVAILABLE)
    this.#open.clear()
  }
}
