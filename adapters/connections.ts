import type { Event } from '../core/event.ts'
import type { RobotId, SecretHash, SocketId } from '../core/ids.ts'
import { STRANGER_UNSENT_BYTES_MAX } from '../core/limits.ts'
import { utf8Bytes } from '../core/protocol/decode.ts'
import { isLetIn } from '../core/robot.ts'
import type { State } from '../core/state.ts'
import { type Allowance, newAllowance, spend } from '../core/strangers.ts'
import { isWithin, networkOf } from './http/address.ts'
import { BUFFERED_BYTES_MAX, type Frame, type RobotSocket, sendableCode, sendableReason } from './socket.ts'

/** A connection, and what has to be known of it before a frame is read. */
interface Line {
  readonly socket: RobotSocket
  readonly credential: SecretHash | null
  readonly meant: RobotId | null
  /** What it may still say before it registers; null once it may register. */
  allowance: Allowance | null
  /** It has been told to close, or is about to be: nothing that comes is read. */
  deaf: boolean
}

/** What a peer that has not been let in sends below its messages, in fragments and pings, beside what these may have. */
const OVERHEAD_BYTES_MAX = 4_096

/**
 * The connections of one fleet. Here frames are counted before they are read: of a peer that has not registered only so many
 * are read, and none after a close.
 */
export class Connections {
  readonly #lines = new Map<SocketId, Line>()
  readonly #state: () => State
  readonly #read: (socket: RobotSocket, frame: Frame) => Event

  /** `read` makes an event of a frame. */
  constructor(state: () => State, read: (socket: RobotSocket, frame: Frame) => Event) {
    this.#state = state
    this.#read = read
  }

  /** Takes in a connection, and says which network it is to be counted with; null where that is not known. */
  open(socket: RobotSocket, credential: SecretHash | null, meant: RobotId | null): string | null {
    const state = this.#state()
    const allowance = newAllowance(state, { credential })
    this.#lines.set(socket.id, { socket: { ...socket, credential }, credential, meant, allowance, deaf: false })
    const { address = null } = socket
    // A proxy is many.
    return address === null || isWithin(address, state.settings.trustedProxies) ? null : networkOf(address)
  }

  /** Goes on with a connection that has outlived the memory. False when nothing is known of it. */
  resume(socket: RobotSocket, state: State): boolean {
    const known = state.sockets.get(socket.id)
    if (known === undefined) return false
    const { credential, meant, robot } = known
    const allowance = robot === null ? newAllowance(state, known) : null
    this.#lines.set(socket.id, { socket: { ...socket, credential }, credential, meant, allowance, deaf: false })
    return true
  }

  /** False when it was not one of these any more. */
  delete(id: SocketId): boolean {
    return this.#lines.delete(id)
  }

  /** What a frame comes to; null when it is not to be read. */
  heard(id: SocketId, frame: Frame): Event | null {
    const line = this.#lines.get(id)
    if (line === undefined || line.deaf) return null
    if (line.allowance !== null && !spend(line.allowance, bytesOf(frame))) return flooded(line)
    const event = this.#read(line.socket, frame)
    // What comes right behind its registration is no stranger's, though the registration is yet to be acted upon.
    if (line.allowance !== null && event.type === 'robot.said' && event.message.type === 'register') {
      const { robot_id } = event.message.payload
      if (isLetIn(this.#state(), line, robot_id, event.credential)) line.allowance = null
    }
    return event
  }

  /**
   * So many bytes have come, whether they are messages or not yet. `more`: those that follow are to be counted too, since the
   * peer has not registered. `event`: they were too many.
   */
  received(id: SocketId, bytes: number): { readonly more: boolean; readonly event: Event | null } {
    const line = this.#lines.get(id)
    if (line === undefined || line.deaf || line.allowance === null) return { more: false, event: null }
    const { allowance } = line
    allowance.received += bytes
    const event = allowance.received > allowance.most + OVERHEAD_BYTES_MAX ? flooded(line) : null
    return { more: event === null, event }
  }

  /** Whether something can be said to it. */
  has(id: SocketId): boolean {
    return this.#lines.get(id)?.deaf === false
  }

  send(id: SocketId, text: string): void {
    const line = this.#lines.get(id)
    if (line === undefined) return
    line.socket.send(text)
    const most = line.allowance === null ? BUFFERED_BYTES_MAX : STRANGER_UNSENT_BYTES_MAX
    if (line.socket.buffered() > most) this.close(id, 1013, 'Too slow: messages pile up')
  }

  close(id: SocketId, code: number, reason: string): void {
    const line = this.#lines.get(id)
    if (line === undefined) return
    line.deaf = true
    line.socket.close(sendableCode(code), sendableReason(reason))
  }

  attach(id: SocketId, text: string | null): void {
    this.#lines.get(id)?.socket.attach?.(text)
  }

  closeAll(code: number, reason: string): void {
    for (const { socket } of this.#lines.values()) socket.close(code, reason)
    this.#lines.clear()
  }
}

function flooded(line: Line): Event {
  line.deaf = true
  return { type: 'socket.flooded', socket: line.socket.id }
}

function bytesOf(frame: Frame): number {
  return typeof frame === 'string' ? utf8Bytes(frame) : frame.byteLength
}
