import type { Millis, RobotId, SecretHash } from '../../core/ids.ts'
import { fromOrchestrator, isUndecodable } from '../../core/protocol/decode.ts'
import { encode } from '../../core/protocol/encode.ts'
import type { OrchestratorMessage, Outgoing } from '../../core/protocol/message.ts'
import { backoffMs } from '../../robot/backoff.ts'
import type { Dice } from './dice.ts'
import type { Ledger } from './ledger.ts'
import type { Connection, Network } from './network.ts'
import { Violation } from './rule.ts'
import { Desk } from './desk.ts'
import type { Weather } from './weather.ts'
import type { World } from './world.ts'

/**
 * The two kinds in the field. `sdk`: ours; echoes attempts, keeps results until they are known to be safe. `python`:
 * the original clients; no attempts, results while offline are dropped, unknown cancellations are met with silence.
 */
export type Kind = 'sdk' | 'python'

export interface Shape {
  readonly environment: string
  readonly slots: number
  readonly tags: readonly string[]
  readonly capabilities: Readonly<Record<string, unknown>>
}

export interface RobotOptions {
  readonly world: World
  readonly weather: Weather
  readonly ledger: Ledger
  readonly network: Network
  readonly id: RobotId
  readonly kind: Kind
  readonly shape: Shape
  readonly key: string
  readonly credential: SecretHash
}

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
  /** Counts processes: what an earlier one had in mind is forgotten. */
  #process = 0
  #up = false
  #paused = false
  /** What came to pass while it was paused. */
  #missed: (() => void)[] = []
  #heardAt: Millis = 0
  #failures = 0
  #messages = 0
  #beating: number | null = null

  constructor(options: RobotOptions) {
    this.#options = options
    this.id = options.id
    this.kind = options.kind
    this.shape = options.shape
    this.#dice = options.world.dice(options.id)
    this.desk = new Desk(this, options, this.#dice)
  }

  get registered(): boolean {
    return this.#registered
  }

  get rests(): boolean {
    return this.#options.world.now < this.restsUntil
  }

  start(): void {
    this.#up = true
    this.#connect()
  }

  /** R1: the process is gone, and what it had in memory with it. It comes back in a while. */
  crash(change: Shape | null): void {
    if (!this.#up) return
    const { network, world } = this.#options
    world.note(`${this.id}: its process dies`)
    this.#process++
    this.#up = false
    this.#paused = false
    this.#missed = []
    this.#registered = false
    if (this.#connection !== null) network.robotDied(this.#connection)
    this.#connection = null
    this.desk.forget()
    if (change !== null) this.shape = change
    world.after(this.#dice.spread(1_000, 900_000), () => this.start())
  }

  /** R2: it stops where it is, and goes on later. Its connection stays open, and what arrives is kept for it. */
  pause(ms: Millis): void {
    if (!this.#up || this.#paused) return
    const { world } = this.#options
    const process = this.#process
    this.#paused = true
    world.note(`${this.id}: stops for ${Math.round(ms / 1000)} s`)
    world.after(ms, () => {
      if (process === this.#process) this.resume()
    })
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#options.world.mark('zombie spoke')
    for (const run of this.#missed.splice(0)) this.#live(run)
  }

  /** The weather has cleared: it is well, can run everything, and makes a new connection. */
  heal(shape: Shape): void {
    this.resume()
    this.restsUntil = 0
    this.shape = shape
    this.desk.heal()
    if (this.#up) this.#drop()
  }

  /** Says something, if it is registered. Returns the message's id, or null when it did not leave. */
  send(message: Outgoing, id = `${this.id}-${++this.#messages}`): string | null {
    if (!this.#registered) return null
    this.#say(message, id)
    return id
  }

  nextId(): string {
    return `${this.id}-${++this.#messages}`
  }

  /** Does something later, if the process is still the same then. */
  later(ms: Millis, run: () => void): number {
    const process = this.#process
    return this.#options.world.after(ms, () => {
      if (process === this.#process) this.#live(run)
    })
  }

  beatSoon(): void {
    this.later(250, () => this.#beat())
  }

  #live(run: () => void): void {
    if (this.#paused) this.#missed.push(run)
    else run()
  }

  #connect(): void {
    const { network, world, credential } = this.#options
    const process = this.#process
    let current: Connection | null = null
    const mine = (run: () => void): void => {
      if (process !== this.#process) return
      this.#live(() => {
        if (this.#connection === current) run()
      })
    }
    this.#heardAt = world.now
    current = network.connect(this.id, this.kind === 'sdk' ? credential : null, {
      opened: () => mine(() => this.#register()),
      received: (text) => mine(() => this.#received(text)),
      closed: () => mine(() => this.#lost()),
    })
    this.#connection = current
    this.later(REGISTER_MS, () => {
      if (this.#connection === current && !this.#registered) this.#drop()
    })
  }

  #register(): void {
    const { shape, id } = this
    const payload = {
      robot_id: id,
      robot_name: `Robot ${id}`,
      environment: shape.environment,
      max_concurrent_jobs: shape.slots,
      tags: [...shape.tags],
      capabilities: { ...shape.capabilities },
      auth_token: this.kind === 'sdk' ? undefined : this.#options.key,
    }
    this.#say({ type: 'register', payload }, this.nextId())
  }

  /** It gives its connection up and makes another. */
  #drop(): void {
    this.#connection?.leave()
    this.#lost()
  }

  #lost(): void {
    this.#connection = null
    this.#registered = false
    this.desk.disconnected()
    this.#options.world.cancel(this.#beating)
    const wait = this.kind === 'sdk'
      ? backoffMs(this.#failures++, 500, 60_000, () => this.#dice.between(0, 1))
      : Math.min(5_000 * 2 ** this.#failures++, 60_000)
    const awaited = this.#connection
    this.later(wait, () => {
      if (this.#connection === awaited) this.#connect()
    })
  }

  #received(text: string): void {
    const { world } = this.#options
    const message = fromOrchestrator(text)
    if (isUndecodable(message)) throw new Violation('I33', `the server said what nobody can read: ${text}`)
    this.#heardAt = world.now
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
        return this.desk.assigned(message.payload)
      case 'job_cancel':
        return this.desk.cancelled(message.payload.job_id)
      default:
        return
    }
  }

  #answered(success: boolean, why: string): void {
    if (!success) throw new Violation('I33', `${this.id} has a key and was refused: ${why}`)
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
    const active = this.desk.active()
    const wrong = this.#dice.chance(this.#options.weather.often('wrongCount'))
    if (this.rests) this.#options.world.mark('robot paused itself')
    return {
      robot_id: this.id,
      status: this.rests ? 'paused' : this.kind === 'sdk' && active.length >= this.shape.slots ? 'busy' : 'online',
      current_jobs: wrong ? this.#dice.whole(0, 50) : active.length,
      active_job_ids: active,
    }
  }

  #say(message: Outgoing, id: string): void {
    const { world } = this.#options
    const { payload } = message
    const job = 'job_id' in payload ? ` ${payload.job_id}` : ''
    const attempt = 'attempt' in payload && payload.attempt !== undefined ? ` attempt ${payload.attempt}` : ''
    const jobs = 'active_job_ids' in payload ? ` [${payload.active_job_ids?.join(' ')}]` : ''
    const text = encode(message, id, '2026-01-01T00:00:00')
    world.note(`${this.id} on ${this.#connection?.id}: ${message.type}${job}${attempt}${jobs}`, text)
    this.#connection?.say(text)
  }
}
