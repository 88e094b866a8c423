import type { MessageType, Outgoing, Payload } from '../core/protocol/message.ts'
import { Budget } from './budget.ts'
import { type LogLine, logLine } from './log-line.ts'
import { exceedsBytes } from '../core/base/text.ts'

/** The number of unsent lines that one job keeps. The oldest are dropped first. */
const LOG_LINES_MAX = 10_000
/** Sent batches that are remembered, in case the orchestrator refuses one for its rate. */
const BATCHES_MAX = 32
/**
 * The factor by which a batch may exceed the size that the orchestrator asks for when lines have piled up. It accepts
 * ten times as much.
 */
const MERGED = 5
/**
 * Ended jobs that still have lines to send: how many, and for how long. The orchestrator accepts lines for ten minutes
 * after the end.
 */
const ENDED_MAX = 1_000
const ENDED_MS = 540_000

/** The orchestrator's limits for messages. */
export type RateConfig = Pick<Payload<'register_ack'>['config'], 'rate_limit' | 'progress_min_interval_ms'>

export interface Topic {
  readonly jobId: string
  readonly offer: number | undefined
}

export interface Report {
  readonly progress: number
  readonly current_node: string
  readonly message: string
}

/** The pending telemetry of one job. */
interface JobTelemetry {
  readonly topic: Topic
  lines: LogLine[]
  /** The instant at which the first of the lines was added. */
  linesAt: number
  dropped: number
  batchAt: number
  report: Report | undefined
  reportedAt: number
  /** The instant at which the job ended. The entry is removed after its lines have left. */
  endedAt: number | null
}

export interface TelemetryOptions {
  readonly robotId: string
  readonly perMinute: number
  readonly logsMs: number
  readonly progressMs: number
  readonly pauseMs: number
  /** Sends a message and returns its id, or null if there is no connection or it is congested. */
  readonly send: (message: Outgoing) => string | null
  /** Nothing is left to send. */
  readonly drained: () => void
}

/**
 * Collects what handlers report besides their results, per job: log lines in batches, and the latest progress. Both may
 * be lost without harm, and neither delays a result: lines that the rate holds back follow it. Instants are of the
 * monotonic clock.
 */
export class Telemetry {
  readonly #options: TelemetryOptions
  readonly #budget: Budget
  /** In the order of their turns. */
  readonly #jobs = new Map<string, JobTelemetry>()
  readonly #batches = new Map<string, { readonly topic: Topic; readonly lines: readonly LogLine[] }>()
  #batchSize = 100
  #bytesMax = 1 << 20
  /** The minimum time between two reports, and between two batches, of one job, as the orchestrator asks. */
  #gapMs = 0
  #pausedUntil = 0
  #lost = { lines: 0, jobs: 0 }
  #timer: NodeJS.Timeout | undefined
  #wakeAt = Infinity
  #stopped = false

  constructor(options: TelemetryOptions) {
    this.#options = options
    this.#budget = new Budget(options.perMinute)
  }

  /** True if there is nothing to send. */
  get idle(): boolean {
    return this.#jobs.size === 0
  }

  log(topic: Topic, line: LogLine): void {
    const job = this.#jobOf(topic)
    if (job.lines.length === 0) job.linesAt = performance.now()
    job.lines.push(line)
    // Cut in large steps, since removing one line from the front of a long array copies the rest.
    if (job.lines.length > LOG_LINES_MAX * 1.1) {
      job.dropped += job.lines.length - LOG_LINES_MAX
      job.lines = job.lines.slice(-LOG_LINES_MAX)
    }
    // Only at each full batch, so that lines which cannot be sent are not tried one by one.
    if (job.lines.length % this.#batchSize === 0) this.#pump()
    else this.#wake(this.#logsDue(job))
  }

  progress(topic: Topic, report: Report): void {
    const job = this.#jobOf(topic)
    job.report = report
    if (this.#reportDue(job) <= performance.now()) this.#pump()
    else this.#wake(this.#reportDue(job))
  }

  /** Sends the pending lines of one job as far as the rate allows: its terminal message comes next. */
  finish(jobId: string): void {
    const job = this.#jobs.get(jobId)
    if (job === undefined) return
    job.endedAt = performance.now()
    this.#serve(job)
    // After the end only the log is of use.
    job.report = undefined
    this.#pump()
  }

  /** Counts a message that has left. Other types never wait, but reports may have to wait for them. */
  messageSent(type: MessageType): void {
    this.#budget.messageSent(type, performance.now())
  }

  /** Notes that an offer has come, whose replies do not count. */
  offered(): void {
    this.#budget.offered()
  }

  /** Sends the lines collected while disconnected, in batches and at the orchestrator's rate. */
  reconnected(batchSize: number, bytesMax: number, config: RateConfig = {}): void {
    this.#budget.setLimit(config.rate_limit)
    this.#gapMs = config.progress_min_interval_ms ?? 0
    this.#batchSize = Math.max(1, Math.floor(batchSize))
    this.#bytesMax = bytesMax
    // The orchestrator learns of these ends only now, so the time for their lines starts now.
    for (const job of this.#jobs.values()) if (job.endedAt !== null) job.endedAt = performance.now()
    this.#pump()
  }

  /** The orchestrator refused a message for its rate. A refused batch of logs is taken back; then telemetry pauses. */
  refused(messageId: string): void {
    const now = performance.now()
    this.#pausedUntil = now + this.#options.pauseMs
    const batch = this.#batches.get(messageId)
    if (batch === undefined) return
    this.#batches.delete(messageId)
    const ended = !this.#jobs.has(batch.topic.jobId)
    const job = this.#jobOf(batch.topic)
    if (ended) job.endedAt = now
    job.lines = [...batch.lines, ...job.lines]
    this.#wake(this.#pausedUntil)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #jobOf(topic: Topic): JobTelemetry {
    const known = this.#jobs.get(topic.jobId)
    if (known !== undefined) return known
    const job: JobTelemetry = {
      topic,
      lines: [],
      linesAt: 0,
      dropped: 0,
      batchAt: -Infinity,
      report: undefined,
      reportedAt: -Infinity,
      endedAt: null,
    }
    this.#jobs.set(topic.jobId, job)
    return job
  }

  #reportDue({ report, reportedAt, endedAt }: JobTelemetry): number {
    if (report === undefined) return Infinity
    return reportedAt + (endedAt === null ? Math.max(this.#gapMs, this.#options.progressMs) : this.#gapMs)
  }

  #logsDue({ lines, linesAt, batchAt, endedAt }: JobTelemetry): number {
    if (lines.length === 0) return Infinity
    const company = endedAt === null && lines.length < this.#batchSize ? linesAt + this.#options.logsMs : linesAt
    return Math.max(company, batchAt + this.#gapMs)
  }

  /** Gives each job its turn, and schedules the next one. */
  #pump(): void {
    clearTimeout(this.#timer)
    this.#wakeAt = Infinity
    this.#forget()
    for (const job of this.#jobs.values()) {
      if (!this.#serve(job)) break
    }
    if (this.idle) this.#options.drained()
  }

  /** Sends what is due of one job. Returns false if the rate allows nothing at present, or nothing leaves. */
  #serve(job: JobTelemetry): boolean {
    for (let now = performance.now(); this.#dueAt(job) < Infinity; now = performance.now()) {
      if (this.#dueAt(job) > now) {
        this.#wake(this.#dueAt(job))
        return true
      }
      const waitMs = Math.max(this.#pausedUntil - now, this.#budget.waitMs(now))
      if (waitMs > 0 || !this.#send(job, now)) {
        this.#wake(now + (waitMs > 0 ? waitMs : this.#options.logsMs))
        return false
      }
      // Move the job behind the others for the next turn.
      this.#jobs.delete(job.topic.jobId)
      this.#jobs.set(job.topic.jobId, job)
    }
    if (job.endedAt !== null) this.#jobs.delete(job.topic.jobId)
    return true
  }

  #dueAt(job: JobTelemetry): number {
    return Math.min(this.#reportDue(job), this.#logsDue(job))
  }

  #send(job: JobTelemetry, now: number): boolean {
    const sent = this.#reportDue(job) <= now ? this.#sendReport(job, now) : this.#sendBatch(job, now)
    if (sent) this.#budget.reported()
    return sent
  }

  /** Without a connection the report stays, and the latest is sent after the next registration. */
  #sendReport(job: JobTelemetry, now: number): boolean {
    const { jobId: job_id, offer } = job.topic
    const { report } = job
    if (report === undefined) return true
    const payload = { job_id, robot_id: this.#options.robotId, offer, ...report }
    if (this.#options.send({ type: 'job_progress', payload }) === null) return false
    job.report = undefined
    job.reportedAt = now
    return true
  }

  /** Sends the first lines of a job, as many as fit into a batch and a frame. */
  #sendBatch(job: JobTelemetry, now: number): boolean {
    const { robotId: robot_id, send } = this.#options
    const notices = this.#droppedLines(job)
    let count = this.#batchSize * MERGED
    let payload
    do {
      payload = { job_id: job.topic.jobId, robot_id, entries: [...notices, ...job.lines.slice(0, count)] }
      count = (payload.entries.length - notices.length) >> 1
      // The envelope takes a few hundred bytes.
    } while (count > 0 && exceedsBytes(JSON.stringify(payload), this.#bytesMax - 1_000))
    const id = send({ type: 'log_batch', payload })
    if (id === null) return false
    this.#batches.set(id, { topic: job.topic, lines: payload.entries })
    if (this.#batches.size > BATCHES_MAX) this.#batches.delete(this.#batches.keys().next().value ?? '')
    job.lines = job.lines.slice(payload.entries.length - notices.length)
    job.linesAt = job.batchAt = now
    job.dropped = 0
    this.#lost = { lines: 0, jobs: 0 }
    return true
  }

  /** Lines that report what was dropped: of this job, and of others that will send no more logs. */
  #droppedLines({ dropped }: JobTelemetry): readonly LogLine[] {
    const { lines, jobs } = this.#lost
    const unsent = 'were dropped while they could not be sent'
    return [
      ...(dropped === 0 ? [] : [logLine('WARNING', `${dropped} older log lines ${unsent}`)]),
      ...(lines === 0 ? [] : [logLine('WARNING', `${lines} log lines of ${jobs} other jobs of this robot ${unsent}`)]),
    ]
  }

  /** Drops lines that the orchestrator no longer takes, and the oldest of those above the limit. */
  #forget(): void {
    const ended = [...this.#jobs.values()].filter(({ endedAt }) => endedAt !== null)
    const latest = performance.now() - ENDED_MS
    for (const [at, { topic, lines, dropped, endedAt }] of ended.entries()) {
      if (at >= ended.length - ENDED_MAX && (endedAt ?? 0) >= latest) continue
      this.#jobs.delete(topic.jobId)
      this.#lost.lines += lines.length + dropped
      this.#lost.jobs += lines.length + dropped > 0 ? 1 : 0
    }
  }

  /** Schedules the next turn at an instant, unless one is scheduled sooner. */
  #wake(at: number): void {
    if (this.#stopped || at >= this.#wakeAt) return
    clearTimeout(this.#timer)
    this.#wakeAt = at
    this.#timer = setTimeout(() => this.#pump(), Math.max(0, at - performance.now()))
  }
}
