import type { Api } from './api.ts'
import { type Frame, Wire } from './wire.ts'

/** A robot of the test's own, as the Python ones are: it echoes no attempt, and answers no question by itself. */
export class Raw {
  readonly id: string
  readonly wire: Wire
  readonly #server: Api
  readonly #seen = new Set<Frame>()

  private constructor(server: Api, id: string, wire: Wire) {
    this.#server = server
    this.id = id
    this.wire = wire
  }

  /** Registers a robot; without an id it is a new one. */
  static async register(server: Api, more: Readonly<Record<string, unknown>> = {}): Promise<Raw> {
    const id = String(more['robot_id'] ?? `raw-${crypto.randomUUID()}`)
    return new Raw(server, id, await Wire.register(server.robots, server.admin, { robot_id: id, ...more }))
  }

  /** The same robot on a new connection, registered with these fields. The older one may be broken. */
  again(more: Readonly<Record<string, unknown>> = {}): Promise<Raw> {
    return Raw.register(this.#server, { robot_id: this.id, ...more })
  }

  /** Submits a job that no other robot may take, and resolves with its id. */
  submit(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    return this.#server.submit({ workflow_id: 'greeting', robot_id: this.id, ...more })
  }

  /** The same, and takes it. */
  async running(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
    const job = await this.submit(more)
    await this.take(job)
    return job
  }

  /** Says something about a job. */
  say(type: string, job: string, more: Readonly<Record<string, unknown>> = {}): void {
    this.wire.send(type, { job_id: job, robot_id: this.id, ...more })
  }

  /** After this, everything sent before is durable. */
  beat(more: Readonly<Record<string, unknown>> = {}): Promise<Frame> {
    return this.wire.beat(this.id, more)
  }

  /** Waits for the offer of a job, and the next time for the next offer of it. */
  async offered(job: string): Promise<Frame> {
    for (;;) {
      const offer = this.wire.frames.find((frame) =>
        frame.type === 'job_assign' && frame.payload['job_id'] === job && !this.#seen.has(frame)
      )
      if (offer === undefined) await this.wire.next('job_assign')
      else {
        this.#seen.add(offer)
        return offer
      }
    }
  }

  /** Waits for the offer of a job and takes it. */
  async take(job: string): Promise<void> {
    await this.offered(job)
    this.say('job_accept', job)
    await this.beat()
  }

  /** The jobs that it was asked to stop so far, in order. */
  get cancels(): readonly string[] {
    return this.wire.frames.flatMap(({ type, payload }) => type === 'job_cancel' ? [String(payload['job_id'])] : [])
  }

  /** The jobs that were offered so far, in this order. */
  get offers(): readonly string[] {
    return this.wire.frames.flatMap(({ type, payload }) => type === 'job_assign' ? [String(payload['job_id'])] : [])
  }
}
