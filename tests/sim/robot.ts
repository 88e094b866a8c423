import { hashOf } from '../../adapters/secret.ts'
import type { Millis, RobotId } from '../../core/ids.ts'
import { fromOrchestrator, isUndecodable } from '../../core/protocol/decode.ts'
import { encode } from '../../core/protocol/encode.ts'
import type { OrchestratorMessage, Outgoing, Payload } from '../../core/protocol/message.ts'
import type { Thing } from './agenda.ts'
import type { Dice } from './dice.ts'
import {
  ackIn,
  inShort,
  type Kind,
  Orders,
  reconnectMs,
  registration,
  type RobotOptions,
  type Shape,
  statusOf,
} from './kind.ts'
import type { Connection } from './network.ts'
import { Process } from './process.ts'
import { Reader } from './reader.ts'
import { Violation } from './rule.ts'
import { Desk } from './desk.ts'

const HEARTBEAT_MS = 30_000
const SILENCE_MS = 2 * HEARTBEAT_MS + 10_000
const REGISTER_MS = 10_000

/**
 * A robot: honest, but unreliable. This is its process and its connection; what it does with jobs is its `Desk`.
 * It may crash and forget, or stop in mid-air and go on much later as if nothing had happened.
 */
export class SimRobot {
  readonly id: RobotId
  readonly kind: Kind
  shape: Shape
  /** Until then it says that it is paused, and takes nothing. */
  restsUntil: Millis = 0
  readonly desk: Desk
  readonly #options: RobotOptions
  readonly #dice: Dice
  #connection: Connection | null = null
  #registered = false
  /** What it shows when it registers. It gets another when this one has been revoked. */
  #key: string
  #shown = ''
  readonly #orders: Orders
  readonly #process: Process
  /** It has given up connecting, for its key is no good. */
  #gone = false
  /** How wrong its clock is. Nothing may depend on it. */
  readonly #skew: Millis
  #heardAt: Millis = 0
  #failures = 0
  #messages = 0
  readonly #reader: Reader
  #beating: Thing | null = null

  constructor(options: RobotOptions) {
    this.#options = options
    this.id = options.id
    this.kind = options.kind
    this.shape = options.shape
    this.#dice = options.world.dice(options.id)
    this.#key = options.key
    this.#orders = new Orders(options.kind)
    this.#process = new Process(options.world, options.id)
    const wrong = this.#dice.chance(options.weather.often('robotClock'))
    this.#skew = wrong ? this.#dice.between(-12, 12) * 3_600_000 : 0
    const inline = options.kind !== 'sdk' && this.#dice.chance(options.weather.often('inlineJobs'))
    this.#reader = new Reader(() => inline && this.desk.active().length > 0, (text) => this.#read(text))
    this.desk = new Desk(this, options, this.#dice)
  }

  /** Why it takes no jobs, in its own words; null while it does. */
  get closedBecause(): string | null {
    return this.#orders.closedBecause(this.#options.world.now < this.restsUntil)
  }

  start(): void {
    if (this.#process.up) return
    this.#process.start()
    this.#orders.forget()
    this.#connect()
  }

  /** R1: the process is gone, and what it had in memory with it. It comes back in a while. */
  crash(change: Shape | null): void {
    if (!this.#process.up) return
    this.#end('dies')
    if (change !== null) this.shape = change
    this.#options.world.after(this.#dice.spread(1_000, 900_000), () => this.start())
  }

  #end(how: string): void {
    const { network } = this.#options
    this.#process.end(how)
    this.#registered = false
    this.#reader.forget()
    if (this.#connection !== null) network.robotDied(this.#connection)
    this.#connection = null
    this.desk.forget()
  }

  /** It gets another key, for the one that it had is no good any more. */
  rekey(key: string): void {
    this.#key = key
    if (!this.#process.up) this.start()
    else if (this.#gone) this.#connect()
  }

  pause(ms: Millis): void {
    this.#process.pause(ms)
  }

  /** The weather has cleared: it is well, can run everything, and makes a new connection. */
  heal(shape: Shape): void {
    this.#process.resume()
    this.restsUntil = 0
    this.shape = shape
    this.desk.heal()
    if (this.#process.up) this.#drop()
    else this.start()
  }

  /** Its last job has ended: if it was told to leave once that is so, it does. */
  idle(): void {
    this.later(0, () => this.#reader.readOn())
    if (this.#orders.leaving && this.kind === 'sdk') this.later(1_000, () => this.#leave())
  }

  /** Says something, if it is registered. Returns the message's id, or null when it did not leave. */
  send(message: Outgoing, id = this.nextId()): string | null {
    if (this.#registered) this.#say(message, id)
    return this.#registered ? id : null
  }

  nextId(): string {
    return `${this.id}-${++this.#messages}`
  }

  later(ms: Millis, run: () => void): Thing {
    return this.#process.later(ms, run)
  }

  beatSoon(): void {
    this.later(250, () => this.#beat())
  }

  #connect(): void {
    const { network, world } = this.#options
    this.#gone = false
    let current: Connection | null = null
    const life = this.#process.life
    const mine = (run: () => void): void => this.#process.inLife(life, () => this.#connection === current && run())
    this.#heardAt = world.now
    this.#shown = this.#key
    current = network.connect(this.id, this.kind === 'rc' ? null : hashOf(this.#key), {
      opened: () => mine(() => this.#register()),
      received: (text) => mine(() => this.#received(text)),
      closed: () => mine(() => this.#lost()),
    })
    this.#connection = current
    this.later(REGISTER_MS, () => this.#connection === current && !this.#registered && this.#drop())
  }

  #register(): void {
    const payload = registration(this.id, this.shape, this.kind === 'rc' ? this.#key : undefined, this.desk.memory)
    this.#say({ type: 'register', payload }, this.nextId())
  }

  /** It gives its connection up and makes another. */
  #drop(): void {
    this.#connection?.leave()
    this.#lost()
  }

  #lost(): void {
    this.#connection = null
    this.#reader.forget()
    this.#registered = false
    this.desk.disconnected()
    this.#options.world.cancel(this.#beating)
    if (this.#gone) return
    // Told to shut down, but not at once, the `ws` client goes on until its line breaks.
    if (this.kind === 'ws' && this.#orders.leaving) return this.#restart()
    const awaited = this.#connection
    this.later(reconnectMs(this.kind, this.#failures++, this.#dice), () => {
      if (this.#connection === awaited && !this.#gone) this.#connect()
    })
  }

  #received(text: string): void {
    this.#heardAt = this.#options.world.now
    this.#reader.received(text)
  }

  #read(text: string): void {
    const acknowledged = ackIn(text)
    if (acknowledged !== null) return this.desk.heartbeatAnswered(acknowledged)
    const message = fromOrchestrator(text)
    if (isUndecodable(message)) throw new Violation('I33', `the server said what nobody can read: ${text}`)
    this.#hear(message)
  }

  #hear(message: OrchestratorMessage): void {
    switch (message.type) {
      case 'register_ack':
        return this.#answered(message.payload.success, message.payload.message)
      case 'heartbeat_ack':
        return this.desk.heartbeatAnswered(String(message.correlation_id))
      case 'status_request':
        this.send({ type: 'status_response', payload: this.#status(), correlation_id: message.id })
        return
      case 'job_assign':
        return this.#assigned(message.payload)
      case 'job_cancel':
        return this.desk.cancelled(message.payload.job_id)
      case 'pause':
      case 'resume':
        return this.#orders.hear(message.type)
      case 'shutdown':
        return this.#shutdown(message.payload.graceful)
      default:
        return
    }
  }

  /** R2, aimed: it may stand still in the moment in which it gets an offer. */
  #assigned(assign: Payload<'job_assign'>): void {
    const stalls = this.#dice.chance(this.#options.weather.often('stallAtOffer'))
    if (stalls) this.#process.pause(this.#dice.spread(5_000, 200_000))
    this.#process.inLife(this.#process.life, () => this.desk.assigned(assign))
  }

  #shutdown(graceful: boolean): void {
    this.#options.world.mark('robot told to shut down')
    if (this.#orders.shutDown(graceful)) return this.#leave()
    if (this.kind !== 'sdk') return
    if (!graceful) this.desk.abort()
    if (this.desk.active().length === 0) this.idle()
  }

  /** It says goodbye, and its process ends. */
  #leave(): void {
    if (this.#orders.leaving && this.desk.active().length > 0) return
    this.send({ type: 'disconnect', payload: { robot_id: this.id, reason: 'Shutdown requested' } })
    // What it has said is still under way.
    this.#connection?.leave()
    this.#connection = null
    this.#restart()
  }

  #restart(): void {
    this.#end('leaves')
    this.#options.world.after(this.#dice.spread(60_000, 900_000), () => this.start())
  }

  #answered(success: boolean, why: string): void {
    if (!success) {
      const excused = this.#options.ledger.revoked.has(this.id)
      if (!excused) throw new Violation('I33', `${this.id} has a key and was refused: ${why}`)
      // Only the `ws` client tries again with a key that is no good. It may have been given another since.
      this.#gone = this.kind !== 'ws' && this.#shown === this.#key
      return this.#drop()
    }
    this.#registered = true
    this.#failures = 0
    this.desk.registered()
    this.#options.world.cancel(this.#beating)
    this.#beating = this.later(HEARTBEAT_MS, () => this.#beatOn())
  }

  #beatOn(): void {
    if (this.#options.world.now - this.#heardAt > SILENCE_MS) return this.#drop()
    this.#beat()
    this.#beating = this.later(HEARTBEAT_MS, () => this.#beatOn())
  }

  #beat(): void {
    const id = this.nextId()
    if (this.send({ type: 'heartbeat', payload: this.#status() }, id) !== null) this.desk.heartbeatSent(id)
  }

  #status(): Outgoing<'heartbeat'>['payload'] {
    const { weather, world } = this.#options
    if (this.closedBecause === 'Robot is paused') world.mark('robot paused itself')
    const wrong = this.#dice.chance(weather.often('wrongCount'))
    return statusOf(this, this.desk.active(), wrong ? this.#dice.whole(0, 50) : null)
  }

  #say(message: Outgoing, id: string): void {
    const { world } = this.#options
    const text = encode(message, id, world.iso(world.now + this.#skew))
    world.note(() => `${this.id} on ${this.#connection?.id}: ${inShort(message)}`, text)
    this.#connection?.say(text)
  }
}
