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

function abortedBy(why: Abort): JobError {
  return new JobError('Aborted', `The job was stopped (${why})`)
}

/** The longest timer, 24 days. A longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** A job from its offer to its end. */
export class RunningJob {
  readonly assigned: Payload<'job_assign'>
  /** The message as it came. */
  readonly frame: string
  readonly #graceMs: number
  #startedAt = performance.now()
  /** Made when somebody asks for the signal. */
  #controller: AbortController | undefined
  #why: Abort | undefined
  #cancelId: MessageId | undefined
  #end: (outcome: Outcome | 'abandoned') => void = () => {}

  constructor(assigned: Payload<'job_assign'>, frame: string, graceMs: number) {
    this.assigned = assigned
    this.frame = frame
    this.#graceMs = graceMs
  }

  /** The instant at which its handler was called, of the monotonic clock. */
  get startedAt(): number {
    return this.#startedAt
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#why !== undefined) this.#controller.abort(abortedBy(this.#why))
    }
    return this.#controller.signal
  }

  /** The request to cancel that the end of this job answers. */
  get cancelId(): MessageId | undefined {
    return this.#cancelId
  }

  /** Aborts the handler's signal. The first reason holds, except that a cancellation overrides a shutdown. */
  abort(why: Abort, cancelId?: MessageId): void {
    if (why === 'cancel') this.#cancelId = cancelId
    const aborted = this.#why !== undefined
    if (!aborted || (this.#why === 'shutdown' && why === 'cancel')) this.#why = why
    if (aborted) return
    this.#controller?.abort(abortedBy(why))
    setTimeout(() => this.#end('abandoned'), this.#graceMs).unref()
  }

  /**
   * Runs the handler and calls `ended` with the outcome, once. A handler that continues for `graceMs` after its signal
   * was aborted is abandoned, because a job that cannot be ended would hold its slot for ever. One whose job was aborted
   * before is not called.
   */
  run(handler: JobHandler, context: JobContext, ended: (outcome: Outcome) => void): void {
    const { timeout_seconds } = this.assigned
    this.#startedAt = performance.now()
    const timer = timeout_seconds > 0 && timeout_seconds * 1_000 <= TIMER_MS_MAX
      ? setTimeout(() => this.abort('timeout'), timeout_seconds * 1_000)
      : undefined
    this.#end = (outcome) => {
      this.#end = () => {}
      clearTimeout(timer)
      ended(this.#outcomeOf(outcome))
    }
    // What was sent before leaves first: a handler may hold up the loop.
    process.nextTick(() => void this.#handle(handler, context))
  }

  async #handle(handler: JobHandler, context: JobContext): Promise<void> {
    if (this.#why !== undefined) return this.#end('abandoned')
    let outcome: Outcome
    try {
      outcome = { type: 'completed', result: await handler(context) }
    } catch (error) {
      outcome = { type: 'failed', error }
    }
    this.#end(outcome)
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
