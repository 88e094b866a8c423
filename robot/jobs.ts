import { randomUUID } from 'node:crypto'
import type { MessageId, OrchestratorMessage, Outgoing } from '../core/protocol/message.ts'
import { Arrivals } from './arrivals.ts'
import { HandlerContext, type Means } from './context.ts'
import { type JobHandler, type Outcome, RunningJob } from './job.ts'
import type { RobotEvent, Settings } from './options.ts'
import { resultOf } from './results.ts'
import { Memory } from './memory.ts'
import { Outbox, type OutboxEntry, type RejectMessage, type ResultMessage } from './outbox.ts'
import type { Telemetry } from './telemetry.ts'
import { truncate } from './text.ts'

type Assign = Extract<OrchestratorMessage, { type: 'job_assign' }>
type Cancel = Extract<OrchestratorMessage, { type: 'job_cancel' }>

/** The number of unconfirmed results at which the robot takes no more jobs. */
const OUTBOX_MAX = 1_000
/** Answers to empty lists after which the orchestrator has dealt with the jobs that an earlier process had begun. */
const LISTS_ANSWERED = 3
const NOT_BEGUN = 'The robot was restarted before it had begun the job'
const ENDS = { job_complete: 'completed', job_failed: 'failed', job_cancelled: 'cancelled' } as const

export interface JobTableOptions {
  readonly settings: Settings
  readonly telemetry: Telemetry
  /** Sends a message and returns its id, or null where the robot is not registered. */
  readonly send: (message: Outgoing, id?: string) => string | null
  /** The reason why the robot takes no jobs at all, or null. */
  readonly closedBecause: () => string | null
  /** A result was sent: a heartbeat should follow soon to confirm it. */
  readonly delivered: () => void
  /** A job has ended, or a result is confirmed. */
  readonly settled: () => void
  readonly emit: (event: RobotEvent) => void
}

/**
 * The jobs of a robot: assignments come in, results go out. Holds the running jobs and the results that are not yet
 * confirmed.
 */
export class JobTable {
  bytesMax = 1 << 20
  readonly arrivals = new Arrivals()
  readonly #options: JobTableOptions
  readonly #means: Means
  readonly #jobs = new Map<string, RunningJob>()
  readonly #outbox = new Outbox()
  /** Refusals of jobs that an earlier process accepted and never began. */
  readonly #rejects = new Outbox<RejectMessage>()
  #memory = Memory.ofProcess()
  #closing = false
  /** Heartbeats answered on the present connection. */
  #answered = 0

  constructor(options: JobTableOptions) {
    this.#options = options
    const live = (job: RunningJob): boolean => this.#jobs.get(job.assigned.job_id) === job
    this.#means = { telemetry: options.telemetry, api: options.settings, live }
  }

  get memory(): Memory {
    return this.#memory
  }

  /** Closes the memory, once no job runs whose end belongs into it. */
  async close(): Promise<void> {
    this.#closing = true
    if (this.count === 0) await this.#memory.close()
  }

  /** Takes over from earlier processes: results to deliver, and jobs that they accepted and never began. */
  remember(memory: Memory): void {
    this.#memory = memory
    for (const kept of memory.kept) {
      if (kept.state === 'ended') this.#outbox.put(kept.entry)
      else if (kept.state === 'read') {
        const { job_id, offer } = kept.offer
        const payload = { job_id, robot_id: this.#options.settings.id, reason: NOT_BEGUN, offer }
        this.#rejects.put({ id: randomUUID(), message: { type: 'job_reject', payload } })
      }
    }
  }

  /** The ids of the jobs that are running. */
  get running(): readonly string[] {
    return [...this.#jobs.keys()]
  }

  /** The number of jobs that are running or about to begin. */
  get count(): number {
    return this.#jobs.size + this.arrivals.size
  }

  get full(): boolean {
    return this.#jobs.size >= this.#options.settings.slots
  }

  get unconfirmed(): number {
    return this.#outbox.size
  }

  /** True if a result has left and no heartbeat has followed it. */
  get unasked(): boolean {
    return this.#outbox.unasked
  }

  /** After a reconnection, sends everything again that may have been lost, in its order. */
  registered(): void {
    this.#answered = 0
    for (const { id, message } of this.#outbox.all()) this.#deliver(id, message)
    for (const { id, message } of this.#rejects.all()) {
      if (this.#options.send(message, id) !== null) this.#rejects.sent(id)
    }
  }

  disconnected(): void {
    this.#outbox.disconnected()
    this.#rejects.disconnected()
  }

  heartbeatSent(id: string): void {
    this.#outbox.heartbeat(id)
    this.#rejects.heartbeat(id)
  }

  heartbeatAnswered(id: string): void {
    for (const { message } of this.#outbox.answered(id)) {
      const confirmed = { type: 'job.confirmed', jobId: message.payload.job_id } as const
      this.#memory.settled(message.payload, () => this.#options.emit(confirmed))
    }
    for (const { message } of this.#rejects.answered(id)) this.#memory.settled(message.payload)
    if (++this.#answered === LISTS_ANSWERED) this.#memory.settleEarlier()
    this.#options.settled()
  }

  abortAll(): void {
    for (const job of this.#jobs.values()) job.abort('shutdown')
    this.arrivals.abortAll()
  }

  /** Accepts or rejects a job. The same offer never runs it twice. */
  assigned(message: Assign, frame: string): void {
    const { job_id, attempt, offer, workflow_id, workflow_name } = message.payload
    const running = this.#jobs.get(job_id)
    if (running !== undefined && running.assigned.offer === offer) return this.#accept(message)
    const arriving = this.arrivals.get(job_id)
    if (arriving !== undefined && arriving.offer === offer) return
    if (running !== undefined || arriving !== undefined) {
      return this.#reject(message, 'An earlier attempt of the job is still running')
    }
    if (this.#answeredFromOutbox(message)) return
    const { settings, closedBecause } = this.#options
    const handler = settings.handlers.get(workflow_id) ?? settings.runner
    const refusal = closedBecause() ?? this.#fullBecause()
    if (refusal !== null) return this.#reject(message, refusal)
    if (handler === undefined) return this.#reject(message, `No handler for workflow ${workflow_id}`)
    if (this.#memory.begunEarlier(message.payload)) {
      const warning =
        `job ${job_id} was offered again, which this robot had begun before it was restarted: not answered`
      return this.#options.emit({ type: 'warning', message: warning })
    }
    const job = new RunningJob(message.payload, frame, settings.timings.abortGraceMs)
    this.#begin(message, job, () => {
      this.#jobs.set(job_id, job)
      this.#options.emit({ type: 'job.accepted', jobId: job_id, workflowName: workflow_name, attempt: attempt ?? 1 })
      this.#run(job, handler)
    })
  }

  /** Aborts a running job, whose end is the answer. A job that is not running is answered at once. */
  cancelled(message: Cancel): void {
    const { job_id } = message.payload
    const job = this.#jobs.get(job_id) ?? this.arrivals.get(job_id)?.job ?? undefined
    if (job !== undefined) return job.abort('cancel', message.id)
    const held = this.#outbox.of(job_id)
    if (held !== undefined) this.#deliver(held.id, held.message)
    const payload = { job_id, robot_id: this.#options.settings.id }
    this.#options.send({ type: 'job_cancelled', payload, correlation_id: message.id })
  }

  /** The orchestrator refused a result as invalid and would do so each time: fail the job with the reason instead. */
  resultRefused(messageId: MessageId | undefined, why: string): void {
    const entry = this.#outbox.get(String(messageId))
    if (entry === undefined || entry.message.type !== 'job_complete') return
    this.#outbox.drop(entry.id)
    const { job_id, robot_id, offer } = entry.message.payload
    const fault = { error_type: 'ResultRefused', error_message: truncate(why, 1_000) }
    this.#post({ type: 'job_failed', payload: { job_id, robot_id, ...fault, offer } })
  }

  #fullBecause(): string | null {
    if (this.count >= this.#options.settings.slots) return 'Maximum concurrent jobs reached'
    return this.#outbox.size >= OUTBOX_MAX ? 'Too many results wait for confirmation' : null
  }

  /**
   * Answers an assignment with a result of the same job that waits here, if there is one. A completion also answers a
   * newer offer: had the orchestrator seen it, it would not assign the job again, and the job must not run twice. A
   * failure does not: the orchestrator may have seen it and want a retry.
   */
  #answeredFromOutbox(message: Assign): boolean {
    const { job_id, offer } = message.payload
    const held = this.#outbox.of(job_id)
    if (held === undefined) return false
    const same = held.message.payload.offer === offer
    if (!same && held.message.type !== 'job_complete') return false
    if (same) {
      this.#accept(message)
      this.#deliver(held.id, held.message)
    } else {
      this.#begin(message, null, () => {
        this.#post({ ...held.message, payload: { ...held.message.payload, offer } } as ResultMessage)
        this.#drop(held)
      })
    }
    return true
  }

  /**
   * Records an offer in memory, accepts it, and calls `begun`. Refuses it if it cannot be recorded, since its job must
   * not begin then.
   */
  #begin(message: Assign, job: RunningJob | null, begun: () => void): void {
    const { job_id, offer } = message.payload
    this.arrivals.add(job_id, offer, job)
    this.#memory.begin(message.payload, (recorded) => {
      this.arrivals.answer(job_id, () => {
        if (!recorded) {
          this.#reject(message, 'The robot cannot write down that it has the job')
          return this.#options.settled()
        }
        const rejected = this.#rejects.of(job_id)
        if (rejected !== undefined) this.#rejects.drop(rejected.id)
        this.#accept(message)
        begun()
      })
      this.#closeIfOver()
    })
  }

  #accept(message: Assign): void {
    const { job_id, offer } = message.payload
    const payload = { job_id, robot_id: this.#options.settings.id, offer }
    this.#options.send({ type: 'job_accept', payload, correlation_id: message.id })
  }

  #reject(message: Assign, reason: string): void {
    const { job_id, offer } = message.payload
    const payload = { job_id, robot_id: this.#options.settings.id, reason: truncate(reason, 1_000), offer }
    this.#options.send({ type: 'job_reject', payload, correlation_id: message.id })
    this.#options.emit({ type: 'job.rejected', jobId: job_id, reason })
  }

  #run(job: RunningJob, handler: JobHandler): void {
    job.run(handler, new HandlerContext(job, this.#means), (outcome) => this.#ended(job, outcome))
  }

  #ended(job: RunningJob, outcome: Outcome): void {
    const { telemetry, settings, emit, settled } = this.#options
    const { job_id: jobId } = job.assigned
    const resultMessage = resultOf(job, outcome, settings.id, this.bytesMax)
    // Send the logs before the result, as far as the rate allows; and no heartbeat between the job's end and its
    // result.
    telemetry.finish(jobId)
    const message = resultMessage.type === 'job_failed' ? resultMessage.payload.error_message ?? '' : ''
    this.#jobs.delete(jobId)
    this.#post(resultMessage, () => emit({ type: 'job.ended', jobId, as: ENDS[resultMessage.type], message }))
    this.#closeIfOver()
    settled()
  }

  #closeIfOver(): void {
    if (this.#closing) void this.close()
  }

  /**
   * Keeps a result until it is confirmed, and sends it if connected. `then` is called when it survives the process. The
   * orchestrator need not wait for that: what it has cannot be lost here.
   */
  #post(message: ResultMessage, then?: () => void): void {
    const entry = { id: randomUUID(), message }
    this.#outbox.put(entry)
    this.#deliver(entry.id, message)
    this.#memory.ended(entry, then)
  }

  #drop({ id, message }: OutboxEntry): void {
    this.#outbox.drop(id)
    this.#memory.settled(message.payload)
  }

  #deliver(id: string, message: ResultMessage): void {
    if (this.#options.send(message, id) === null) return
    this.#outbox.sent(id)
    this.#options.delivered()
  }
}
