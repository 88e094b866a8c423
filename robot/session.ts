import { randomUUID } from 'node:crypto'
import { fromOrchestrator, isUndecodable } from '../core/protocol/decode.ts'
import { encode } from '../core/protocol/encode.ts'
import type { OrchestratorMessage, Outgoing, Payload } from '../core/protocol/message.ts'
import { backoffMs } from './backoff.ts'
import { type Connection, openConnection } from './connection.ts'
import type { Settings } from './options.ts'

/** The orchestrator refuses this robot, or this connection. Trying again would not help. */
export class RobotRefused extends Error {
  override readonly name = 'RobotRefused'
  /** The WebSocket close code, the HTTP status of the refused upgrade, or null for a refused registration. */
  readonly code: number | null

  constructor(message: string, code: number | null) {
    super(message)
    this.code = code
  }
}

export interface SessionEvents {
  /** The robot's memory, sent with each registration. */
  readonly memory: () => Outgoing<'register'>['payload']['memory']
  /** A new connection is registered. Messages on earlier ones may be lost. */
  readonly registered: (config: Payload<'register_ack'>['config']) => void
  /** A message, and the text that it was read from. */
  readonly received: (message: OrchestratorMessage, frame: string) => void
  readonly lost: (code: number, reason: string, retryMs: number) => void
  /** The session has ended and does not try again. */
  readonly over: (error: RobotRefused) => void
  readonly warn: (message: string) => void
}

/** Close codes after which another try would end in the same way. The original orchestrator sends 4001. */
const REPLACED = 4409
const REFUSED_CODES = [4001, 4401, 4403, REPLACED]
/** Matches the client library's message for an upgrade that was answered with one of these statuses. */
const REFUSED_UPGRADE = /\b(401|403)\b/
const HEARTBEAT_MS = 30_000
/** The number of unsent bytes above which telemetry waits for the network. */
const CONGESTED_BYTES = 1 << 20

/** True if the error means that another connection of the same robot has taken over. */
export function isReplaced(error: RobotRefused): boolean {
  return error.code === REPLACED
}

/** Keeps one registered connection: connects, registers, detects silence, and reconnects after a loss. */
export class Session {
  readonly #settings: Settings
  readonly #events: SessionEvents
  #connection: Connection | undefined
  #registered = false
  #closed = false
  #failures = 0
  #stamp = { at: 0, text: '' }
  #receivedAt = 0
  #heartbeatMs: number
  #registerTimer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined
  #silenceTimer: NodeJS.Timeout | undefined
  #onClosed: () => void = () => {}

  constructor(settings: Settings, events: SessionEvents) {
    this.#settings = settings
    this.#events = events
    this.#heartbeatMs = settings.heartbeatMs ?? HEARTBEAT_MS
  }

  get registered(): boolean {
    return this.#registered
  }

  /** The heartbeat interval in milliseconds, by the robot's options or else by the orchestrator. */
  get heartbeatMs(): number {
    return this.#heartbeatMs
  }

  get congested(): boolean {
    return (this.#connection?.buffered() ?? 0) > CONGESTED_BYTES
  }

  /** Makes the first try. Further ones follow automatically. */
  open(): void {
    if (this.#closed) return
    const { url, key, timings } = this.#settings
    const connection = openConnection(url, key, {
      opened: () => this.#register(),
      text: (text) => this.#read(text),
      closed: (code, reason) => this.#ended(code, reason),
    })
    this.#connection = connection
    // Double the time after each failure: on a slow orchestrator or machine the same time would fail again.
    const mostMs = Math.max(timings.registerMs, timings.backoffCapMs)
    const waitMs = Math.min(mostMs, timings.registerMs * 2 ** Math.min(this.#failures, 16))
    this.#registerTimer = setTimeout(() => connection.drop('the registration was not answered'), waitMs)
  }

  /** Sends a message if the robot is registered. Returns its id, or null if it was not sent. */
  send(message: Outgoing, id: string = randomUUID()): string | null {
    if (!this.#registered || this.#connection === undefined) return null
    this.#connection.send(encode(message, id, this.#timestamp()))
    return id
  }

  /** The present time as messages have it. It is written once for all messages of a millisecond. */
  #timestamp(): string {
    const at = Date.now()
    if (at !== this.#stamp.at) this.#stamp = { at, text: new Date(at).toISOString() }
    return this.#stamp.text
  }

  /** Closes the connection after the pending messages, and reconnects as after a loss. */
  renew(reason: string): void {
    this.#connection?.close(1000, reason)
  }

  /** Closes the connection for good. `closed` is called when it is gone. */
  close(reason: string, closed: () => void): void {
    this.#closed = true
    clearTimeout(this.#retryTimer)
    if (this.#connection === undefined) return closed()
    this.#onClosed = closed
    this.#connection.close(1000, reason)
  }

  #register(): void {
    const { id, key, name, environment, slots, tags, capabilities } = this.#settings
    const register: Outgoing<'register'> = {
      type: 'register',
      payload: {
        robot_id: id,
        robot_name: name,
        environment,
        max_concurrent_jobs: slots,
        tags: [...tags],
        capabilities: { ...capabilities },
        auth_token: key,
        memory: this.#events.memory(),
      },
    }
    this.#connection?.send(encode(register, crypto.randomUUID(), new Date().toISOString()))
  }

  #read(text: string): void {
    this.#receivedAt = performance.now()
    const message = fromOrchestrator(text)
    if (isUndecodable(message)) return this.#events.warn(`ignored a message: ${message.refusal.message}`)
    if (this.#registered) return this.#events.received(message, text)
    if (message.type === 'register_ack') return this.#answered(message.payload)
    if (message.type === 'error' && ['AUTHENTICATION_FAILED', 'FORBIDDEN'].includes(message.payload.error_code)) {
      return this.#refused(new RobotRefused(message.payload.error_message ?? message.payload.error_code, null))
    }
    this.#events.warn(`ignored ${message.type}, which came before the registration was answered`)
  }

  #answered(ack: Payload<'register_ack'>): void {
    if (this.#closed) return
    if (!ack.success) return this.#refused(new RobotRefused(ack.message || 'The registration was refused', null))
    clearTimeout(this.#registerTimer)
    this.#registered = true
    this.#failures = 0
    const { heartbeat_interval } = ack.config
    if (this.#settings.heartbeatMs === undefined && heartbeat_interval !== undefined && heartbeat_interval > 0) {
      this.#heartbeatMs = heartbeat_interval * 1_000
    }
    this.#watch()
    this.#events.registered(ack.config)
  }

  /** Drops the connection if nothing has arrived for two heartbeats, each of which should have been answered. */
  #watch(): void {
    const connection = this.#connection
    const limitMs = 2 * this.#heartbeatMs + this.#settings.timings.silenceMs
    const leftMs = this.#receivedAt + limitMs - performance.now()
    if (leftMs <= 0) return connection?.drop(`no message arrived for ${Math.round(limitMs / 1_000)} s`)
    this.#silenceTimer = setTimeout(() => this.#watch(), leftMs)
  }

  #ended(code: number, reason: string): void {
    clearTimeout(this.#registerTimer)
    clearTimeout(this.#silenceTimer)
    const wasRegistered = this.#registered
    this.#connection = undefined
    this.#registered = false
    if (this.#closed) return this.#onClosed()
    if (REFUSED_CODES.includes(code)) return this.#refused(new RobotRefused(reason || `Closed with ${code}`, code))
    const status = wasRegistered ? null : REFUSED_UPGRADE.exec(reason)
    if (status !== null) return this.#refused(new RobotRefused(reason, Number(status[1])))
    const { backoffBaseMs, backoffCapMs } = this.#settings.timings
    const retryMs = backoffMs(this.#failures++, backoffBaseMs, backoffCapMs, Math.random)
    this.#retryTimer = setTimeout(() => this.open(), retryMs)
    this.#events.lost(code, reason, retryMs)
  }

  #refused(error: RobotRefused): void {
    if (this.#closed) return
    this.close('refused', () => {})
    this.#events.over(error)
  }
}
