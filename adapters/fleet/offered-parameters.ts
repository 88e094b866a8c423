import { assert } from '../../core/base/assert.ts'
import type { JobId, JsonText } from '../../core/base/ids.ts'
import { exceedsBytes } from '../../core/base/text.ts'
import { PARAMETERS_IN_MEMORY_BYTES } from '../../core/settings.ts'
import { fromText } from '../../core/base/json.ts'
import { type Prefetched, prefetchOf } from '../../core/prefetch.ts'
import { isLive, isOffered } from '../../core/records/job.ts'
import { type StoredParameters, wholeParameters } from '../../core/records/parameters.ts'
import type { Effects, Send } from '../../core/turn.ts'
import type { Ports } from './ports.ts'

/** The characters of parameters that are cached. V8 keeps most texts in a byte for each. */
export const CACHED_CHARS_MAX = 16 << 20

/** The bytes of parameters that are read at a time, if they are of more than one job. */
const PORTION_BYTES_MAX = 4 << 20

/**
 * The parameters that offers need and memory lacks. Those of jobs that have just been created are cached, up to a number
 * of characters: the oldest are dropped. The others are read from the store.
 */
export class OfferedParameters {
  readonly #prefetch: Ports['prefetch']
  readonly #cached = new Map<JobId, JsonText>()
  #chars = 0

  constructor(prefetch: Ports['prefetch']) {
    this.#prefetch = prefetch
  }

  /** The number of cached characters. */
  get cachedChars(): number {
    return this.#chars
  }

  /** Begins to read what the offers of a turn lack, and caches what it has created. To be called after its commit was. */
  ofTurn(out: Effects): TurnParameters | null {
    for (const id of out.created) this.#cache(id, out)
    if (out.lacks.length === 0) return null
    const known = new Map<JobId, JsonText>()
    for (const { job } of out.lacks) {
      const text = this.#cached.get(job)
      if (text === undefined) continue
      known.set(job, text)
      this.#drop(job, text)
    }
    return new TurnParameters(this.#prefetch, known, out.lacks.filter(({ job }) => !known.has(job)))
  }

  #cache(id: JobId, { rows }: Effects): void {
    const job = rows.jobs.get(id)
    // An offer of this turn has them.
    if (job === undefined || isOffered(job) || !isLive(job.status)) return
    const text = wholeParameters(job)
    if (!exceedsBytes(text, PARAMETERS_IN_MEMORY_BYTES) || text.length > CACHED_CHARS_MAX) return
    this.#cached.set(id, text)
    this.#chars += text.length
    for (const [oldest, its] of this.#cached) {
      if (this.#chars <= CACHED_CHARS_MAX) break
      this.#drop(oldest, its)
    }
  }

  #drop(job: JobId, text: JsonText): void {
    this.#cached.delete(job)
    this.#chars -= text.length
  }
}

/** The parameters that the offers of one turn lack. They are read in portions, the first at once. */
export class TurnParameters {
  readonly #prefetch: Ports['prefetch']
  readonly #known: ReadonlyMap<JobId, JsonText>
  readonly #portions: readonly JobId[][]
  #next = 0
  #reading: Prefetched | Promise<Prefetched> | null = null
  #read: Prefetched['jobs'] = new Map()

  constructor(
    prefetch: Ports['prefetch'],
    known: ReadonlyMap<JobId, JsonText>,
    missing: readonly StoredParameters[],
  ) {
    this.#prefetch = prefetch
    this.#known = known
    this.#portions = portionsOf(missing)
    this.#begin()
  }

  /** Puts what a message lacks into it, at once if that has been read. Messages must be given in their order. */
  complete(send: Send): Send | Promise<Send> {
    if (!('parameters' in send) || send.parameters === undefined) return send
    const { job } = send.parameters
    const text = this.#knownText(job)
    return text === undefined
      ? this.#readText(job).then((read) => withParameters(send, read))
      : withParameters(send, text)
  }

  #knownText(id: JobId): JsonText | undefined {
    const job = this.#read.get(id)
    return job === undefined ? this.#known.get(id) : wholeParameters(job)
  }

  async #readText(id: JobId): Promise<JsonText> {
    for (;;) {
      assert(this.#reading !== null, 'a job that is offered is stored')
      this.#read = (await this.#reading).jobs
      this.#begin()
      const text = this.#knownText(id)
      if (text !== undefined) return text
    }
  }

  #begin(): void {
    const portion = this.#portions[this.#next++]
    this.#reading = portion === undefined ? null : this.#prefetch(prefetchOf({ jobs: portion }))
    // It is awaited in its order.
    if (this.#reading instanceof Promise) this.#reading.catch(() => {})
  }
}

function withParameters(send: Send, text: JsonText): Send {
  if (!('message' in send)) return send
  const { to, socket, message } = send
  return { to, socket, message: { ...message, payload: { ...message.payload, parameters: fromText(text) } } } as Send
}

function portionsOf(missing: readonly StoredParameters[]): readonly JobId[][] {
  const portions: JobId[][] = []
  let portion: JobId[] = []
  let size = 0
  for (const { job, bytes } of missing) {
    if (portion.length > 0 && size + bytes > PORTION_BYTES_MAX) {
      portions.push(portion)
      portion = []
      size = 0
    }
    portion.push(job)
    size += bytes
  }
  return portion.length === 0 ? portions : [...portions, portion]
}
