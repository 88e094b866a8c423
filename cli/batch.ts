import { setTimeout } from 'node:timers/promises'
import { type BatchOutcome, type CasareClient, CasareError, type NewBatchedJob } from '../client/client.ts'
import { isExact, parseWritten } from '../core/base/exact.ts'
import { isObject } from '../core/base/json.ts'
import { BATCH_BYTES_MAX, BATCH_JOBS_MAX } from '../core/api/paths.ts'
import { note } from './print.ts'

/** More than a job may have. What is longer has no line breaks where they should be. */
const LINE_CHARS_MAX = 1 << 20
/** The tries in a row that bring nothing, before jobs that an orchestrator puts off are given up. */
const TRIES_MAX = 12
/** A longer wait is not worth it. */
const WAIT_SECONDS_MAX = 300

interface Line {
  readonly number: number
  readonly job: NewBatchedJob
  readonly bytes: number
}

/** The counts of all lines so far. */
export interface Counts {
  readonly submitted: number
  /** Of these, the jobs that an earlier run of the same command had submitted. */
  readonly before: number
  readonly refused: number
}

export interface FileOptions {
  /** Fields of every job that its line does not have. */
  readonly defaults: NewBatchedJob
  /** Begins the idempotency key of each job. Its line makes it whole. */
  readonly key: string
  /** Called with each line that is answered for good. */
  readonly answered: (line: number, outcome: BatchOutcome) => void
  /** Called after each batch. */
  readonly progressed: (counts: Counts) => void
  /** Waits; default by the clock. */
  readonly pause?: (ms: number) => Promise<unknown>
}

/**
 * Submits a job for each line of JSON, in batches: in order, and no batch before the one before it is answered. A batch
 * whose answer is lost is sent again, which makes no second job, since each line has an idempotency key. Jobs that the
 * orchestrator puts off are sent again when it says so.
 */
export class FileSubmission {
  readonly #client: CasareClient
  readonly #options: FileOptions
  readonly #extra: number
  #batch: Line[] = []
  #bytes = 0
  #counts = { submitted: 0, before: 0, refused: 0 }

  constructor(client: CasareClient, options: FileOptions) {
    this.#client = client
    this.#options = options
    this.#extra = Buffer.byteLength(JSON.stringify(options.defaults)) + Buffer.byteLength(options.key) + 100
  }

  /** Resolves with the counts once every line is answered. Throws where the orchestrator does not answer. */
  async run(chunks: AsyncIterable<Uint8Array>): Promise<Counts> {
    let number = 0
    for await (const text of linesOf(chunks)) {
      number++
      if (text.trim() === '') continue
      const line = this.#read(text, number)
      if (line === null) continue
      if (this.#batch.length === BATCH_JOBS_MAX || this.#bytes + line.bytes > BATCH_BYTES_MAX) await this.#flush()
      this.#batch.push(line)
      this.#bytes += line.bytes
    }
    await this.#flush()
    return this.#counts
  }

  #read(text: string, number: number): Line | null {
    const { defaults, key } = this.#options
    try {
      const fields = parseWritten(text)
      if (!isObject(fields) || isExact(fields)) throw new Error('it is not a JSON object')
      const job = { idempotency_key: `${key}:${number}`, ...defaults, ...fields } as NewBatchedJob
      return { number, job, bytes: Buffer.byteLength(text) + this.#extra }
    } catch (error) {
      this.#end(number, refusalOf('INVALID_JSON', 400, (error as Error).message))
      return null
    }
  }

  async #flush(): Promise<void> {
    let left: readonly Line[] = this.#batch
    this.#batch = []
    this.#bytes = 0
    for (let tries = 0; left.length > 0;) {
      const outcomes = await this.#submit(left)
      const later = left.map((line, i) => ({ line, outcome: outcomes[i] as BatchOutcome })).filter(
        ({ line, outcome }) => {
          const isLater = outcome.error !== undefined && waitFor(outcome) !== null && tries + 1 < TRIES_MAX
          if (!isLater) this.#end(line.number, outcome)
          return isLater
        },
      )
      tries = later.length < left.length ? 0 : tries + 1
      left = later.map(({ line }) => line)
      this.#options.progressed(this.#counts)
      const first = later[0]
      if (first === undefined) continue
      const seconds = Math.max(...later.map(({ outcome }) => waitFor(outcome) ?? 0))
      note(`waiting for ${seconds} s with ${left.length} jobs: ${first.outcome.error?.error_message}`)
      await (this.#options.pause ?? setTimeout)(seconds * 1_000)
    }
  }

  /** Sends a batch, or two halves of one that is refused as a whole for what may be the fault of a part. */
  async #submit(lines: readonly Line[]): Promise<readonly BatchOutcome[]> {
    try {
      return await this.#client.jobs.submitBatch(lines.map(({ job }) => job))
    } catch (error) {
      if (!(error instanceof CasareError) || (error.status !== 400 && error.status !== 413)) throw error
      if (lines.length === 1) return [refusalOf(error.code, error.status, error.message)]
      const half = lines.length >> 1
      return [...await this.#submit(lines.slice(0, half)), ...await this.#submit(lines.slice(half))]
    }
  }

  #end(line: number, outcome: BatchOutcome): void {
    const { submitted, before, refused } = this.#counts
    this.#counts = outcome.error === undefined
      ? { submitted: submitted + 1, before: before + Number(outcome.status === 200), refused }
      : { submitted, before, refused: refused + 1 }
    this.#options.answered(line, outcome)
  }
}

/** Seconds after which a job that was put off is sent again; null for one that is refused for good. */
function waitFor({ error }: BatchOutcome): number | null {
  const seconds = error?.retry_after ?? null
  return seconds === null || seconds > WAIT_SECONDS_MAX ? null : seconds
}

function refusalOf(code: string, status: number, message: string): BatchOutcome {
  const error_code = code as NonNullable<BatchOutcome['error']>['error_code']
  return { status, error: { error_code, error_message: message, details: {}, retry_after: null } }
}

/** The lines of a file in UTF-8. Throws for another encoding, and for a line that is too long. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_CHARS_MAX) {
      throw new Error(`A line has more than ${LINE_CHARS_MAX} characters: one job a line`)
    }
    yield* lines
  }
  rest += decoder.decode()
  if (rest !== '') yield rest
}
