import type { Socket } from 'node:net'
import WebSocket from 'crossws/websocket'

/** The parts of a frame that are read. */
export interface Frame {
  readonly type: string
  readonly id: string
  readonly timestamp: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly correlation_id?: unknown
}

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** The client's member that holds its TCP socket. */
const TCP = '_socket'
/** The platform's type knows two arguments; on Node a third carries headers. */
type Constructor = new (url: string, protocols: string[], options: object) => WebSocket & { readonly [TCP]?: Socket }
const Client = WebSocket as unknown as Constructor
type Opened = InstanceType<Constructor>

const open = new Set<Wire>()

/** Ends every connection that a test has left open. */
export function closeAll(): void {
  for (const wire of open) wire.terminate()
}

/** A robot as the network knows it: frames out, frames in, nothing done by itself. */
export class Wire {
  /** Everything received, in order. */
  readonly frames: Frame[] = []
  /** The same, as it came. */
  readonly texts: string[] = []
  readonly closed: Promise<Closed>
  readonly #socket: Opened
  #read = 0
  #wake: () => void = () => {}
  #over = false

  private constructor(socket: Opened) {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    open.add(this)
    socket.addEventListener('message', ({ data }) => {
      this.texts.push(String(data))
      this.frames.push(JSON.parse(String(data)) as Frame)
      this.#wake()
    })
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => {
        this.#over = true
        open.delete(this)
        this.#wake()
        resolve({ code, reason })
      })
    })
  }

  /** Connects, and resolves once the connection is open; rejects when it is refused. */
  static connect(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Wire> {
    const socket = new Client(url, [], { headers })
    const wire = new Wire(socket)
    return new Promise((resolve, reject) => {
      socket.addEventListener('open', () => resolve(wire))
      socket.addEventListener(
        'error',
        (event) => reject(new Error('message' in event ? String(event.message) : 'error')),
      )
    })
  }

  /** Connects and registers, and resolves once that is acknowledged. */
  static async register(url: string, key: string, payload: Readonly<Record<string, unknown>>): Promise<Wire> {
    const wire = await Wire.connect(url)
    wire.send('register', { auth_token: key, ...payload })
    const ack = await wire.next('register_ack')
    if (ack.payload['success'] !== true) {
      throw new Error(`the registration was refused: ${String(ack.payload['message'])}`)
    }
    return wire
  }

  /** Sends a message and returns its id. */
  send(type: string, payload: unknown, id: string = crypto.randomUUID()): string {
    this.#socket.send(JSON.stringify({ type, id, timestamp: new Date().toISOString(), payload }))
    return id
  }

  /** Sends a frame as it is: text, or bytes as a binary frame. */
  raw(frame: string | Uint8Array<ArrayBuffer>): void {
    this.#socket.send(frame)
  }

  /** Sends bytes below the WebSocket: frames as no WebSocket would make them. */
  bytes(frame: Uint8Array): void {
    const socket = this.#socket[TCP]
    if (socket === undefined) throw new Error('this platform does not show its TCP sockets')
    socket.write(frame)
  }

  /** Sends the messages of the function in one write, so that they arrive together. */
  together(send: () => void): void {
    const socket = this.#socket[TCP]
    if (socket === undefined) throw new Error('this platform does not show its TCP sockets')
    socket.cork()
    send()
    socket.uncork()
  }

  /** The next frame of a type that was not waited for before. Those of other types in between are passed over. */
  async next(type: string): Promise<Frame> {
    for (;;) {
      const frame = this.frames[this.#read]
      if (frame !== undefined) {
        this.#read++
        if (frame.type === type) return frame
      } else if (this.#over) throw new Error(`the connection was closed before a ${type} came`)
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Resolves when something has come, or when nothing more can. */
  more(): Promise<void> {
    return this.#over ? new Promise(() => {}) : new Promise((resolve) => (this.#wake = resolve))
  }

  /** A heartbeat and its answer: everything that was sent before it has been dealt with, and is durable. */
  async beat(robot: string, more: Readonly<Record<string, unknown>> = {}): Promise<Frame> {
    const id = this.send('heartbeat', { robot_id: robot, ...more })
    for (;;) {
      const ack = await this.next('heartbeat_ack')
      if (ack.correlation_id === id) return ack
    }
  }

  close(code = 1000, reason = ''): Promise<Closed> {
    this.#socket.close(code, reason)
    return this.closed
  }

  /** Resets the connection, without goodbye. */
  terminate(): void {
    const socket = this.#socket[TCP]
    if (socket === undefined) this.#socket.close()
    else socket.resetAndDestroy()
  }
}
