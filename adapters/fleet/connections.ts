import type { Event } from '../../core/events/index.ts'
import type { RobotId, SecretHash, SocketId } from '../../core/base/ids.ts'
import { UNREGISTERED_UNSENT_BYTES_MAX } from '../../core/settings.ts'
import { mayRegister } from '../../core/robots/registration.ts'
import type { State } from '../../core/state.ts'
import { type Allowance, newAllowance, spendAllowance } from '../../core/robots/unregistered.ts'
import { isInRanges, networkOf } from '../net/client-address.ts'
import { BUFFERED_BYTES_MAX, type Frame, type RobotSocket, sendableCode, sendableReason } from './robot-socket.ts'
import { utf8Bytes } from '../../core/base/text.ts'

/** A connection, and the data needed before a frame is read. */
interface RobotConnection {
  readonly socket: RobotSocket
  readonly credential: SecretHash | null
  readonly onlyRobot: RobotId | null
  /** The budget until it registers; null once it may register. */
  allowance: Allowance | null
  /** It was asked to close, or is about to be: its frames are not read. */
  closing: boolean
}

/** The budget in bytes of an unregistered peer for fragments and pings, beside that for its messages. */
const OVERHEAD_BYTES_MAX = 4_096

/**
 * The connections of one fleet. Counts frames before they are read: a peer that has not registered has a small budget,
 * and frames after a close are ignored.
 */
export class Connections {
  readonly #connections = new Map<SocketId, RobotConnection>()
  readonly #state: () => State
  readonly #read: (socket: RobotSocket, frame: Frame) => Event

  /** `read` turns a frame into an event. */
  constructor(state: () => State, read: (socket: RobotSocket, frame: Frame) => Event) {
    this.#state = state
    this.#read = read
  }

  /** Adds a connection, and returns the network that it counts towards; null if that is unknown. */
  open(socket: RobotSocket, credential: SecretHash | null, onlyRobot: RobotId | null): string | null {
    const state = this.#state()
    this.#add(socket, { credential, onlyRobot, allowance: newAllowance(state, { credential }) })
    const { address = null } = socket
    // A proxy stands for many clients.
    return address === null || isInRanges(address, state.settings.trustedProxies) ? null : networkOf(address)
  }

  /** Resumes a connection that was open before hibernation. Returns false if nothing is known of it. */
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

  /** Returns false if it was removed already. */
  delete(id: SocketId): boolean {
    return this.#connections.delete(id)
  }

  /** The event of a frame; null if the frame is to be ignored. */
  received(id: SocketId, frame: Frame): Event | null {
    const connection = this.#connections.get(id)
    if (connection === undefined || connection.closing) return null
    if (connection.allowance !== null && !spendAllowance(connection.allowance, bytesOf(frame))) {
      return flooded(connection)
    }
    const event = this.#read(connection.socket, frame)
    // Messages right behind a valid registration are no longer limited, though the registration is still to be
    // processed.
    if (connection.allowance !== null && event.type === 'robot.message' && event.message.type === 'register') {
      const { robot_id } = event.message.payload
      if (mayRegister(this.#state(), connection, robot_id, event.credential)) connection.allowance = null
    }
    return event
  }

  /**
   * Counts received bytes, of complete messages or not. `more`: later bytes have to be counted too, since the peer has
   * not registered. `event`: the limit is exceeded.
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

  /** True if messages can be sent to it. */
  has(id: SocketId): boolean {
    return this.#connections.get(id)?.closing === false
  }

  send(id: SocketId, text: string): void {
    const connection = this.#connections.get(id)
    if (connection === undefined) return
    connection.socket.send(text)
    const most = connection.allowance === null ? BUFFERED_BYTES_MAX : UNREGISTERED_UNSENT_BYTES_MAX
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
