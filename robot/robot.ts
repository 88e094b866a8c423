import type { OrchestratorMessage, Outgoing, Payload } from '../core/protocol/message.ts'
import { JobTable } from './jobs.ts'
import { SystemLoadMeter } from './system-load.ts'
import { resolveOptions, type RobotEvent, type RobotOptions, type Settings, type StopReason } from './options.ts'
import { isReplaced, type RobotRefused, Session } from './session.ts'
import { Telemetry } from './telemetry.ts'
import { openMemory } from './state-file.ts'
import { messageOf } from './text.ts'

export { describe } from './options.ts'
export type { RobotEvent, RobotOptions, StopReason, Timings } from './options.ts'
export { ExactNumber, parseExact, stringifyExact } from '../core/base/exact.ts'
export { JobError } from './job-error.ts'
export type { JobContext, JobHandler } from './job.ts'
export type { Called, CallOptions } from './calls.ts'
export { RobotRefused } from './session.ts'

const STOP_GRACE_MS = 30_000
/** The longest timer. A longer grace has no end. */
const TIMER_MS_MAX = 2 ** 31 - 1

/**
 * A software robot: connects to an orchestrator, takes jobs, runs each with a handler, and makes sure that the
 * orchestrator learns how each ended, over any number of lost connections.
 */
export class Robot {
  /** Resolves when the robot has stopped for good, with the reason. Never rejects. */
  readonly stopped: Promise<StopReason>
  readonly #options: RobotOptions
  readonly #settings: Settings
  readonly #session: Session
  readonly #jobs: JobTable
  readonly #telemetry: Telemetry
  readonly #load = new SystemLoadMeter()
  readonly #startedAt = performance.now()
  #started: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
  #resolveStopped: (reason: StopReason) => void = () => {}
  #stopping: Promise<void> | undefined
  #over = false
  #paused = false
  #draining = false
  #heartbeatTimer: NodeJS.Timeout | undefined
  #confirmTimer: NodeJS.Timeout | undefined
  /** True while a heartbeat waits for the answers to offers. */
  #beating = false
  /** Called when a job or result has settled, while `stop` waits for those. */
  #look: () => void = () => {}

  /** Throws a `TypeError` for invalid options. Connects only in `start`. */
  constructor(options: RobotOptions) {
    const settings = resolveOptions(options)
    this.#options = options
    this.stopped = new Promise((resolve) => {
      this.#resolveStopped = resolve
    })
    this.#settings = settings
    this.#session = new Session(settings, {
      memory: () => this.#jobs.memory.introduce(),
      registered: (config) => this.#guard(() => this.#registered(config)),
      received: (message, frame) => this.#guard(() => this.#received(message, frame)),
      lost: (code, reason, retryMs) => this.#lost(code, reason, retryMs),
      over: (error) => this.#refused(error),
      warn: (message) => this.#emit({ type: 'warning', message }),
    })
    this.#telemetry = new Telemetry({
      robotId: settings.id,
      perMinute: settings.telemetryPerMinute,
      logsMs: settings.timings.logsMs,
      progressMs: settings.timings.progressMs,
      pauseMs: settings.timings.pauseMs,
      send: (message) => this.#session.congested ? null : this.#send(message),
      drained: () => this.#look(),
    })
    this.#jobs = new JobTable({
      settings,
      telemetry: this.#telemetry,
      send: (message, id) => this.#send(message, id),
      closedBecause: () => this.#draining ? 'Robot is shutting down' : this.#paused ? 'Robot is paused' : null,
      delivered: () => this.#confirmSoon(),
      settled: () => this.#look(),
      emit: (event) => this.#emit(event),
    })
  }

  /** The number of running jobs. */
  get runningJobs(): number {
    return this.#jobs.count
  }

  /** The number of results that the orchestrator has not confirmed. */
  get unconfirmedResults(): number {
    return this.#jobs.unconfirmed
  }

  /**
   * Connects, and resolves at the first registration; until then it keeps trying. Rejects with `RobotRefused` when the
   * orchestrator refuses the robot for good, and when `stop` is called first.
   */
  start(): Promise<void> {
    if (this.#started !== undefined || this.#over) return Promise.reject(new Error('A robot is started once'))
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject }
      void this.#open()
    })
  }

  async #open(): Promise<void> {
    const warn = (message: string): void => this.#emit({ type: 'warning', message })
    const memory = await openMemory(this.#settings, warn, () => this.#session.renew('The memory has changed'))
    this.#jobs.remember(memory)
    if (this.#over) void this.#jobs.close()
    else this.#session.open()
  }

  /**
   * Takes no more jobs, gives the running ones `graceMs` to end, aborts the others, delivers logs and results, and
   * disconnects. Resolves when the connection is closed. Calling it again changes nothing.
   */
  stop({ graceMs = STOP_GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    return this.#stop('stopped', graceMs)
  }

  #stop(reason: StopReason, graceMs: number): Promise<void> {
    this.#stopping ??= this.#windDown(reason, graceMs)
    return this.#stopping
  }

  async #windDown(reason: StopReason, graceMs: number): Promise<void> {
    if (this.#over) return
    this.#draining = true
    this.#emit({ type: 'draining', jobs: this.runningJobs })
    this.#heartbeat()
    await this.#until(() => this.runningJobs === 0, graceMs)
    this.#jobs.abortAll()
    await this.#until(() => this.runningJobs === 0, this.#settings.timings.abortGraceMs * 2)
    await this.#until(() => this.unconfirmedResults === 0 && this.#telemetry.idle, this.#settings.timings.confirmWaitMs)
    this.#send({ type: 'disconnect', payload: { robot_id: this.#settings.id, reason: `Robot ${reason}` } })
    await new Promise<void>((closed) => this.#session.close('Robot stopped', closed))
    this.#end(reason, new Error('The robot was stopped before it was registered'))
    await this.stopped
  }

  /**
   * Waits until a condition holds, at most for a time. The condition is checked whenever the job table has settled
   * something.
   */
  async #until(holds: () => boolean, mostMs: number): Promise<void> {
    if (holds()) return
    await new Promise<void>((resolve) => {
      const timer = mostMs <= TIMER_MS_MAX ? setTimeout(resolve, mostMs) : undefined
      this.#look = () => {
        if (!holds() && !this.#over) return
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #end(reason: StopReason, error: Error): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#heartbeatTimer)
    clearTimeout(this.#confirmTimer)
    this.#telemetry.stop()
    this.#started?.reject(error)
    void this.#closeMemory(reason)
    this.#look()
  }

  async #closeMemory(reason: StopReason): Promise<void> {
    await this.#jobs.close()
    this.#emit({ type: 'stopped', reason })
    this.#resolveStopped(reason)
  }

  #refused(error: RobotRefused): void {
    this.#draining = true
    this.#emit({ type: 'error', error })
    this.#jobs.abortAll()
    this.#end(isReplaced(error) ? 'replaced' : 'refused', error)
  }

  #registered(config: Payload<'register_ack'>['config']): void {
    this.#jobs.bytesMax = config.max_message_bytes ?? this.#jobs.bytesMax
    // Results come first: a job list that overtakes a result would report its job as never begun.
    this.#jobs.registered()
    this.#telemetry.reconnected(config.log_batch_size ?? 100, this.#jobs.bytesMax, config)
    this.#emit({ type: 'registered' })
    this.#started?.resolve()
    this.#heartbeat()
  }

  #lost(code: number, reason: string, retryMs: number): void {
    clearTimeout(this.#heartbeatTimer)
    clearTimeout(this.#confirmTimer)
    this.#confirmTimer = undefined
    this.#jobs.disconnected()
    this.#emit({ type: 'disconnected', code, reason, retryMs })
  }

  #received(message: OrchestratorMessage, frame: string): void {
    switch (message.type) {
      case 'job_assign':
        this.#telemetry.offered()
        return this.#jobs.assigned(message, frame)
      case 'job_cancel':
        return this.#jobs.cancelled(message)
      case 'heartbeat_ack':
        return this.#jobs.heartbeatAnswered(String(message.correlation_id))
      case 'status_request':
        return this.#jobs.arrivals.whenAnswered(() => this.#answerStatus(message))
      case 'pause':
      case 'resume':
        this.#paused = message.type === 'pause'
        this.#emit({ type: this.#paused ? 'paused' : 'resumed' })
        return this.#heartbeat()
      case 'shutdown':
        return void this.#stop('shutdown', message.payload.graceful ? Infinity : 0)
      case 'error':
        return this.#errorReceived(message)
      case 'register_ack':
        return
    }
  }

  /** Sends a message and counts it: results and heartbeats leave less room for reports. */
  #send(message: Outgoing, id?: string): string | null {
    const sent = this.#session.send(message, id)
    if (sent !== null) this.#telemetry.messageSent(message.type)
    return sent
  }

  /** Schedules one heartbeat for all results of a short period, to confirm that they have arrived. */
  #confirmSoon(): void {
    this.#confirmTimer ??= setTimeout(() => {
      this.#confirmTimer = undefined
      if (this.#jobs.unasked) this.#heartbeat()
    }, this.#settings.timings.confirmMs)
  }

  /** Sends a heartbeat, and the next one an interval later. Does nothing while the robot is not registered. */
  #heartbeat(): void {
    clearTimeout(this.#heartbeatTimer)
    if (this.#beating) return
    this.#beating = true
    this.#jobs.arrivals.whenAnswered(() => {
      this.#beating = false
      this.#beat()
    })
  }

  #beat(): void {
    const id = this.#send({ type: 'heartbeat', payload: { ...this.#state(), ...this.#load.read() } })
    if (id === null) return
    this.#jobs.heartbeatSent(id)
    this.#heartbeatTimer = setTimeout(() => this.#heartbeat(), this.#session.heartbeatMs)
  }

  #answerStatus(message: OrchestratorMessage): void {
    const load = this.#load.read()
    const uptime_seconds = Math.round((performance.now() - this.#startedAt) / 1_000)
    const payload = { ...this.#state(), ...load, uptime_seconds, system_info: { ...load } }
    this.#send({ type: 'status_response', payload, correlation_id: message.id })
  }

  #state() {
    const { running, full } = this.#jobs
    const status = this.#paused || this.#draining ? 'paused' : full ? 'busy' : 'online'
    return { robot_id: this.#settings.id, status, current_jobs: running.length, active_job_ids: [...running] }
  }

  #errorReceived(message: Extract<OrchestratorMessage, { type: 'error' }>): void {
    const { error_code, error_message } = message.payload
    const text = `${error_code}: ${error_message ?? ''}`
    this.#emit({ type: 'warning', message: `the orchestrator says ${text}` })
    if (error_code === 'RATE_LIMITED') this.#telemetry.refused(String(message.correlation_id))
    else if (error_code.startsWith('INVALID_')) this.#jobs.resultRefused(message.correlation_id, text)
  }

  /** Reports an error in handling a frame, instead of ending the process that the robot lives in. */
  #guard(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#emit({ type: 'warning', message: `a message could not be handled: ${messageOf(error)}` })
    }
  }

  /** Emits an event. An error in the listener must not end the robot, and there is no other place to report it. */
  #emit(event: RobotEvent): void {
    try {
      this.#options.onEvent?.(event)
    } catch {
      // Dropped, as `onEvent` says.
    }
  }
}
