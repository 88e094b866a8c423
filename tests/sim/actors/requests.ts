import type { ReplyId } from '../../../core/base/ids.ts'
import type { Event } from '../../../core/events/index.ts'
import type { Reply } from '../../../core/reply.ts'
import type { Chance } from '../world/chance.ts'
import type { Server } from '../world/server.ts'
import type { World } from '../world/world.ts'

type Request = Event & { readonly reply: ReplyId }

export interface RequestsOptions {
  readonly world: World
  readonly server: Server
}

/** The requests of one actor, with the ids of their answers. */
export class Requests {
  readonly #options: RequestsOptions
  readonly #chance: Chance
  readonly #name: string
  #made = 0

  /** `name` begins every id. */
  constructor(name: string, options: RequestsOptions, chance: Chance) {
    this.#name = name
    this.#options = options
    this.#chance = chance
  }

  /** A number that this actor has not used before, in a request or otherwise. */
  next(): number {
    return ++this.#made
  }

  /** Asks once. An answer that is lost is not reported. */
  once(make: (reply: ReplyId) => Request, answered: (answer: Reply) => void = () => {}): void {
    this.#options.server.request(make(this.#reply()), (answer) => {
      if (answer !== 'lost') answered(answer)
    })
  }

  /** Asks until there is an answer that is not "later". */
  untilAnswered(make: (reply: ReplyId) => Request, answered: (answer: Reply) => void = () => {}): void {
    this.#options.server.request(make(this.#reply()), (answer) => {
      const unsure = answer === 'lost' || (answer.type === 'refusal' && answer.refusal.refused === 'UNAVAILABLE')
      if (!unsure) return answered(answer)
      this.#options.world.after(this.#chance.spread(500, 5_000), () => this.untilAnswered(make, answered))
    })
  }

  #reply(): ReplyId {
    return `${this.#name}-${this.next()}` as ReplyId
  }
}
