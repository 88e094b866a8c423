import type { LogLevel, Outgoing, Payload } from '../core/protocol/message.ts'
import { exceedsBytes } from '../core/protocol/decode.ts'
import { fit } from './text.ts'

/** The longest log message, in characters. What is longer is cut and says so. */
export const LOG_CHARS_MAX = 8_000
/** The most lines that one job keeps while they cannot be sent. The oldest go first. */
export const LOG_LINES_MAX = 10_000
/** Messages that may leave at once before the budget per minute paces them. */
const BURST = 30
/** Batches that are remembered, in case the orchestrator refuses one for its rate. */
const BATCHES_MAX = 32

/** How much of the orchestrator's limit reports may take, over time and at once. The rest is for results and heartbeats. */
const STEADY = 0.6
const AT_ONCE = 0.2

/** What the orchestrator says about how much may be said. */
export type Pace = Pick<Payload<'register_ack'>['config'], 'rate_limit' | 'progress_min_interval_ms'>

export interface Topic {
  readonly jobId: string
  readonly attempt: number | undefined
}

export interface LogLine {
  readonly level: LogLevel
  readonly message: string
  readonly node_id: string
  readonly timestamp: string
  readonly extra: Readonly<Record<string, unknown>> | null
}

export interface Report {
  readonly progress: number
  readonly current_node: string
  readonly message: string
}

interface Lane {
  readonly topic: Topic
  lines: LogLine[]
  dropped: number
  report: Report | undefined
  reportedAt: number
  /** The job has ended: once its lines have left, the lane goes. */
  ended: boolean
  logTimer: NodeJS.Timeout | undefined
  reportTimer: NodeJS.Timeout | undefined
}

export interface TelemetryOptions {
  readonly robotId: string
  readonly perMinute: number
  readonly logsMs: number
  readonly progressMs: number
  readonly pauseMs: number
  /** Sends a message and returns its id, or null where there is no connection or it is congested. */
  readonly send: (message: Outgoing) => string | null
}

/**
 * Gathers what handlers report besides their results, per job: log lines in batches, of progress the latest. Both may
 * get lost without harm, and neither holds up a result. Instants are of the monotonic clock.
 */
export class Telemetry {
  readonly #options: TelemetryOptions
  readonly #lanes = new Map<string, Lane>()
  readonly #batches = new Map<string, { readonly topic: Topic; readonly lines: readonly LogLine[] }>()
  #batchSize = 100
  #bytesMax = 1 << 20
  #perMinute: number
  #progressMs: number
  #logsMs: number
  #burst = BURST
  #tokens = BURST
  #filledAt = performance.now()
  #pausedUntil = 0
  #stopped = false

  constructor(options: TelemetryOptions) {
    this.#options = options
    this.#perMinute = options.perMinute
    this.#progressMs = options.progressMs
    this.#logsMs = options.logsMs
  }

  log(topic: Topic, line: LogLine): void {
    const lane = this.#laneOf(topic)
    lane.lines.push(line)
    // Trimmed in strides, since taking one line off the front of a long array copies the rest.
    if (lane.lines.length > LOG_LINES_MAX * 1.1) {
      lane.dropped += lane.lines.length - LOG_LINES_MAX
      lane.lines = lane.lines.slice(-LOG_LINES_MAX)
    }
    // At each full batch and no oftener, so that lines which cannot be sent are not tried one by one.
    if (lane.lines.length % this.#batchSize === 0) this.#flushLogs(lane, false)
    else this.#waitWithLogs(lane)
  }

  progress(topic: Topic, report: Report): void {
    const lane = this.#laneOf(topic)
    lane.report = report
    if (lane.reportTimer === undefined) this.#flushReport(lane, false)
  }

  /** Sends what there is of one job, at once and whatever the budget: its terminal message comes next. */
  finish(jobId: string): void {
    const lane = this.#lanes.get(jobId)
    if (lane === undefined) return
    lane.ended = true
    this.#flush(lane)
  }

  /** Sends what has gathered while there was no connection, in batches and at the pace that the orchestrator likes. */
  reconnected(batchSize: number, bytesMax: number, pace: Pace = {}): void {
    const { perMinute, progressMs, logsMs } = this.#options
    const { limit = Infinity, window_seconds = 60 } = pace.rate_limit ?? {}
    this.#perMinute = Math.min(perMinute, (STEADY * limit * 60) / window_seconds)
    this.#burst = Math.max(1, Math.min(BURST, AT_ONCE * limit))
    this.#progressMs = Math.max(progressMs, pace.progress_min_interval_ms ?? 0)
    this.#logsMs = Math.max(logsMs, pace.progress_min_interval_ms ?? 0)
    this.#batchSize = Math.max(1, Math.floor(batchSize))
    this.#bytesMax = bytesMax
    for (const lane of this.#lanes.values()) this.#flush(lane)
  }

  /** The orchestrator refused a message for its rate: if it was a batch of logs, takes it back. Then pauses. */
  refused(messageId: string): void {
    this.#pausedUntil = performance.now() + this.#options.pauseMs
    const batch = this.#batches.get(messageId)
    if (batch === undefined) return
    this.#batches.delete(messageId)
    const ended = !this.#lanes.has(batch.topic.jobId)
    const lane = this.#laneOf(batch.topic)
    lane.ended ||= ended
    lane.lines = [...batch.lines, ...lane.lines]
    this.#waitWithLogs(lane)
  }

  stop(): void {
    this.#stopped = true
    for (const lane of this.#lanes.values()) {
      clearTimeout(lane.logTimer)
      clearTimeout(lane.reportTimer)
    }
  }

  #laneOf(topic: Topic): Lane {
    const known = this.#lanes.get(topic.jobId)
    if (known !== undefined) return known
    const lane: Lane = {
      topic,
      lines: [],
      dropped: 0,
      report: undefined,
      reportedAt: -Infinity,
      ended: false,
      logTimer: undefined,
      reportTimer: undefined,
    }
    this.#lanes.set(topic.jobId, lane)
    return lane
  }

  #flush(lane: Lane): void {
    this.#flushReport(lane, true)
    this.#flushLogs(lane, true)
  }

  #flushLogs(lane: Lane, urgent: boolean): void {
    clearTimeout(lane.logTimer)
    lane.logTimer = undefined
    while (lane.lines.length > 0) {
      if (!urgent && !this.#mayTalk()) break
      const batch = lane.lines.slice(0, this.#batchSize)
      const lost = lane.dropped === 0 ? [] : [droppedLine(lane.dropped)]
      if (!this.#sendBatch(lane.topic, [...lost, ...batch])) break
      lane.lines = lane.lines.slice(batch.length)
      lane.dropped = 0
    }
    if (lane.lines.length > 0) this.#waitWithLogs(lane)
    else if (lane.ended) this.#lanes.delete(lane.topic.jobId)
  }

  #waitWithLogs(lane: Lane): void {
    if (!this.#stopped) lane.logTimer ??= setTimeout(() => this.#flushLogs(lane, false), this.#logsMs)
  }

  /** Sends one batch, cut in half for as long as its frame is too large. Whether it left. */
  #sendBatch(topic: Topic, lines: readonly LogLine[]): boolean {
    const payload = { job_id: topic.jobId, robot_id: this.#options.robotId, entries: [...lines] }
    // The envelope around it weighs a few hundred bytes.
    if (lines.length > 1 && exceedsBytes(JSON.stringify(payload), this.#bytesMax - 1_000)) {
      const half = lines.length >> 1
      return this.#sendBatch(topic, lines.slice(0, half)) && this.#sendBatch(topic, lines.slice(half))
    }
    const id = this.#say({ type: 'log_batch', payload })
    if (id === null) return false
    this.#batches.set(id, { topic, lines })
    if (this.#batches.size > BATCHES_MAX) this.#batches.delete(this.#batches.keys().next().value ?? '')
    return true
  }

  #flushReport(lane: Lane, urgent: boolean): void {
    clearTimeout(lane.reportTimer)
    lane.reportTimer = undefined
    if (lane.report === undefined) return
    const { robotId } = this.#options
    const progressMs = this.#progressMs
    const waitMs = urgent ? 0 : lane.reportedAt + progressMs - performance.now()
    if (waitMs > 0 || !(urgent || this.#mayTalk())) {
      if (this.#stopped) return
      lane.reportTimer = setTimeout(() => this.#flushReport(lane, false), waitMs > 0 ? waitMs : progressMs)
      return
    }
    const { jobId: job_id, attempt } = lane.topic
    const id = this.#say({ type: 'job_progress', payload: { job_id, robot_id: robotId, attempt, ...lane.report } })
    // Without a connection the report stays, and the latest is sent upon the next registration.
    if (id === null) return
    lane.report = undefined
    lane.reportedAt = performance.now()
  }

  #say(message: Outgoing): string | null {
    const id = this.#options.send(message)
    if (id !== null) this.#tokens--
    return id
  }

  /** The budget: a bucket of messages, refilled evenly. */
  #mayTalk(): boolean {
    const now = performance.now()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAt) * this.#perMinute) / 60_000)
    this.#filledAt = now
    return this.#tokens >= 1 && now >= this.#pausedUntil
  }
}

/** Makes a log line of what a handler said: cut to size, and of `extra` a copy that is sure to be JSON. */
export function logLine(level: LogLevel, message: string, nodeId: string, extra: unknown): LogLine {
  return {
    level,
    message: fit(message, LOG_CHARS_MAX),
    node_id: fit(nodeId, 256),
    timestamp: new Date().toISOString(),
    extra: extra === undefined ? null : snapshot(extra),
  }
}

function snapshot(extra: unknown): Readonly<Record<string, unknown>> {
  try {
    const text = JSON.stringify(extra)
    if (text.length <= LOG_CHARS_MAX && !text.includes('\\u0000')) {
      return JSON.parse(text) as Readonly<Record<string, unknown>>
    }
    return { omitted: `${text.length} characters` }
  } catch {
    return { omitted: 'not JSON' }
  }
}

function droppedLine(dropped: number): LogLine {
  const message = `${dropped} older log lines were dropped while they could not be sent`
  return logLine('WARNING', message, '', undefined)
}
