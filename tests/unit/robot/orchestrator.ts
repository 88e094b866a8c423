import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Peer } from 'crossws'
import nodeAdapter from 'crossws/adapters/node'
import { fromRobot, isUndecodable } from '../../../core/protocol/decode.ts'
import { encode } from '../../../core/protocol/encode.ts'
import type { Message, MessageType, Outgoing, RobotMessage } from '../../../core/protocol/message.ts'

type Of<T extends MessageType> = Message<T>

/** An orchestrator that only does what a test asks, on a real WebSocket. */
export class Orchestrator {
  readonly #server: Server
  readonly #connections: Connection[] = []
  readonly #waiting: ((connection: Connection) => void)[] = []

  private constructor(server: Server) {
    this.#server = server
  }

  static async listen(): Promise<Orchestrator> {
    const server = createServer()
    const orchestrator = new Orchestrator(server)
    const byPeer = new Map<string, Connection>()
    const adapter = nodeAdapter({
      hooks: {
        open: (peer) => {
          const connection = new Connection(peer)
          byPeer.set(peer.id, connection)
          const waiting = orchestrator.#waiting.shift()
          if (waiting === undefined) orchestrator.#connections.push(connection)
          else waiting(connection)
        },
        message: (peer, message) => byPeer.get(peer.id)?.receive(message.text()),
        close: (peer, { code }) => byPeer.get(peer.id)?.ended(code ?? 1006),
      },
    })
    server.on('upgrade', (request, socket, head) => {
      // A robot that is dropped resets its connection, which must not end the test.
      socket.on('error', () => {})
      void adapter.handleUpgrade(request, socket, head)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return orchestrator
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The next connection that a robot makes, or has made. */
  connection(): Promise<Connection> {
    const ready = this.#connections.shift()
    return ready === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(ready)
  }

  /** The next connection, with its registration answered. */
  async registered(config: Outgoing<'register_ack'>['payload']['config'] = {}): Promise<Connection> {
    return (await this.connection()).register(config)
  }

  /** Answers the registration on each connection from now on, as soon as it comes. */
  async answerRegistrations(): Promise<never> {
    for (;;) void (await this.connection()).register()
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}

/** One robot's connection, as the orchestrator sees it. */
export class Connection {
  /** Everything received, in order. */
  readonly all: RobotMessage[] = []
  readonly closed: Promise<number>
  readonly #peer: Peer
  #read = 0
  #wake: () => void = () => {}
  ended: (code: number) => void = () => {}

  constructor(peer: Peer) {
    this.#peer = peer
    this.closed = new Promise((resolve) => {
      this.ended = resolve
    })
  }

  receive(text: string): void {
    const message = fromRobot(text)
    if (isUndecodable(message)) throw new Error(`the robot said ${text.slice(0, 200)}: ${message.refusal.message}`)
    this.all.push(message)
    this.#wake()
  }

  get headers(): Headers {
    return this.#peer.request.headers
  }

  /** The next message of a type that was not waited for before. Those of other types in between are passed over. */
  async next<T extends RobotMessage['type']>(type: T): Promise<Of<T>> {
    for (;;) {
      const message = this.all[this.#read]
      if (message === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      } else {
        this.#read++
        if (message.type === type) return message as unknown as Of<T>
      }
    }
  }

  /** Answers the registration when it comes. */
  async register(config: Outgoing<'register_ack'>['payload']['config'] = {}): Promise<this> {
    const { id, payload: { robot_id } } = await this.next('register')
    this.send({ type: 'register_ack', payload: { robot_id, success: true, config }, correlation_id: id })
    return this
  }

  types(): readonly string[] {
    return this.all.map(({ type }) => type)
  }

  send(message: Outgoing, id: string = crypto.randomUUID()): string {
    this.#peer.send(encode(message, id, new Date().toISOString()))
    return id
  }

  /** Answers the next heartbeat, which says that all before it is durable. */
  async answerHeartbeat(): Promise<Of<'heartbeat'>> {
    const heartbeat = await this.next('heartbeat')
    const { robot_id } = heartbeat.payload
    this.send({ type: 'heartbeat_ack', payload: { robot_id }, correlation_id: heartbeat.id })
    return heartbeat
  }

  assign(job_id: string, more: Partial<Outgoing<'job_assign'>['payload']> = {}): string {
    return this.send({
      type: 'job_assign',
      payload: {
        job_id,
        workflow_id: 'w',
        workflow_name: 'W',
        workflow_json: '{"nodes":{}}',
        priority: 1,
        timeout_seconds: 60,
        attempt: 1,
        offer: 1,
        ...more,
      },
    })
  }

  close(code: number, reason = ''): void {
    this.#peer.close(code, reason)
  }

  /** Breaks the connection without a goodbye. */
  drop(): void {
    this.#peer.terminate()
  }
}
