import type { Send } from '../../../core/turn.ts'
import type { Millis, SocketId } from '../../../core/base/ids.ts'
import { encode } from '../../../core/protocol/encode.ts'
import type { Truth } from '../truth/truth.ts'
import type { Connection } from './network.ts'
import type { World } from './world.ts'
import { summaryOf } from '../trace.ts'

/** The server's ends of its connections. */
export class Connections {
  readonly #world: World
  readonly #truth: Truth
  #messages = 0
  readonly #connections = new Map<SocketId, Connection>()

  constructor(world: World, truth: Truth) {
    this.#world = world
    this.#truth = truth
  }

  get all(): readonly Connection[] {
    return [...this.#connections.values()]
  }

  open(connection: Connection): void {
    const another = this.all.some(({ robot }) => robot === connection.robot)
    if (another) this.#world.mark('two connections of one robot')
    this.#connections.set(connection.id, connection)
    this.#truth.owners.set(connection.id, connection.robot)
  }

  get(socket: SocketId): Connection | undefined {
    return this.#connections.get(socket)
  }

  /** A frame has reached the machine. False when nobody listens. */
  received(socket: SocketId): boolean {
    if (!this.#connections.has(socket)) return false
    this.#truth.arrived.set(socket, this.#truth.time.now())
    return true
  }

  /** Has a connection carry what it is restored from. */
  attach(socket: SocketId, text: string | null): void {
    const connection = this.#connections.get(socket)
    if (connection !== undefined) connection.attachment = text
  }

  /** It is gone. False when it was before. */
  drop(socket: SocketId): boolean {
    this.forget(socket)
    return this.#connections.delete(socket)
  }

  /** Says something, or closes, at this instant on the server's clock. */
  deliver(send: Extract<Send, { readonly to: 'socket' }>, at: Millis): void {
    const connection = this.#connections.get(send.socket)
    if (connection === undefined) return this.forget(send.socket)
    const to = (): string => `server to ${connection.robot} on ${send.socket}`
    if ('close' in send) {
      this.#world.note(`${to()}: close ${send.close.code} ${send.close.reason}`)
      return connection.closeByServer(send.close.code)
    }
    if (send.message.type === 'job_cancel' && send.message.payload.reason?.endsWith('offered to this robot')) {
      this.#world.mark('offer answered after it lapsed')
    }
    const text = encode(send.message, `server-${++this.#messages}`, this.#world.iso(at))
    this.#world.note(() => `${to()}: ${summaryOf(send.message)}`, text)
    connection.sendToRobot(text)
  }

  /** Gives one up by itself: its robot hears of it. */
  close(connection: Connection): void {
    this.drop(connection.id)
    connection.closeByServer(1012)
  }

  /** Forgets the robot of a connection, as far as the server can know. */
  forget(socket: SocketId): void {
    const { current, owners } = this.#truth
    const robot = owners.get(socket)
    if (robot !== undefined && current.get(robot) === socket) current.delete(robot)
  }
}
