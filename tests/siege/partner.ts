import type { Socket } from 'node:net'
import { type Asker, upgraded } from './sockets.ts'
import { textFrame } from '../wire/flood.ts'
import type { Ground } from './ground.ts'
import type { Tally } from './tally.ts'

interface Message {
  readonly type: string
  readonly id: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** Prepares attacks from inside with an admin key. */
export class Partner {
  readonly #ground: Ground
  readonly #asker: Asker

  constructor(ground: Ground, asker: Asker) {
    this.#ground = ground
    this.#asker = asker
  }

  /** A workflow that does nothing, published. */
  async workflow(id: string): Promise<string> {
    await this.#api('POST', '/workflows', { id, name: id, json_definition: { nodes: {} } })
    await this.#api('POST', `/workflows/${id}/publish`, {})
    return id
  }

  /** The id of a trigger; null where it is refused. */
  async trigger(given: Readonly<Record<string, unknown>>): Promise<string | null> {
    const made = await this.#api('POST', '/triggers', { name: 'siege', ...given })
    return typeof made?.['id'] === 'string' ? made['id'] : null
  }

  async keyWith(...scopes: readonly string[]): Promise<string> {
    return String((await this.#api('POST', '/keys', { name: 'siege', scopes }))?.['key'])
  }

  async submit(job: Readonly<Record<string, unknown>>): Promise<string> {
    return String((await this.#api('POST', '/jobs', job))?.['id'])
  }

  /** A robot that is registered, and runs the workflow of its name; null where it is not let in. */
  async robot(id: string, slots: number, tally: Tally): Promise<Insider | null> {
    const made = await this.#api('POST', '/keys', { name: id, scopes: ['robots:connect'], robot_id: id })
    const socket = await upgraded(this.#ground, tally)
    if (socket === null) return null
    const robot = new Insider(this, socket, id)
    const ack = robot.next('register_ack')
    robot.say('register', {
      auth_token: made?.['key'],
      max_concurrent_jobs: slots,
      capabilities: { workflows: [id] },
    })
    return (await ack)?.payload['success'] === true ? robot : null
  }

  async #api(method: string, path: string, body: object): Promise<Readonly<Record<string, unknown>> | null> {
    const headers = { 'Authorization': `Bearer ${this.#ground.key}`, 'Content-Type': 'application/json' }
    const { status, text } = await this.#asker.ask(method, `/api/v1${path}`, { headers, body: JSON.stringify(body) })
    return status >= 200 && status < 300 ? JSON.parse(text) as Record<string, unknown> : null
  }
}

/** A registered robot on a raw socket. */
export class Insider {
  readonly partner: Partner
  readonly socket: Socket
  readonly id: string
  readonly #waiting = new Map<string, (message: Message | null) => void>()
  #received: (message: Message) => void = () => {}
  #left: Buffer = Buffer.alloc(0)

  constructor(partner: Partner, socket: Socket, id: string) {
    this.partner = partner
    this.socket = socket
    this.id = id
    socket.on('data', (chunk: Buffer) => this.#read(chunk))
    socket.resume().on('close', () => {
      for (const tell of this.#waiting.values()) tell(null)
    })
  }

  say(type: string, payload: object): void {
    const message = { type, id: crypto.randomUUID(), timestamp: '', payload: { robot_id: this.id, ...payload } }
    this.socket.write(textFrame(JSON.stringify(message)))
  }

  /** The next message of a type; null where the connection ends before. */
  next(type: string): Promise<Message | null> {
    return new Promise((resolve) => this.#waiting.set(type, resolve))
  }

  /** Accepts the next job that is offered, and resolves with its id. */
  async takes(): Promise<string> {
    const job_id = String((await this.next('job_assign'))?.payload['job_id'])
    this.say('job_accept', { job_id })
    return job_id
  }

  /** From here on every job that is offered ends at once. `onCompleted` is called with 1 for each. */
  completeAll(onCompleted: (jobs: number) => void): void {
    this.#received = ({ type, payload }) => {
      if (type !== 'job_assign') return
      const { job_id } = payload
      this.say('job_accept', { job_id })
      this.say('job_complete', { job_id, result: {} })
      onCompleted(1)
    }
  }

  /** Frames of a server are neither masked nor in pieces. */
  #read(chunk: Buffer): void {
    let bytes = this.#left.length === 0 ? chunk : Buffer.concat([this.#left, chunk])
    for (;;) {
      const short = (bytes[1] ?? 0) & 0x7f
      const head = short === 126 ? 4 : short === 127 ? 10 : 2
      if (bytes.length < head) break
      const size = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short
      if (bytes.length < head + size) break
      if (bytes[0] === 0x81) this.#take(JSON.parse(bytes.toString('utf8', head, head + size)) as Message)
      bytes = bytes.subarray(head + size)
    }
    this.#left = bytes
  }

  #take(message: Message): void {
    this.#waiting.get(message.type)?.(message)
    this.#waiting.delete(message.type)
    this.#received(message)
  }
}
