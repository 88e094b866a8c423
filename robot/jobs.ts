import type { MessageId, OrchestratorMessage, Outgoing } from '../core/protocol/message.ts'
import { toText } from '../core/base/json.ts'
import { type JobContext, type JobHandler, RunningJob } from './job.ts'
import type { RobotEvent, Settings } from './options.ts'
import { resultOf } from './results.ts'
import { Memory } from './memory.ts'
import { Outbox, type OutboxEntry, type RejectMessage, type ResultMessage } from './outbox.ts'
import { logLine } from './log-line.ts'
import type { Telemetry } from './telemetry.ts'
import { callWorkflow } from './calls.ts'
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
  readonly #options: JobTableOptions
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
  }

  get memory(): Memory {
    return this.#memory
  }

  /** Closes the memory, once no job runs whose end belongs into it. */
  close(): void {
    this.#closing = true
    if (this.#jobs.size === 0) this.#memory.close()
  }

  /** Takes over from earlier processes: results to deliver, and jobs that they accepted and never began. */
  remember(memory: Memory): void {
    this.#memory = memory
    for (const kept of memory.kept) {
      if (kept.state === 'ended') this.#outbox.put(kept.entry)
      else if (kept.state === 'read') {
        const { job_id, offer } = kept.offer
        const payload = { job_id, robot_id: this.#options.settings.id, reason: NOT_BEGUN, offer }
        this.#rejects.put({ id: crypto.randomUUID(), message: { type: 'job_reject', payload } })
      }
    }
  }

  /** The ids of the jobs that are running. */
  get running(): readonly string[] {
    return [...this.#jobs.keys()]
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
      this.#memory.settled(message.payload)
      this.#options.emit({ type: 'job.confirmed', jobId: message.payload.job_id })
    }
    for (const { message } of this.#rejects.answered(id)) this.#memory.settled(message.payload)
    if (++this.#answered === LISTS_ANSWERED) this.#memory.settleEarlier()
    this.#options.settled()
  }

  abortAll(): void {
    for (const job of this.#jobs.values()) job.abort('shutdown')
  }

  /** Accepts or rejects a job. The same offer never runs it twice. */
  assigned(message: Assign): void {
    const { job_id, attempt, offer, workflow_id } = message.payload
    const running = this.#jobs.get(job_id)
    if (running !== undefined && running.assigned.offer === offer) return this.#accept(message)
    if (running !== undefined) return this.#reject(message, 'An earlier attempt of the job is still running')
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
    if (!this.#begin(message)) return
    const job = new RunningJob(message.payload, settings.timings.abortGraceMs)
    this.#jobs.set(job_id, job)
    const { workflow_name: workflowName } = message.payload
    this.#options.emit({ type: 'job.accepted', jobId: job_id, workflowName, attempt: attempt ?? 1 })
    void this.#run(job, handler)
  }

  /** Aborts a running job, whose end is the answer. A job that is not running is answered at once. */
  cancelled(message: Cancel): void {
    const { job_id } = message.payload
    const job = this.#jobs.get(job_id)
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
    if (this.full) return 'Maximum concurrent jobs reached'
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
    } else if (this.#begin(message)) {
      this.#drop(held)
      this.#post({ ...held.message, payload: { ...held.message.payload, offer } } as ResultMessage)
    }
    return true
  }

  /** Records the job in memory and accepts it. Refuses it if it cannot be recorded, since it must not begin then. */
  #begin(message: Assign): boolean {
    if (!this.#memory.begin(message.payload)) {
      this.#reject(message, 'The robot cannot write down that it has the job')
      return false
    }
    const rejected = this.#rejects.of(message.payload.job_id)
    if (rejected !== undefined) this.#rejects.drop(rejected.id)
    this.#accept(message)
    return true
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

  async #run(job: RunningJob, handler: JobHandler): Promise<void> {
    const { telemetry, settings, emit, settled } = this.#options
    const outcome = await job.run(handler, this.#contextOf(job))
    const { job_id: jobId } = job.assigned
    const resultMessage = resultOf(job, outcome, settings.id, this.bytesMax)
    // Send the logs before the result, as far as the rate allows; and no heartbeat between the job's end and its
    // result.
    telemetry.finish(jobId)
    this.#post(resultMessage)
    this.#jobs.delete(jobId)
    if (this.#closing) this.close()
    const message = resultMessage.type === 'job_failed' ? resultMessage.payload.error_message ?? '' : ''
    emit({ type: 'job.ended', jobId, as: ENDS[resultMessage.type], message })
    settled()
  }

  #contextOf(job: RunningJob): JobContext {
    const { job_id, workflow_id, workflow_name, workflow_json, parameters, timeout_seconds, attempt } = job.assigned
    const { telemetry } = this.#options
    const topic = { jobId: job_id, offer: job.assigned.offer }
    const parametersText = toText(parameters)
    /** An abandoned handler may still call, but its job has ended. */
    let calls = 0
    const live = (): boolean => this.#jobs.get(job_id) === job
    return {
      id: job_id,
      workflowId: workflow_id,
      workflowName: workflow_name,
      workflowJson: workflow_json,
      parameters: JSON.parse(parametersText) as Readonly<Record<string, unknown>>,
      parametersText,
      attempt: attempt ?? 1,
      timeoutSeconds: Math.max(0, timeout_seconds),
      signal: job.signal,
      progress: (percent, currentNode = '', message = '') => {
        const progress = Math.round(Math.min(100, Math.max(0, percent)))
        if (!live() || Number.isNaN(progress)) return
        telemetry.progress(topic, {
          progress,
          current_node: truncate(currentNode, 256),
          message: truncate(message, 1_000),
        })
      },
      call: (alias, given = {}, options = {}) => {
        const caller = { jobId: job_id, offer: topic.offer ?? 1, number: ++calls, signal: job.signal }
        return callWorkflow(this.#options.settings, caller, alias, given, options)
      },
      log: (level, message, { nodeId = '', extra } = {}) => {
        if (live()) telemetry.log(topic, logLine(level, message, nodeId, extra))
      },
    }
  }

  /** Keeps a result until it is confirmed, and sends it if connected. */
  #post(message: ResultMessage): void {
    const entry = { id: crypto.randomUUID(), message }
    this.#memory.ended(entry)
    this.#outbox.put(entry)
    this.#deliver(entry.id, message)
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
