import { stringifyExact } from '../core/base/exact.ts'
import { retryAfterSeconds } from '../core/base/retry-after.ts'
import type { BatchOutcome } from '../core/api/jobs.ts'
import { BATCH_BYTES_MAX, BATCH_JOBS_MAX } from '../core/api/paths.ts'
import { CasareError } from './errors.ts'
import { newIdempotencyKey } from './idempotency.ts'
import { type Answer, type CallOptions, isPassing, type Transport } from './transport.ts'

/** The requests with submissions that are under way at a time. What is submitted meanwhile waits, and shares the next one. */
const REQUESTS_MAX = 4
/** UTF-8 takes at most so many bytes for a unit of UTF-16. */
const BYTES_OF_UNIT_MAX = 3
/** More than stands around a job in a batch: its key, a comma. */
const AROUND = 300
/** The keys that may stand in a batch. The orchestrator says of others what is wrong with them. */
const KEY = /^[!-~]{1,255}$/

/** The outcome of a try. */
type Outcome = Answer | CasareError

/** A submission that waits for its outcome. */
interface Call {
  /** The job as JSON. */
  readonly text: string
  readonly key: string
  readonly hasSignal: boolean
  /** The request that it is in; null while it waits for one. */
  request: SharedRequest | null
  /** Ends the call with its outcome, or throws. */
  readonly end: (outcome: Outcome) => void
  readonly fail: (cause: unknown) => void
}

/** A request that ends early once all calls in it have been aborted. */
class SharedRequest {
  readonly #controller = new AbortController()
  #left: number
  readonly signal: AbortSignal | undefined

  constructor(calls: readonly Call[]) {
    this.#left = calls.length
    this.signal = calls.every((call) => call.hasSignal) ? this.#controller.signal : undefined
  }

  leave(): void {
    if (--this.#left === 0) this.#controller.abort()
  }
}

/**
 * Submits jobs, several in a request where they are submitted at the same time. Each keeps its own idempotency key, is tried
 * again by itself, and has the outcome that it would have had alone.
 */
export class Submissions {
  readonly #transport: Transport
  readonly #path: string
  #waiting: Call[] = []
  #underWay = 0
  #isDue = false

  /** `path` is that of jobs. */
  constructor(transport: Transport, path: string) {
    this.#transport = transport
    this.#path = path
  }

  /** Resolves with the body of the answer to this job alone. */
  async submit<T>(job: object, { idempotencyKey: key = newIdempotencyKey(), signal }: SubmitOptions): Promise<T> {
    const text = stringifyExact(job)
    const once = canShare(text, key) ? () => this.#shared(text, key, signal) : () => this.#alone({ text, key }, signal)
    return await this.#transport.repeat<T>(once, { repeatable: true, signal })
  }

  #shared(text: string, key: string, signal: AbortSignal | undefined): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      // One of its own: a signal with many listeners is taken for a leak, and this one may be that of a thousand calls.
      const own = signal === undefined ? undefined : AbortSignal.any([signal])
      const aborted = (): void => {
        reject(own?.reason as Error)
        if (call.request === null) this.#waiting = this.#waiting.filter((other) => other !== call)
        else call.request.leave()
      }
      const ended = <T>(settle: (value: T) => void) => (value: T): void => {
        own?.removeEventListener('abort', aborted)
        settle(value)
      }
      const call: Call = {
        text,
        key,
        hasSignal: own !== undefined,
        request: null,
        end: ended(resolve),
        fail: ended(reject),
      }
      own?.addEventListener('abort', aborted)
      this.#waiting.push(call)
      this.#sendSoon()
    })
  }

  /** Sends what waits, if it may, after the code that is running: what that submits goes together. */
  #sendSoon(): void {
    if (this.#isDue || this.#underWay >= REQUESTS_MAX) return
    this.#isDue = true
    queueMicrotask(() => {
      this.#isDue = false
      while (this.#waiting.length > 0 && this.#underWay < REQUESTS_MAX) void this.#send(this.#take())
    })
  }

  /** Those that have waited longest, as many as a batch may have. */
  #take(): readonly Call[] {
    let units = 0
    const beyond = this.#waiting.findIndex(({ text }, i) => {
      units += text.length + AROUND
      return i === BATCH_JOBS_MAX || units * BYTES_OF_UNIT_MAX > BATCH_BYTES_MAX
    })
    return this.#waiting.splice(0, beyond === -1 ? this.#waiting.length : beyond)
  }

  async #send(calls: readonly Call[]): Promise<void> {
    this.#underWay++
    const request = new SharedRequest(calls)
    for (const call of calls) call.request = request
    try {
      const outcomes = await this.#outcomesOf(calls, request.signal)
      for (const [i, call] of calls.entries()) call.end(outcomes[i] as Outcome)
    } catch (cause) {
      for (const call of calls) call.fail(cause)
    }
    this.#underWay--
    this.#sendSoon()
  }

  /**
   * The outcomes of calls, in order. A batch that is refused as a whole may be so for the fault of one job: halves of it are
   * tried, down to each alone. What passes, and a refusal of the key, is the same for all.
   */
  async #outcomesOf(calls: readonly Call[], signal: AbortSignal | undefined): Promise<readonly Outcome[]> {
    const [first] = calls
    if (first === undefined) return []
    if (calls.length === 1) return [await this.#alone(first, signal)]
    const jobs = calls.map(({ text, key }) => withKey(text, key)).join()
    const options = { text: `{"jobs":[${jobs}]}`, query: { whole: true }, signal }
    const answer = await this.#transport.try('POST', `${this.#path}/batch`, options)
    if (!(answer instanceof CasareError)) {
      const { items = [] } = answer.body as { readonly items?: readonly BatchOutcome[] }
      return calls.map((_, i) => outcomeOf(items[i], answer))
    }
    const { status } = answer
    if (isPassing(answer) || status === 401 || status === 403) return calls.map(() => answer)
    const half = calls.length >> 1
    return [
      ...await this.#outcomesOf(calls.slice(0, half), signal),
      ...await this.#outcomesOf(calls.slice(half), signal),
    ]
  }

  #alone({ text, key }: Pick<Call, 'text' | 'key'>, signal: AbortSignal | undefined): Promise<Outcome> {
    return this.#transport.try('POST', this.#path, { text, headers: { 'Idempotency-Key': key }, signal })
  }
}

interface SubmitOptions extends CallOptions {
  readonly idempotencyKey?: string | undefined
}

/** True for an object with room for others beside it, and without a key in its body, which is no field of a job. */
function canShare(text: string | undefined, key: string): text is string {
  return text?.startsWith('{') === true && (text.length + AROUND) * BYTES_OF_UNIT_MAX <= BATCH_BYTES_MAX &&
    !text.includes('"idempotency_key"') && KEY.test(key)
}

/** The JSON of a job of a batch. */
function withKey(text: string, key: string): string {
  return `{"idempotency_key":${JSON.stringify(key)}${text === '{}' ? '' : ','}${text.slice(1)}`
}

/** The outcome of one job of a batch, as that of a request of its own. */
function outcomeOf(item: BatchOutcome | undefined, { requestId }: Answer): Outcome {
  if (item?.job !== undefined) return { body: item.job, requestId }
  if (item?.error === undefined) {
    const message = 'The answer to a batch has no outcome for this job, as that of an orchestrator has'
    return new CasareError(message, { code: 'CONNECTION_ERROR', status: 200, requestId })
  }
  const { error_code: code, error_message, details, retry_after } = item.error
  const retryAfter = retryAfterSeconds(retry_after === null ? null : String(retry_after), 0, Date.parse)
  return new CasareError(error_message, { code, status: item.status, details, retryAfter, requestId })
}
