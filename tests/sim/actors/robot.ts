import { hashOf } from '../../../adapters/crypto/secrets.ts'
import type { Millis, RobotId } from '../../../core/base/ids.ts'
import { fromOrchestrator, isUndecodable } from '../../../core/protocol/decode.ts'
import { encode } from '../../../core/protocol/encode.ts'
import type { OrchestratorMessage, Outgoing, Payload } from '../../../core/protocol/message.ts'
import type { AgendaEntry } from '../world/agenda.ts'
import type { Chance } from '../world/chance.ts'
import {
  acknowledgedIn,
  Controls,
  reconnectMs,
  registration,
  type RobotModel,
  type RobotOptions,
  type Shape,
  statusOf,
} from './robot-models.ts'
import type { Connection } from '../world/network.ts'
import { Process } from '../world/process.ts'
import { Reader } from './reader.ts'
import { RobotJobs } from './robot-jobs.ts'
import { summaryOf } from '../trace.ts'
import { Violation } from '../violation.ts'

const HEARTBEAT_MS = 30_000
const SILENCE_MS = 2 * HEARTBEAT_MS + 10_000
const REGISTER_MS = 10_000

/**
 * A robot: honest, but unreliable. This is its process and its connection; its jobs are in `RobotJobs`.
 * It may crash and forget, or stop in mid-air and go on much later as if nothing had happened.
 */
export class SimRobot {
  readonly id: RobotId
  readonly model: RobotModel
  shape: Shape
  /** Until then it reports to be paused, and takes nothing. */
  pausedUntil: Millis = 0
  readonly jobs: RobotJobs
  readonly #options: RobotOptions
  readonly #chance: Chance
  #connection: Connection | null = null
  #registered = false
  /** The key that it registers with. It gets another when this one has been revoked. */
  #key: string
  #usedKey = ''
  readonly #controls: Controls
  readonly #process: Process
  /** It has stopped connecting, because its key is invalid. */
  #gaveUp = false
  /** The error of its clock, on which nothing may depend. */
  readonly #skew: Millis
  #lastFrameAt: Millis = 0
  #failures = 0
  #messages = 0
  readonly #reader: Reader
  #nextHeartbeat: AgendaEntry | null = null

  constructor(options: RobotOptions) {
    this.#options = options
    this.id = options.id
    this.model = options.model
    this.shape = options.shape
    this.#chance = options.world.chance(options.id)
    this.#key = options.key
    this.#controls = new Controls(options.model)
    this.#process = new Process(options.world, options.id)
    const wrong = this.#chance.happens(options.faults.rates('robotClock'))
    this.#skew = wrong ? this.#chance.between(-12, 12) * 3_600_000 : 0
    const inline = options.model !== 'sdk' && this.#chance.happens(options.faults.rates('inlineJobs'))
    this.#reader = new Reader(() => inline && this.jobs.active().length > 0, (text) => this.#read(text))
    this.jobs = new RobotJobs(this, options, this.#chance)
  }

  /** The reason why it takes no jobs, in its own words; null while it does. */
  get refusalReason(): string | null {
    return this.#controls.refusalReason(this.#options.world.now < this.pausedUntil)
  }

  start(): void {
    if (this.#process.up) return
    this.#process.start()
    this.#controls.forget()
    this.#connect()
  }

  /** R1: the process is gone, and what it had in memory with it. It comes back in a while. */
  crash(change: Shape | null): void {
    if (!this.#process.up) return
    this.#end('dies')
    if (change !== null) this.shape = change
    this.#options.world.after(this.#chance.spread(1_000, 900_000), () => this.start())
  }

  #end(how: string): void {
    const { network } = this.#options
    this.#process.end(how)
    this.#registered = false
    this.#reader.forget()
    if (this.#connection !== null) network.robotDied(this.#connection)
    this.#connection = null
    this.jobs.forget()
  }

  /** Gives it another key after the old one became invalid. */
  changeKey(key: string): void {
    this.#key = key
    if (!this.#process.up) this.start()
    else if (this.#gaveUp) this.#connect()
  }

  pause(ms: Millis): void {
    this.#process.pause(ms)
  }

  /** Faults are over: it is well, can run everything, and makes a new connection. */
  heal(shape: Shape): void {
    this.#process.resume()
    this.pausedUntil = 0
    this.shape = shape
    this.jobs.heal()
    if (this.#process.up) this.#drop()
    else this.start()
  }

  /** Its last job has ended: it leaves if it was asked to do so then. */
  idle(): void {
    this.later(0, () => this.#reader.readOn())
    if (this.#controls.leaving && this.model === 'sdk') this.later(1_000, () => this.#leave())
  }

  /** Says something, if it is registered. Returns the message's id, or null when it did not leave. */
  send(message: Outgoing, id = this.nextId()): string | null {
    if (this.#registered) this.#transmit(message, id)
    return this.#registered ? id : null
  }

  nextId(): string {
    return `${this.id}-${++this.#messages}`
  }

  later(ms: Millis, run: () => void): AgendaEntry {
    return this.#process.later(ms, run)
  }

  heartbeatSoon(): void {
    this.later(250, () => this.#heartbeat())
  }

  #connect(): void {
    const { network, world } = this.#options
    this.#gaveUp = false
    let current: Connection | null = null
    const life = this.#process.life
    const mine = (run: () => void): void => this.#process.inLife(life, () => this.#connection === current && run())
    this.#lastFrameAt = world.now
    this.#usedKey = this.#key
    current = network.connect(this.id, this.model === 'rc' ? null : hashOf(this.#key), {
      opened: () => mine(() => this.#register()),
      received: (text) => mine(() => this.#received(text)),
      closed: () => mine(() => this.#lost()),
    })
    this.#connection = current
    this.later(REGISTER_MS, () => this.#connection === current && !this.#registered && this.#drop())
  }

  #register(): void {
    const payload = registration(this.id, this.shape, this.model === 'rc' ? this.#key : undefined, this.jobs.memory)
    this.#transmit({ type: 'register', payload }, this.nextId())
  }

  /** It gives its connection up and makes another. */
  #drop(): void {
    this.#connection?.closeByRobot()
    this.#lost()
  }

  #lost(): void {
    this.#connection = null
    this.#reader.forget()
    this.#registered = false
    this.jobs.disconnected()
    this.#options.world.cancel(this.#nextHeartbeat)
    if (this.#gaveUp) return
    // Asked to shut down, but not at once, the `ws` client continues until its connection breaks.
    if (this.model === 'ws' && this.#controls.leaving) return this.#restart()
    const awaited = this.#connection
    this.later(reconnectMs(this.model, this.#failures++, this.#chance), () => {
      if (this.#connection === awaited && !this.#gaveUp) this.#connect()
    })
  }

  #received(text: string): void {
    this.#lastFrameAt = this.#options.world.now
    this.#reader.received(text)
  }

  #read(text: string): void {
    const acknowledged = acknowledgedIn(text)
    if (acknowledged !== null) return this.jobs.heartbeatAnswered(acknowledged)
    const message = fromOrchestrator(text)
    if (isUndecodable(message)) throw new Violation('I33', `the server said what nobody can read: ${text}`)
    this.#handle(message)
  }

  #handle(message: OrchestratorMessage): void {
    switch (message.type) {
      case 'register_ack':
        return this.#answered(message.payload.success, message.payload.message)
      case 'heartbeat_ack':
        return this.jobs.heartbeatAnswered(String(message.correlation_id))
      case 'status_request':
        this.send({ type: 'status_response', payload: this.#status(), correlation_id: message.id })
        return
      case 'job_assign':
        return this.#assigned(message.payload)
      case 'job_cancel':
        return this.jobs.cancelled(message.payload.job_id)
      case 'pause':
      case 'resume':
        return this.#controls.apply(message.type)
      case 'shutdown':
        return this.#shutdown(message.payload.graceful)
      default:
        return
    }
  }

  /** R2, aimed: it may stand still in the moment in which it gets an offer. */
  #assigned(assign: Payload<'job_assign'>): void {
    const stalls = this.#chance.happens(this.#options.faults.rates('stallAtOffer'))
    if (stalls) this.#process.pause(this.#chance.spread(5_000, 200_000))
    this.#process.inLife(this.#process.life, () => this.jobs.assigned(assign))
  }

  #shutdown(graceful: boolean): void {
    this.#options.world.mark('robot told to shut down')
    if (this.#controls.shutDown(graceful)) return this.#leave()
    if (this.model !== 'sdk') return
    if (!graceful) this.jobs.abort()
    if (this.jobs.active().length === 0) this.idle()
  }

  /** It disconnects in order, and its process ends. */
  #leave(): void {
    if (this.#controls.leaving && this.jobs.active().length > 0) return
    this.send({ type: 'disconnect', payload: { robot_id: this.id, reason: 'Shutdown requested' } })
    // Its messages are still under way.
    this.#connection?.closeByRobot()
    this.#connection = null
    this.#restart()
  }

  #restart(): void {
    this.#end('leaves')
    this.#options.world.after(this.#chance.spread(60_000, 900_000), () => this.start())
  }

  #answered(success: boolean, why: string): void {
    if (!success) {
      const excused = this.#options.truth.revoked.has(this.id)
      if (!excused) throw new Violation('I33', `${this.id} has a key and was refused: ${why}`)
      // Only the `ws` client tries again with an invalid key. It may have got another one since.
      this.#gaveUp = this.model !== 'ws' && this.#usedKey === this.#key
      return this.#drop()
    }
    this.#registered = true
    this.#failures = 0
    this.jobs.registered()
    this.#options.world.cancel(this.#nextHeartbeat)
    this.#nextHeartbeat = this.later(HEARTBEAT_MS, () => this.#heartbeatLoop())
  }

  #heartbeatLoop(): void {
    if (this.#options.world.now - this.#lastFrameAt > SILENCE_MS) return this.#drop()
    this.#heartbeat()
    this.#nextHeartbeat = this.later(HEARTBEAT_MS, () => this.#heartbeatLoop())
  }

  #heartbeat(): void {
    const id = this.nextId()
    if (this.send({ type: 'heartbeat', payload: this.#status() }, id) !== null) this.jobs.heartbeatSent(id)
  }

  #status(): Outgoing<'heartbeat'>['payload'] {
    const { faults, world } = this.#options
    if (this.refusalReason === 'Robot is paused') world.mark('robot paused itself')
    const wrong = this.#chance.happens(faults.rates('wrongCount'))
    return statusOf(this, this.jobs.active(), wrong ? this.#chance.whole(0, 50) : null)
  }

  #transmit(message: Outgoing, id: string): void {
    const { world } = this.#options
    const text = encode(message, id, world.iso(world.now + this.#skew))
    world.note(() => `${this.id} on ${this.#connection?.id}: ${summaryOf(message)}`, text)
    this.#connection?.sendToServer(text)
  }
}
