import type { Event } from '../../core/events/index.ts'
import type { RobotId, SecretHash, SocketId } from '../../core/base/ids.ts'
import { STRANGER_UNSENT_BYTES_MAX } from '../../core/settings.ts'
import { mayRegister } from '../../core/robots/registration.ts'
import type { State } from '../../core/state.ts'
import { type Allowance, newAllowance, spendAllowance } from '../../core/robots/strangers.ts'
import { isInRanges, networkOf } from '../net/client-address.ts'
import { BUFFERED_BYTES_MAX, type Frame, type RobotSocket, sendableCode, sendableReason } from './robot-socket.ts'
import { utf8Bytes } from '../../core/base/text.ts'

/** A connection, and what has to be known of it before a frame is read. */
interface RobotConnection {
  readonly socket: RobotSocket
  readonly credential: SecretHash | null
  readonly onlyRobot: RobotId | null
  /** What it may still say before it registers; null once it may register. */
  allowance: Allowance | null
  /** It has been told to close, or is about to be: nothing that comes is read. */
  closing: boolean
}

/** What a peer that has not been let in sends below its messages, in fragments and pings, beside what these may have. */
const OVERHEAD_BYTES_MAX = 4_096

/**
 * The connections of one fleet. Here frames are counted before they are read: of a peer that has not registered only so many
 * are read, and none after a close.
 */
export class Connections {
  readonly #connections = new Map<SocketId, RobotConnection>()
  readonly #state: () => State
  readonly #read: (socket: RobotSocket, frame: Frame) => Event

  /** `read` makes an event of a frame. */
  constructor(state: () => State, read: (socket: RobotSocket, frame: Frame) => Event) {
    this.#state = state
    this.#read = read
  }

  /** Takes in a connection, and says which network it is to be counted with; null where that is not known. */
  open(socket: RobotSocket, credential: SecretHash | null, onlyRobot: RobotId | null): string | null {
    const state = this.#state()
    this.#add(socket, { credential, onlyRobot, allowance: newAllowance(state, { credential }) })
    const { address = null } = socket
    // A proxy is many.
    return address === null || isInRanges(address, state.settings.trustedProxies) ? null : networkOf(address)
  }

  /** Goes on with a connection that has outlived the memory. False when nothing is known of it. */
  resume(socket: RobotSocket, state: State): boolean {
    const known = state.sockets.get(socket.id)
    if (known === undefined) return false
    const { credential, onlyRobot, robot } = known
    this.#add(socket, { credential, onlyRobot, allowance: robot === null ? newAllowance(state, known) : null })
    return true
  }

  #add(socket: RobotSocket, known: Pick<RobotConnection, 'credential' | 'onlyRobot' | 'allowance'>): void {
    const { credential } = known
    this.#connections.set(socket.id, { socket: { ...socket, credential }, ...known, closing: false })
  }

  /** False when it was not one of these any more. */
  delete(id: SocketId): boolean {
    return this.#connections.delete(id)
  }

  /** What a frame comes to; null when it is not to be read. */
  received(id: SocketId, frame: Frame): Event | null {
    const connection = this.#connections.get(id)
    if (connection === undefined || connection.closing) return null
    if (connection.allowance !== null && !spendAllowance(connection.allowance, bytesOf(frame))) {
      return flooded(connection)
    }
    const event = this.#read(connection.socket, frame)
    // What comes right behind its registration is no stranger's, though the registration is yet to be acted upon.
    if (connection.allowance !== null && event.type === 'robot.message' && event.message.type === 'register') {
      const { robot_id } = event.message.payload
      if (mayRegister(this.#state(), connection, robot_id, event.credential)) connection.allowance = null
    }
    return event
  }

  /**
   * So many bytes have come, whether they are messages or not yet. `more`: those that follow are to be counted too, since the
   * peer has not registered. `event`: they were too many.
   */
  bytesReceived(id: SocketId, bytes: number): { readonly more: boolean; readonly event: Event | null } {
    const connection = this.#connections.get(id)
    if (connection === undefined || connection.closing || connection.allowance === null) {
      return { more: false, event: null }
    }
    const { allowance } = connection
    allowance.received += bytes
    const event = allowance.received > allowance.most + OVERHEAD_BYTES_MAX ? flooded(connection) : null
    return { more: event === null, event }
  }

  /** Whether something can be said to it. */
  has(id: SocketId): boolean {
    return this.#connections.get(id)?.closing === false
  }

  send(id: SocketId, text: string): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    connection.socket.send(text)
    const most = connection.allowance === null ? BUFFERED_BYTES_MAX : STRANGER_UNSENT_BYTES_MAX
    if (connection.socket.buffered() > most) this.close(id, 1013, 'Too slow: messages pile up')
  }

  close(id: SocketId, code: number, reason: string): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    connection.closing = true
    connection.socket.close(sendableCode(code), sendableReason(reason))
  }

  saveSnapshot(id: SocketId, snapshot: string | null): void {
    this.#connections.get(id)?.socket.saveSnapshot?.(snapshot)
  }

  closeAll(code: number, reason: string): void {
    for (const { socket } of this.#connections.values()) socket.close(code, reason)
    this.#connections.clear()
  }
}

function flooded(connection: RobotConnection): Event {
  connection.closing = true
  return { type: 'socket.flooded', socket: connection.socket.id }
}

function bytesOf(frame: Frame): number {
  return typeof frame === 'string' ? utf8Bytes(frame) : frame.byteLength
}
