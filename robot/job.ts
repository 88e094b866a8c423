import type { Called, CallOptions } from './calls.ts'
import type { LogLevel, MessageId, Payload } from '../core/protocol/message.ts'
import { JobError } from './job-error.ts'

/** The argument of a handler: one job, and the means to report on it. No method throws, connected or not. */
export interface JobContext {
  readonly id: string
  readonly workflowId: string
  readonly workflowName: string
  /** The workflow's definition exactly as it was stored. `parseDefinition` reads the canonical form. */
  readonly workflowJson: string
  /** Numbers are doubles, which may have lost digits of the submitted ones. */
  readonly parameters: Readonly<Record<string, unknown>>
  /** The parameters as JSON, digit for digit: `parseExact` reads them without a loss. */
  readonly parametersText: string
  /** The number of this attempt, from 1. Stays 1 with a server that does not count attempts. */
  readonly attempt: number
  /** 0 if there is no limit. */
  readonly timeoutSeconds: number
  /**
   * Aborted when the job is cancelled, has run out of time, or the robot stops. The handler should then return or throw
   * soon.
   */
  readonly signal: AbortSignal
  /** Reports progress in percent, 0 to 100. Cheap: of many calls only the latest is sent. */
  readonly progress: (percent: number, currentNode?: string, message?: string) => void
  /**
   * Starts another workflow by the alias of its trigger, as a child of this job, and waits for its result. Repeating a
   * call in another run by the same offer yields the same job.
   */
  readonly call: (
    alias: string,
    parameters?: Readonly<Record<string, unknown>>,
    options?: CallOptions,
  ) => Promise<Called>
  /** Adds a line to the job's log. `extra` must be JSON; it is copied at once. */
  readonly log: (
    level: LogLevel,
    message: string,
    more?: { readonly nodeId?: string; readonly extra?: Readonly<Record<string, unknown>> },
  ) => void
}

/**
 * Runs one job. The returned value is the job's result and must be JSON, with a `bigint` or an `ExactNumber` where a
 * double would lose digits. A thrown error fails the job: its `type`, or else its `name`, becomes the error type, and
 * its `node` the node at fault.
 */
export type JobHandler = (job: JobContext) => unknown

/** The reason why the robot, not the handler, ends a job. */
export type Abort = 'cancel' | 'timeout' | 'shutdown'

export type Outcome =
  | { readonly type: 'completed'; readonly result: unknown }
  | { readonly type: 'failed'; readonly error: unknown }
  | { readonly type: 'cancelled' }

/** The longest timer, 24 days. A longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** An accepted job while its handler runs. */
export class RunningJob {
  readonly assigned: Payload<'job_assign'>
  readonly startedAt = performance.now()
  readonly #abort = new AbortController()
  readonly #graceMs: number
  #why: Abort | undefined
  #cancelId: MessageId | undefined
  #abandon: () => void = () => {}

  constructor(assigned: Payload<'job_assign'>, graceMs: number) {
    this.assigned = assigned
    this.#graceMs = graceMs
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** The request to cancel that the end of this job answers. */
  get cancelId(): MessageId | undefined {
    return this.#cancelId
  }

  /** Aborts the handler's signal. The first reason holds, except that a cancellation overrides a shutdown. */
  abort(why: Abort, cancelId?: MessageId): void {
    if (why === 'cancel') this.#cancelId = cancelId
    if (this.#why === undefined || (this.#why === 'shutdown' && why === 'cancel')) this.#why = why
    if (this.signal.aborted) return
    this.#abort.abort(new JobError('Aborted', `The job was stopped (${why})`))
    setTimeout(() => this.#abandon(), this.#graceMs).unref()
  }

  /**
   * Runs the handler and resolves with the outcome; never rejects. A handler that continues for `graceMs` after its
   * signal was aborted is abandoned, because a job that cannot be ended would hold its slot for ever.
   */
  async run(handler: JobHandler, context: JobContext): Promise<Outcome> {
    const { timeout_seconds } = this.assigned
    const timer = timeout_seconds > 0 && timeout_seconds * 1_000 <= TIMER_MS_MAX
      ? setTimeout(() => this.abort('timeout'), timeout_seconds * 1_000)
      : undefined
    const abandoned = new Promise<'abandoned'>((resolve) => {
      this.#abandon = () => resolve('abandoned')
    })
    const handled = Promise.resolve().then(() => handler(context)).then(
      (result): Outcome => ({ type: 'completed', result }),
      (error: unknown): Outcome => ({ type: 'failed', error }),
    )
    const ended = await Promise.race([handled, abandoned])
    clearTimeout(timer)
    return this.#outcomeOf(ended)
  }

  #outcomeOf(ended: Outcome | 'abandoned'): Outcome {
    if (this.#why === undefined) return ended === 'abandoned' ? { type: 'cancelled' } : ended
    if (this.#why === 'cancel') return { type: 'cancelled' }
    if (this.#why === 'timeout') {
      const { timeout_seconds } = this.assigned
      return { type: 'failed', error: new JobError('TimeoutError', `The job ran longer than ${timeout_seconds} s`) }
    }
    // A completed job counts as completed, even in the robot's last moments.
    if (ended !== 'abandoned' && ended.type === 'completed') return ended
    return { type: 'failed', error: new JobError('RobotShutdown', 'The robot was stopped before the job had ended') }
  }
}
